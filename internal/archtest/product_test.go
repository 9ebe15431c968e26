package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// eachProductFile parses the Go files below these folders of the checkout, tests left out, and hands each to look.
// Folders of a name in skip are left out too. It fails the test where it finds too few: then it does not see the
// product, and whatever look looks for cannot be found.
func eachProductFile(t *testing.T, parts, skip []string, look func(path string, file *ast.File)) {
	t.Helper()
	files := 0
	for _, part := range parts {
		err := filepath.WalkDir(filepath.Join("..", "..", part), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && slices.Contains(skip, d.Name()) {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			files++
			look(path, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("%d files were read: the test does not find them", files)
	}
}
