package engine_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

// client is one of the newest installed PostgreSQL's own client programs.
func client(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s is not installed", name)
	}
	return found[len(found)-1]
}

// psql runs a file and returns what it prints.
func psql(t *testing.T, url, file string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(client(t, "psql"), "--quiet", "--no-psqlrc", "--no-align", "--tuples-only",
		"--set=ON_ERROR_STOP=on", "--file="+file, url)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("psql %s: %v: %s", file, err, errs.String())
	}
	return out.String()
}

// makeRoles makes the roles that the zoo speaks of.
func makeRoles(t *testing.T, p *testenv.Postgres) {
	t.Helper()
	run(t, p.URL("postgres"), "create role owner1", "create role app", `create role "Odd Role"`)
}

// makeZoo returns a database that holds every kind of object which its server knows.
func makeZoo(t *testing.T, p *testenv.Postgres) string {
	t.Helper()
	makeRoles(t, p)
	if err := p.CreateDatabase(t.Context(), "zoo"); err != nil {
		t.Fatal(err)
	}
	url := p.URL("zoo")
	version := one[int](t, url, "select current_setting('server_version_num')::int / 10000")
	psql(t, url, "testdata/zoo.sql")
	for _, since := range []int{17, 18} {
		if version >= since {
			psql(t, url, fmt.Sprintf("testdata/zoo%d.sql", since))
		}
	}
	return url
}

// ofDatabase are the facts of the database itself: its owner, grants, limits, and what roles are told in it.
var ofDatabase = regexp.MustCompile(`(?m)^(db|dbset)\|.*\n`)

// factsOf is what a database holds beside rows, a line a fact.
func factsOf(t *testing.T, url string) []string {
	t.Helper()
	facts := ofDatabase.ReplaceAllString(psql(t, url, "testdata/facts.sql"), "")
	return strings.Split(strings.TrimSpace(facts), "\n")
}

// excused says which kinds of facts may differ when an object of the same name was named as not carried.
var excused = map[string][]string{
	"sub": {"subscription"},
	"seq": {"unlogged table rows", "sequence value"},
	"ext": {"extension version"},
	"idx": {"index"},
	"cls": {"index"},
	"att": {"index"},
	"con": {"constraint"},
}

// named reports whether the report of a restore says of an object that it is not as it was.
func named(r engine.RestoreResult, object string, kinds ...string) bool {
	return slices.ContainsFunc(r.NotCarried, func(n keepsake.NotCarried) bool {
		return slices.Contains(kinds, n.Kind) && n.Name == strings.ReplaceAll(object, `"`, "")
	})
}

// excuses reports whether the report of a restore names a fact's object.
func excuses(r engine.RestoreResult, fact string) bool {
	f := strings.SplitN(fact, "|", 3)
	if len(f) > 2 && f[0] == "con" {
		f[1] += " " + strings.SplitN(f[2], "|", 2)[0]
	}
	return len(f) > 1 && named(r, f[1], excused[f[0]]...)
}

// lacking returns the lines that are in a more often than in b.
func lacking(a, b []string) (lines []string) {
	n := map[string]int{}
	for _, l := range b {
		n[l]++
	}
	for _, l := range a {
		if n[l]--; n[l] < 0 {
			lines = append(lines, l)
		}
	}
	return lines
}

