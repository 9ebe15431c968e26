package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// pastTheActor names what in a file reaches rows of the console database other than as the actor of db.InTx: queries
// over another connection, the job queue's connections, which are the system, for anything but the job queue, and
// another actor in the middle.
func pastTheActor(file *ast.File) (found []string) {
	queue := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && isName(f.X, "riverpgxv5") && f.Sel.Name == "New" {
				for _, arg := range n.Args {
					if jobs, ok := arg.(*ast.CallExpr); ok {
						queue[jobs.Fun] = true
					}
				}
			}
		case *ast.SelectorExpr:
			if isName(n.X, "sqlcgen") && n.Sel.Name == "New" || n.Sel.Name == "Jobs" && !queue[n] {
				found = append(found, n.Sel.Name)
			}
		case *ast.BasicLit:
			for _, setting := range []string{"keepsake.role",
				"keepsake.platform", "keepsake.organization", "keepsake.actor"} {
				if n.Kind == token.STRING && strings.Contains(n.Value, setting) {
					found = append(found, setting)
				}
			}
		}
		return true
	})
	return found
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// TestInTxIsTheOneWayToRows: nothing of the product but db itself says who asks, and nothing asks without saying so.
// The engine is left out: it cannot have the console's database at all (TestArrowsPointInward).
func TestInTxIsTheOneWayToRows(t *testing.T) {
	t.Parallel()
	parts := []string{"cmd/keepsake", "handlers", "internal", "views", "web"}
	eachProductFile(t, parts, []string{"engine"}, func(path string, file *ast.File) {
		for _, what := range pastTheActor(file) {
			t.Errorf("%s reaches the console's rows past db.InTx: %s", path, what)
		}
	})
	for code, want := range map[string][]string{
		`sqlcgen.New(conn).ListAccounts(ctx)`:                                 {"New"},
		`d.Jobs().QueryRow(ctx, "select 1")`:                                  {"Jobs"},
		`other.New(d.Jobs())`:                                                 {"Jobs"},
		`tx.PG.Exec(ctx, "set local keepsake.role = 'system'")`:               {"keepsake.role"},
		"tx.PG.Exec(ctx, `select set_config('keepsake.organization', '')`)":   {"keepsake.organization"},
		`river.NewClient(riverpgxv5.New(c.db.Jobs()), &river.Config{})`:       nil,
		`c.db.InTx(ctx, actor, func(tx db.Tx) error { return tx.Ping(ctx) })`: nil,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "planted.go", "package planted\nfunc f() { "+code+" }",
			parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if found := pastTheActor(file); !slices.Equal(found, want) {
			t.Errorf("%s: found %q, want %q", code, found, want)
		}
	}
}
