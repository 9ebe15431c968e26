package replicas

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestPlacesAreJudgedInWholeSentences reads every text that says why a place is not used: it is put behind a provider's
// name, so that it begins anew and brings no colon of its own.
func TestPlacesAreJudgedInWholeSentences(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	look := func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		if name, is := call.Fun.(*ast.Ident); !is || name.Name != "placeError" {
			return true
		}
		ast.Inspect(call, func(n ast.Node) bool {
			if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
				words, err := strconv.Unquote(lit.Value)
				if texts++; err != nil || strings.Contains(words, ": ") {
					t.Errorf("%q", words)
				}
			}
			return true
		})
		return true
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, look)
	}
	if texts < 15 {
		t.Errorf("%d texts were found: this test looks for them in a way that finds them no more", texts)
	}
}