// newerServer takes out of facts what a newer server says, or says in other words, of anything that an older one made.
var newerServer = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^(rule|proc|extmember)\|.*\n`), ""}, // how views are printed, and what extensions bring
	{regexp.MustCompile(`(?m)^con\|[^|]*\|[^|]*\|n\|.*\n`), ""},  // NOT NULL has become a constraint
	{regexp.MustCompile(`(?m)^(con\|.*)\|true\|false$`), "$1||"},
	{regexp.MustCompile(`(?m)^(pub\|.*\|)n$`), "$1"},
	{regexp.MustCompile(`=([arwdDxt*]+)m\*?/`), "=$1/"}, // MAINTAIN, which all rights of before bring with them
	{regexp.MustCompile(`,postgres=m/postgres`), ""},
}

// sameFacts fails when the two databases differ in facts, schema or rows, and the restore's report does not say so.
func sameFacts(t *testing.T, source, restored string, r engine.RestoreResult, sameServer bool) {
	t.Helper()
	for _, x := range r.Exceptions {
		t.Errorf("an exception: %s %s: %s; %s", x.Kind, x.Object, x.Error, x.SQL)
	}
	read := func(url string) (facts, schema []string) {
		f := strings.Join(factsOf(t, url), "\n")
		if sameServer {
			return strings.Split(f, "\n"), strings.Split(schemaOf(t, url), "\n")
		}
		for _, n := range newerServer {
			f = n.pattern.ReplaceAllString(f, n.with)
		}
		return strings.Split(f, "\n"), nil
	}
	facts, schema := read(source)
	restoredFacts, restoredSchema := read(restored)
	if len(facts) < 200 {
		t.Fatalf("the source has %d facts only: %v", len(facts), facts)
	}
	for _, l := range lacking(facts, restoredFacts) {
		if !excuses(r, l) {
			t.Errorf("lost: %s", l)
		}
	}
	for _, l := range lacking(restoredFacts, facts) {
		if !excuses(r, l) {
			t.Errorf("made up: %s", l)
		}
	}
	for _, l := range lacking(schema, restoredSchema) {
		t.Errorf("not in the restored schema: %s", l)
	}
	for _, l := range lacking(restoredSchema, schema) {
		t.Errorf("only in the restored schema: %s", l)
	}
	want, got := rowsOf(t, source), rowsOf(t, restored)
	for table, w := range want {
		if got[table] != w && !named(r, table, "materialized view rows") {
			t.Errorf("%s: restored %q, source %q", table, got[table], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("restored %d tables, source has %d", len(got), len(want))
	}
}

// TestEveryKindOfObjectComesBack: what comes back of a database with about every kind of object that PostgreSQL has is
// the same in facts, schema and rows, or the report names what is not, from a full backup and from an incremental.
func TestEveryKindOfObjectComesBack(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	source := makeZoo(t, server)
	e := newEngine(t, source, providers(t))
	for _, kind := range []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental} {
		backup(t, e, kind)
		target := server.URL("from_" + string(kind))
		sameFacts(t, source, target, restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  "latest",
			Target: keepsake.Secret(target),
			Create: true,
		}), true)
	}
}

// TestAnOlderServersZooComesBackOnThisOne restores what an older version of PostgreSQL held, backed up with this one's
// pg_dump, into this version.
func TestAnOlderServersZooComesBackOnThisOne(t *testing.T) {
	t.Parallel()
	older, server := testenv.Older(t), testenv.Server(t)
	makeRoles(t, server)
	source := makeZoo(t, older)
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	target := server.URL("restored")
	sameFacts(t, source, target, restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(target),
		Create: true,
	}), false)
}

// TestAnOlderServersWeddingComesBackOnThisOne: a platform moves to a newer version of PostgreSQL by a restore. From the
// recovery point that the older server left, one wedding is compared, brought back and taken back again.
func TestAnOlderServersWeddingComesBackOnThisOne(t *testing.T) {
	t.Parallel()
	older, server := testenv.Older(t), testenv.Server(t)
	if err := older.CreateDatabase(t.Context(), "platform"); err != nil {
		t.Fatal(err)
	}
	err := sample.Load(t.Context(), older.URL("platform"), sample.Options{
		Weddings:      20,
		Organizations: 3,
		Seed:          1,
		Today:         time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	list, key, url := providers(t), repository.NewKeyFile(), server.URL("platform")
	before := engineWith(t, older.URL("platform"), list, key)
	backup(t, before, keepsake.BackupFull)
	r := restore(t, before, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: keepsake.Secret(url),
		Create: true,
	})
	if !r.Verified || len(r.Exceptions) > 0 {
		t.Fatalf("%+v", r)
	}
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	whole, others := photograph(t, url, wedding)
	run(t, url, "alter table messages disable trigger all",
		"update weddings set notes = 'overwritten' where id = '"+wedding+"'",
		"delete from guests where wedding_id = '"+wedding+"' and plus_one_of is not null",
		"insert into seating_tables values ('"+wedding+"', 99, 'New', 4)")
	damaged, _ := photograph(t, url, wedding)
	e := engineWith(t, url, list, key)
	in := engine.ScopeInput{Scope: ofWedding(wedding), Point: "latest", Mode: scope.Rewind}
	p, err := e.PreviewScope(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	applied, err := e.ApplyScope(t.Context(), in, engine.ScopeApply{Fingerprint: p.Fingerprint}, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	now, untouched := photograph(t, url, wedding)
	if d := append(differing(now, whole), differing(untouched, others)...); d != nil {
		t.Errorf("after the restore %v differ", d)
	}
	if back, err := e.Undo(t.Context(), applied.Restore); err != nil || len(back.Refused) > 0 {
		t.Fatalf("%+v, %v", back, err)
	}
	if now, _ = photograph(t, url, wedding); differing(now, damaged) != nil {
		t.Errorf("after the undo %v differ", differing(now, damaged))
	}
}
