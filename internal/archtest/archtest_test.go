package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/wedsync/keepsake"

// graph is what every package's product code imports: tests, which may reach anywhere, are left out. Packages of the
// module are named by their folder, others by their import path.
type graph map[string]map[string]bool

// load reads the imports of every Go file under root.
func load(root string) (graph, error) {
	g := graph{}
	fset := token.NewFileSet()
	return g, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		return g.add(filepath.ToSlash(folder), parsed.Imports)
	})
}

func (g graph) add(folder string, imports []*ast.ImportSpec) error {
	if g[folder] == nil {
		g[folder] = map[string]bool{}
	}
	for _, spec := range imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		g[folder][strings.TrimPrefix(imported, module+"/")] = true
	}
	return nil
}

// path returns how from reaches a package that bad accepts, directly or through others of the module, or nil.
func (g graph) path(from string, bad func(string) bool) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range slices.Sorted(maps.Keys(g[queue[0]])) {
			if _, seen := cameFrom[to]; seen {
				continue
			}
			cameFrom[to] = queue[0]
			if bad(to) {
				way := []string{to}
				for at := queue[0]; at != ""; at = cameFrom[at] {
					way = append(way, at)
				}
				slices.Reverse(way)
				return way
			}
			queue = append(queue, to)
		}
	}
	return nil
}

// under accepts the named packages and everything below them.
func under(names ...string) func(string) bool {
	return func(p string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return p == name || strings.HasPrefix(p, name+"/") })
	}
}

func not(accept func(string) bool) func(string) bool {
	return func(p string) bool { return !accept(p) }
}

// foreign accepts what is neither the standard library's nor the module's.
func foreign(p string) bool { return strings.Contains(strings.Split(p, "/")[0], ".") }

const echo = "github.com/labstack/echo"

// rule says what packages may never reach, directly or through others of the module.
type rule struct {
	why   string
	who   func(string) bool
	never func(string) bool
}

func rules() []rule {
	inside := under("db", "web", "handlers", "views", "cmd", "internal", "migrations", "static")
	domain := under("internal", "db", "migrations")
	engine := under("internal/engine")
	postgres := under("internal/engine/platform", "internal/engine/pgtool",
		"internal/engine/target", "github.com/jackc/pgx")
	verbs := []string{"snapshot", "verify", "removal", "restore", "scoped", "weddings", "check"}
	screens := under("web", "handlers", "views", "static", "cmd", echo)
	all := []rule{
		{"the leaf stands on the standard library alone", under("internal/keepsake"),
			func(p string) bool { return foreign(p) || inside(p) }},
		{"the engine knows nothing of the console, its database and its pages", under("internal/engine"),
			func(p string) bool {
				return screens(p) || under("db", "migrations", "internal/console", "internal/progress", "internal/audit",
					"internal/auth", "internal/config")(p)
			}},
		{"what an operation says stands on the leaf and on names of error codes alone", under("internal/engine/report"),
			func(p string) bool {
				return foreign(p) && p != "github.com/jackc/pgerrcode" || inside(p) && p != "internal/keepsake"
			}},
		{"what is drawn reads no request, so that the storybook draws the same", under("handlers/draw"),
			func(p string) bool { return p == "handlers" || under("web", "handlers/api", "cmd", echo)(p) }},
		{"the platform, the repository and the stores know nothing of each other's users",
			under("internal/engine/platform", "internal/engine/repository", "internal/engine/storage"),
			func(p string) bool { return p == "internal/engine" || p == "internal/engine/target" }},
		{"the format, the stores and what they hold know nothing of PostgreSQL",
			under("internal/engine/repository", "internal/engine/storage", "internal/engine/replicas", "internal/engine/verify",
				"internal/engine/removal"),
			postgres},
		{"the repository at its providers knows nobody who uses it", under("internal/engine/replicas"), func(p string) bool {
			below := under("internal/engine/replicas", "internal/engine/report",
				"internal/engine/repository", "internal/engine/storage")
			return engine(p) && !below(p)
		}},
		{"views know formatted values only", under("views"),
			func(p string) bool { return domain(p) || under("handlers", "web", echo)(p) }},
		{"what runs operations knows neither their kinds nor the engine", under("internal/operation", "internal/progress"),
			func(p string) bool {
				return under("internal/engine", "internal/console", "internal/config", "internal/auth", "internal/policy")(p) &&
					p != "internal/engine/report"
			}},
		{"use cases know nothing of pages", under("internal/console", "internal/operation", "internal/progress",
			"internal/audit", "internal/auth", "internal/config", "db"), screens},
		{"what tests and the demo are made of is never part of the product", under("cmd/keepsake"),
			under("internal/testenv", "internal/sample", "internal/archtest", "internal/apiclient", "cmd/demo", "cmd/storybook",
				"db/dbtest", "internal/engine/storage/storagetest", "internal/engine/repository/repositorytest", "testing")},
	}
	for _, verb := range verbs {
		all = append(all, rule{"a verb of the engine knows no other verb, and not the facade",
			under("internal/engine/" + verb), func(p string) bool {
				return p == "internal/engine" || slices.ContainsFunc(verbs,
					func(v string) bool { return v != verb && under("internal/engine/"+v)(p) })
			}})
	}
	return append(all, rule{"nothing below the engine's verbs knows them", func(p string) bool {
		return engine(p) && p != "internal/engine" &&
			!slices.ContainsFunc(verbs, func(v string) bool { return under("internal/engine/" + v)(p) })
	}, func(p string) bool {
		return p == "internal/engine" || slices.ContainsFunc(verbs,
			func(v string) bool { return under("internal/engine/" + v)(p) })
	}})
}

