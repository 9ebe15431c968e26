package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
)

// wordsOf returns the words of an action; false where it has none.
func wordsOf(action string) (audit.Words, bool) {
	i := slices.IndexFunc(audit.Actions(), func(w audit.Words) bool { return string(w.Action) == action })
	if i < 0 {
		return audit.Words{}, false
	}
	return audit.Actions()[i], true
}

// literal returns what a string literal says.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// TestEveryActionHasWords: an action without words is shown to people as a name, and alerts nobody.
func TestEveryActionHasWords(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "actions.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Action" {
			return true
		}
		action, _ := literal(spec.Values[0])
		if seen++; !regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)+$`).MatchString(action) {
			t.Errorf("%s is called %q", spec.Names[0], action)
		}
		if w, there := wordsOf(action); !there || w.Did == "" || w.Do == "" {
			t.Errorf("%s has no words", action)
		}
		return true
	})
	if seen < 70 || seen != len(audit.Actions()) {
		t.Errorf("%d actions are constants, and %d have words", seen, len(audit.Actions()))
	}
	for _, kind := range console.Kinds() {
		if _, there := wordsOf(string(audit.EndOf(string(kind)))); !there {
			t.Errorf("the end of a %s has no words", kind)
		}
	}
}

// TestActionsAreConstants reads the product's code: nobody writes an action down anew, and so none that nobody knows.
func TestActionsAreConstants(t *testing.T) {
	t.Parallel()
	files := 0
	for _, part := range []string{"..", "../../cmd", "../../web", "../../handlers"} {
		err := filepath.WalkDir(part, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				path == "../audit/actions.go" {
				return err
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if e, ok := n.(ast.Expr); ok {
					if text, _ := literal(e); text != "" {
						if _, action := wordsOf(text); action {
							t.Errorf("%s: %q has a constant in internal/audit/actions.go", set.Position(n.Pos()), text)
						}
					}
				}
				if pair, ok := n.(*ast.KeyValueExpr); ok {
					if key, ok := pair.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "Action") {
						if text, _ := literal(pair.Value); strings.Contains(text, ".") && !strings.ContainsAny(text, " /") {
							t.Errorf("%s: %q is no constant of internal/audit/actions.go", set.Position(n.Pos()), text)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Errorf("%d files were read: the test does not see the product", files)
	}
}

// migration returns the text of a migration, with lists and string literals that go over several lines on one, as
// PostgreSQL reads them (manual, 4.1.2.1).
func migration(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../migrations", name))
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`,\s*\n\s*`).ReplaceAll(text, []byte(", "))
	return string(regexp.MustCompile(`'\s*\n\s*'`).ReplaceAll(text, nil))
}

// TestMigrationsNameKnownActions: an entry that explains a row, by written_because, is of an action that is recorded.
func TestMigrationsNameKnownActions(t *testing.T) {
	t.Parallel()
	_, list, _ := strings.Cut(migration(t, "20250130234040_on_record.sql"), "create function written_because")
	list, _, _ = strings.Cut(list, "$$;")
	entry := regexp.MustCompile(`\('[a-z_]+_on_record', '[a-z]+', '\{[^']*\}', '([^']+)', '[a-z]*'`)
	rows := entry.FindAllStringSubmatch(list, -1)
	if len(rows) < 40 || len(rows) != strings.Count(list, "_on_record', '") {
		t.Fatalf("%d rows of written_because were read", len(rows))
	}
	for _, row := range rows {
		actions := []string{row[1]}
		if strings.HasPrefix(row[1], "{kind}") {
			actions = nil
			for _, kind := range console.Kinds() {
				actions = append(actions, strings.Replace(row[1], "{kind}", string(kind), 1))
			}
		}
		for _, action := range actions {
			if _, there := wordsOf(action); !there {
				t.Errorf("written_because waits for %s, which nobody records", action)
			}
		}
	}
}

// TestMigrationsAgreeOnSecurityEvents: the database refuses an entry that is a security event and is not marked as one.
// What it takes for one is what the actions say.
func TestMigrationsAgreeOnSecurityEvents(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`new\.action similar to '([^']+)'`).FindAllStringSubmatch(
		migration(t, "20250130234038_audit_trail_tables.sql"), -1)
	if len(found) != 2 {
		t.Fatalf("the guard of the trail says %v", found)
	}
	pattern := func(similar string) *regexp.Regexp {
		return regexp.MustCompile("^(" + strings.NewReplacer(".", `\.`, "%", ".*").Replace(similar) + ")$")
	}
	always, proof := pattern(found[0][1]), pattern(found[1][1])
	for _, w := range audit.Actions() {
		action := string(w.Action)
		if is := always.MatchString(action); is != (w.Watch == audit.WatchAlways) {
			t.Errorf("%s: the database takes it for a security event however it ends: %v", action, is)
		}
		proves := proof.MatchString(action) && w.Action != audit.SessionUse && w.Watch != audit.WatchAlways
		if proves != (w.Watch == audit.WatchProof) {
			t.Errorf("%s: the database takes it for a proof of who somebody is: %v", action, proves)
		}
	}
}
