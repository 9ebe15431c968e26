package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgerrcode"
)

// bareCodes are PostgreSQL's error codes that a file writes as text.
func bareCodes(file *ast.File) (found []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && pgerrcode.Name(text) != "" {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// TestErrorCodesOfPostgreSQLHaveNames: whoever reads a condition sees what it is about, and nobody mistypes a code.
func TestErrorCodesOfPostgreSQLHaveNames(t *testing.T) {
	t.Parallel()
	parts := []string{"cmd", "db", "handlers", "internal", "web"}
	eachProductFile(t, parts, nil, func(path string, file *ast.File) {
		for _, code := range bareCodes(file) {
			t.Errorf("%s writes an error code as text: %q is pgerrcode.%s", path, code, pgerrcode.Name(code))
		}
	})
	planted, err := parser.ParseFile(token.NewFileSet(), "planted.go",
		"package planted\nvar a, b, c = `42501`, \"08\", \"a 42501\"", parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if found := bareCodes(planted); !slices.Equal(found, []string{"42501"}) {
		t.Errorf("found %q in the planted file", found)
	}
}
