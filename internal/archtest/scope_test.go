package archtest

import (
	"go/ast"
	"strings"
	"testing"
)

// scopeShapes are the structs that name a scope by fields: what a script or a person wrote. Each becomes a
// keepsake.ScopeFields at once.
var scopeShapes = map[string]bool{"keepsake.ScopeFields": true, "api.Scope": true, "main.scopeFlags": true,
	"main.restoreCommand": true}

// shapesOfScope names the structs of a file that have a list of tiers beside the key of a wedding or an organization.
func shapesOfScope(file *ast.File) (found []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		shape, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		tiers, key := false, false
		for _, field := range shape.Fields.List {
			_, list := field.Type.(*ast.ArrayType)
			for _, name := range field.Names {
				tiers = tiers || list && strings.HasPrefix(strings.ToLower(name.Name), "tier")
				about := strings.TrimSuffix(strings.ToLower(name.Name), "id")
				key = key || isName(field.Type, "string") && (about == "wedding" || about == "organization")
			}
		}
		if tiers && key {
			found = append(found, file.Name.Name+"."+spec.Name.Name)
		}
		return true
	})
	return found
}

// TestScopeHasOneShape: what a restore covers travels as a keepsake.Scope. A struct that names it by fields of its own
// would need checks of its own. Views, which hold what a form shows, and generated code are left out.
func TestScopeHasOneShape(t *testing.T) {
	t.Parallel()
	seen := 0
	parts := []string{"cmd/keepsake", "handlers", "internal", "web"}
	eachProductFile(t, parts, []string{"apiclient"}, func(path string, file *ast.File) {
		for _, name := range shapesOfScope(file) {
			if seen++; !scopeShapes[name] {
				t.Errorf("%s: %s names a scope by fields of its own: give it a keepsake.Scope", path, name)
			}
		}
	})
	if seen < len(scopeShapes) {
		t.Errorf("%d of %d known shapes were found", seen, len(scopeShapes))
	}
}
