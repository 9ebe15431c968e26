package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// actionName is what the trail calls an action.
var actionName = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)+$`)

// actionsIn returns the actions that a file records: an Entry's Action, and what is given to a function that records.
func actionsIn(file *ast.File) (found []string) {
	take := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil && actionName.MatchString(name) {
				found = append(found, name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Action" {
				take(n.Value)
			}
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			if strings.HasPrefix(name, "record") || strings.HasPrefix(name, "enqueue") || strings.HasPrefix(name, "attempt") {
				for _, arg := range n.Args {
					take(arg)
				}
			}
		}
		return true
	})
	return found
}

// TestEveryAuditActionHasWords reads the product's code for what it records: an action that no page has words for is
// shown as a name.
func TestEveryAuditActionHasWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, part := range []string{"../internal", "../cmd/keepsake", "../web", "."} {
		err := filepath.WalkDir(part, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, action := range actionsIn(file) {
				seen[action] = true
				if !slices.ContainsFunc(deeds, func(d deed) bool { return d.action == action }) {
					t.Errorf("%s records %q, which has no words in audit_words.go", path, action)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 40 || !seen["duties.list"] || !seen["backup.start"] || !seen["scope.restore"] {
		t.Errorf("%d actions were found: the test does not see what is recorded", len(seen))
	}
}