// check returns every breach of the rules, in words.
func check(g graph) []string {
	var breaches []string
	for _, r := range rules() {
		for _, p := range slices.Sorted(maps.Keys(g)) {
			if !r.who(p) || testOnly(p) {
				continue
			}
			if way := g.path(p, r.never); way != nil {
				breaches = append(breaches, r.why+": "+strings.Join(way, " → "))
			}
		}
	}
	direct := func(why string, imported string, allowed func(string) bool) {
		for _, p := range slices.Sorted(maps.Keys(g)) {
			if g[p][imported] && !allowed(p) && !testOnly(p) {
				breaches = append(breaches, fmt.Sprintf("%s: %s → %s", why, p, imported))
			}
		}
	}
	direct("only who keeps the console's state sees its rows", "db/sqlcgen",
		func(p string) bool {
			return slices.Contains([]string{"db", "internal/console", "internal/operation", "internal/progress",
				"internal/audit", "internal/auth"}, p)
		})
	direct("pages reach the database through use cases", "db", not(under("web", "handlers")))
	return breaches
}

// testOnly packages are imported by tests alone and may stand where they like.
func testOnly(p string) bool {
	return slices.Contains([]string{"db/dbtest", "internal/testenv", "internal/archtest",
		"internal/engine/storage/storagetest"}, p)
}

func TestArrowsPointInward(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	g, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"cmd/keepsake", "internal/keepsake", "internal/engine", "internal/console", "views",
		"web", "db"} {
		if len(g[known]) == 0 {
			t.Fatalf("package %s was not read: the rules would prove nothing", known)
		}
	}
	for _, breach := range check(g) {
		t.Error(breach)
	}
}

// TestRulesCanBreak plants a breach of each rule.
func TestRulesCanBreak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, says string }{
		{"internal/keepsake", "github.com/jackc/pgx/v5", "the leaf"},
		{"internal/keepsake", "internal/engine", "the leaf"},
		{"internal/engine/target", "db", "the engine"},
		{"internal/engine", "github.com/labstack/echo/v4", "the engine"},
		{"internal/engine", "middle", "the engine"}, // middle reaches db
		{"internal/engine/storage", "internal/engine", "each other's users"},
		{"internal/engine/repository", "github.com/jackc/pgx/v5/pgconn", "of PostgreSQL"},
		{"internal/engine/report", "internal/engine/storage", "what an operation says"},
		{"internal/engine/report", "github.com/jackc/pgx/v5", "what an operation says"},
		{"internal/engine/replicas", "internal/engine/platform", "of PostgreSQL"},
		{"internal/engine/replicas", "internal/engine/scope", "at its providers"},
		{"internal/engine/replicas", "internal/engine", "at its providers"},
		{"internal/engine/snapshot", "internal/engine", "a verb of the engine"},
		{"internal/engine/verify", "internal/engine/snapshot", "a verb of the engine"},
		{"internal/engine/verify", "github.com/jackc/pgx/v5", "of PostgreSQL"},
		{"internal/engine/removal", "internal/engine/platform", "of PostgreSQL"},
		{"internal/engine/restore", "internal/engine/verify", "a verb of the engine"},
		{"internal/engine/scoped", "internal/engine/restore", "a verb of the engine"},
		{"internal/engine/platform", "internal/engine/snapshot", "nothing below"},
		{"views/ui", "internal/keepsake", "views know"},
		{"internal/console", "views", "use cases"},
		{"internal/operation", "internal/console", "neither their kinds"},
		{"internal/operation", "internal/engine", "neither their kinds"},
		{"handlers", "db/sqlcgen", "sees its rows"},
		{"web", "db", "through use cases"},
		{"cmd/keepsake", "internal/sample", "part of the product"},
		{"web", "internal/testenv", "part of the product"},                    // through cmd/keepsake → web
		{"web", "internal/engine/storage/storagetest", "part of the product"}, // with the store in memory
	} {
		g := graph{"cmd/keepsake": {"web": true}, "middle": {"db": true}}
		if g[c.from] == nil {
			g[c.from] = map[string]bool{}
		}
		g[c.from][c.to] = true
		planted := func(b string) bool { return strings.Contains(b, c.says) && strings.Contains(b, c.to) }
		if breaches := check(g); !slices.ContainsFunc(breaches, planted) {
			t.Errorf("%s → %s is no breach of %q: %v", c.from, c.to, c.says, breaches)
		}
	}
	if breaches := check(graph{"cmd/keepsake": {"web": true}, "internal/console": {"db/sqlcgen": true}}); len(
		breaches) > 0 {
		t.Errorf("allowed imports are breaches: %v", breaches)
	}
}
