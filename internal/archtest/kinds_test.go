package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
)

// drawn returns what the drawing in a file says, by the names of its fields.
func drawn(file *ast.File) (fields []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		drawing, ok := n.(*ast.CompositeLit)
		if !ok || !isName(drawing.Type, "drawing") {
			return true
		}
		for _, e := range drawing.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				if name, ok := pair.Key.(*ast.Ident); ok {
					fields = append(fields, name.Name)
				}
			}
		}
		return false
	})
	return fields
}

// enums returns the choices that the API's document has for fields called kind.
func enums(v any, found [][]any) [][]any {
	switch v := v.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			if kind, ok := properties["kind"].(map[string]any); ok {
				if choices, ok := kind["enum"].([]any); ok {
					found = append(found, choices)
				}
			}
		}
		for _, inner := range v {
			found = enums(inner, found)
		}
	case []any:
		for _, inner := range v {
			found = enums(inner, found)
		}
	}
	return found
}

// TestKindsAreWhole: each kind of operation has its file and drawing in handlers/draw, words in the audit trail for how
// it ends, and its place in the API's document.
func TestKindsAreWhole(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	choices := enums(document, nil)
	if len(console.Kinds()) < 5 || len(choices) == 0 {
		t.Fatalf("there are the kinds %v, and the document names %v", console.Kinds(), choices)
	}
	for _, kind := range console.Kinds() {
		path := filepath.Join(root, "handlers", "draw", "kind_"+string(kind)+".go")
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s is not drawn: %v", kind, err)
			continue
		}
		fields := drawn(file)
		for _, field := range []string{"noun", "title", "unfinished", "stopping", "result", "again", "facts"} {
			if !slices.Contains(fields, field) {
				t.Errorf("the drawing of a %s has no %s: %s", kind, field, path)
			}
		}
		end := audit.EndOf(string(kind))
		if !slices.ContainsFunc(audit.Actions(), func(w audit.Words) bool { return w.Action == end }) {
			t.Errorf("%s has no words: internal/audit/actions.go", end)
		}
		if !slices.ContainsFunc(choices, func(c []any) bool { return slices.Contains(c, any(string(kind))) }) {
			t.Errorf("the API's document names no %s", kind)
		}
	}
}
