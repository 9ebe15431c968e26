package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryTestThatIsNamedExists: a document that points at a test points at one that is there.
func TestEveryTestThatIsNamedExists(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "../.." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil || len(tests) < 300 {
		t.Fatalf("%d tests, %v", len(tests), err)
	}
	named := regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]+\b`)
	for _, document := range documents(t) {
		found := named.FindAllString(document.text, -1)
		if document.name == "SECURITY.md" && len(found) < 50 {
			t.Errorf("%s names %d tests", document.name, len(found))
		}
		for _, name := range found {
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", document.name, name)
			}
		}
	}
}
