package engine_test

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// weddingsAB is a platform of two weddings, to which a test adds what it is about.
func weddingsAB(t *testing.T, more ...string) (url string) {
	t.Helper()
	url = testenv.DB(t)
	run(t, url, "create table weddings (id int primary key, couple text not null, wedding_date date)",
		"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')")
	run(t, url, more...)
	return url
}

// previewOf previews wedding 1 at the newest recovery point.
func previewOf(t *testing.T, e *engine.Engine, mode scope.Mode) (*engine.ScopeAt, *scope.Preview) {
	t.Helper()
	s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest", Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// rewind makes wedding 1 what it was at the newest recovery point.
func rewind(t *testing.T, e *engine.Engine) engine.ScopeResult {
	t.Helper()
	s, p := previewOf(t, e, scope.Rewind)
	r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantTotals fails unless a preview inserts, updates, deletes and refuses so many rows.
func wantTotals(t *testing.T, p *scope.Preview, want ...int64) {
	t.Helper()
	i, u, d, refused := p.Totals()
	if got := []int64{i, u, d, refused}; !slices.Equal(got, want) {
		t.Fatalf("the preview has %v rows to insert, update, delete and refuse, want %v: %+v", got, want, p.Tables)
	}
}

// all is every row of some tables, each table's own ones only.
func all(t *testing.T, url string, tables ...string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range tables {
		b.WriteString(name + ": " + one[string](t, url,
			"select coalesce(string_agg(x::text, ' ' order by x::text), '') from "+
				"only "+name+" x") + "\n")
	}
	return b.String()
}

// TestInheritanceChildrenAreTablesOfTheirOwn in all that a wedding's restore does: their rows belong to its wedding by
// the references that their parents declare, and are never taken for the parents' own.
func TestInheritanceChildrenAreTablesOfTheirOwn(t *testing.T) {
	t.Parallel()
	url := weddingsAB(t,
		"create table guests (id int primary key, wedding_id int not null references weddings, name text unique)",
		"create table guests_vip (perk text, primary key (id)) inherits (guests)",
		"create table guests_star (rank int, primary key (id)) inherits (guests_vip)",
		"create table weddings_gold (bonus int, primary key (id)) inherits (weddings)",
		"create table gifts (id int primary key, guest_id int references guests)",
		"insert into guests values (1, 1, 'u'), (2, 2, 'u2')",
		"insert into guests_vip values (10, 1, 'v', 'seat'), (20, 2, 'w', 'seat')",
		"insert into guests_star values (30, 1, 's', 'flowers', 3), (1, 2, 'same id', 'none', 1)",
		"insert into weddings_gold values (1, 'not wedding 1', '2026-05-02', 5), (3, 'gold', '2026-05-03', 5)",
		"insert into gifts values (1, 1)")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	tables := []string{"weddings", "weddings_gold", "guests", "guests_vip", "guests_star", "gifts"}
	before := all(t, url, tables...)

	_, p := previewOf(t, e, scope.Rewind)
	wantTotals(t, p, 0, 0, 0, 0)
	if p.Name != "A" {
		t.Errorf("the wedding is called %q", p.Name)
	}
	var zipped bytes.Buffer
	if err := e.Export(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest"},
		scope.ExportAs{Format: "csv"}, &zipped); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]string{"guests_vip": "v,seat", "guests_star": "s,flowers,3"} {
		if got := fileOf(t, zipped.Bytes(), name); !strings.Contains(got, words) {
			t.Errorf("the export's %s is %q", name, got)
		}
	}

	damage := []string{"update guests_vip set perk = 'none' where id = 10", "delete from guests_star where id = 30",
		"insert into guests_vip values (11, 1, 'new', 'new')", "delete from gifts",
		"update only guests set name = 'x' where id = 1"}
	run(t, url, damage...)
	damaged := all(t, url, tables...)
	_, p = previewOf(t, e, scope.Rewind)
	wantTotals(t, p, 2, 2, 1, 0)
	r := rewind(t, e)
	if now := all(t, url, tables...); now != before {
		t.Errorf("rewound:\n%swas:\n%s", now, before)
	}
	if back, err := e.Undo(t.Context(), r.Restore); err != nil || len(back.Refused) > 0 {
		t.Fatalf("%+v, %v", back, err)
	}
	if now := all(t, url, tables...); now != damaged {
		t.Errorf("undone:\n%swas:\n%s", now, damaged)
	}
	rewind(t, e)

	// Everything at once takes no row for another table's either.
	s, err := e.ReadScope(t.Context(),
		engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest", Mode: scope.Rewind})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = s.Preview(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTotals(t, p, 0, 0, 0, 0)
	list := engine.New(engine.Options{PlatformURL: keepsake.Secret(url), DataMap: keepsake.DataMap{
		Wedding: keepsake.RootTable{Table: "public.weddings", Name: "couple", Date: "wedding_date"}}})
	t.Cleanup(list.Close)
	weddings, err := list.Weddings(t.Context(), engine.WeddingQuery{Limit: 10})
	if err != nil || len(weddings) != 2 {
		t.Errorf("weddings: %+v, %v", weddings, err)
	}
}

// fileOf is the file of a ZIP whose name holds a text.
func fileOf(t *testing.T, archive []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if !strings.Contains(f.Name, name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	return ""
}
