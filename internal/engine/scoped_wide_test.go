package engine_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

// everyTable is a digest of each table's rows.
func everyTable(t *testing.T, url string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names := one[[]string](t, url, "select array_agg(c.oid::regclass::text) from pg_class c where relkind in ('r', 'p') "+
		"and not relispartition and relnamespace = 'public'::regnamespace")
	for _, name := range names {
		out[name] = one[string](t, url, "select coalesce(md5(string_agg(r::text, '|' order by r::text)), '') || ' ' || "+
			"count(*) from "+name+" r")
	}
	return out
}

// TestTiersAndEverythingBack brings the critical tier of a season back, rewinds all of it, and takes both back again.
func TestTiersAndEverythingBack(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	err := sample.Load(t.Context(), url, sample.Options{
		Weddings:      40,
		Organizations: 4,
		Seed:          3,
		Today:         time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	before := everyTable(t, url)
	const some = "(select id from suppliers order by id limit 20)"
	run(t, url, "delete from payments where supplier_id in "+some, "delete from wedding_suppliers where supplier_id in "+
		some, "delete from suppliers where id in "+some, "delete from user_profiles",
		"update users set full_name = 'Vandal' where id in (select id from users order by id limit 7)",
		"delete from event_logs where id % 3 = 0", "update guests set answer = 'declined'",
		"insert into organizations (id, name, slug, country, plan, billing_email, created_at) values (gen_random_uuid(), "+
			"'New', 'new', 'IE', 'free', 'a@b.example', now())")
	damaged := everyTable(t, url)

	apply := func(in engine.ScopeInput) (*scope.Preview, engine.ScopeResult) {
		t.Helper()
		in.Point = "latest"
		s, err := e.ReadScope(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Preview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
		if err != nil {
			t.Fatal(err)
		}
		return p, r
	}
	p, tier := apply(engine.ScopeInput{Scope: ofTier(keepsake.TierCritical)})
	insert, update, remove, refused := p.Totals()
	if p.Name != "critical tier" || insert == 0 || update+remove+refused != 0 || p.ChunksRead >= p.ChunksTotal {
		t.Errorf("%q: %d, %d, %d, %d; %d of %d chunks", p.Name, insert, update, remove, refused, p.ChunksRead, p.ChunksTotal)
	}
	if d := differing(damaged, everyTable(t, url)); len(d) != 1 || d[0] != "suppliers" ||
		everyTable(t, url)["suppliers"] != before["suppliers"] {
		t.Errorf("bringing the missing rows of a tier back changed %v", d)
	}
	if _, err := e.Undo(t.Context(), tier.Restore); err != nil {
		t.Fatal(err)
	}
	if d := differing(damaged, everyTable(t, url)); d != nil {
		t.Errorf("after the undo %v differ", d)
	}

	_, all := apply(engine.ScopeInput{Scope: keepsake.Everything(), Mode: scope.Rewind})
	if d := differing(before, everyTable(t, url)); d != nil {
		t.Errorf("after rewinding everything %v differ", d)
	}
	if _, err := e.Undo(t.Context(), all.Restore); err != nil {
		t.Fatal(err)
	}
	if d := differing(damaged, everyTable(t, url)); d != nil {
		t.Errorf("after the undo %v differ", d)
	}
	_, err = e.ReadScope(t.Context(), engine.ScopeInput{Point: "latest"})
	if err == nil || keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("no scope at all: %v", err)
	}
}

// TestRowsWithoutTheirTierAreRefused: rows whose parents are in another tier, and gone, are named and left out.
func TestRowsWithoutTheirTierAreRefused(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table suppliers (id int primary key, name text unique)",
		"create table forms (id int primary key, supplier_id int references suppliers)",
		"insert into suppliers values (1, 'Flowers'), (2, 'Cake'), (3, 'Band')",
		"insert into forms values (1, 1), (2, 2), (3, null)")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from forms", "delete from suppliers", "insert into suppliers values (1, 'Flowers'), (9, 'Cake')")
	preview := func(tier keepsake.Tier) *scope.Preview {
		t.Helper()
		p, err := e.PreviewScope(t.Context(), engine.ScopeInput{Scope: ofTier(tier), Point: "latest"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if insert, _, _, refused := preview(keepsake.TierHigh).Totals(); insert != 2 || refused != 1 {
		t.Errorf("%d forms come back, %d are refused", insert, refused)
	}
	// somebody else is called Cake now
	if insert, _, _, refused := preview(keepsake.TierCritical).Totals(); insert != 1 || refused != 1 {
		t.Errorf("%d suppliers come back, %d are refused", insert, refused)
	}

	var out bytes.Buffer
	if err := e.Export(t.Context(), engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest"},
		scope.ExportAs{Format: "csv"}, &out); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("suppliers.csv")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) != 4 || rows[1][1] != "Flowers" {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestARestoreThatWasKilledIsNotDoneTwice: whoever takes a restore over finds out whether it was committed.
func TestARestoreThatWasKilledIsNotDoneTwice(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table suppliers (id int primary key, name text)",
		"insert into suppliers select i, 'Supplier ' || i from generate_series(1, 50) i")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from suppliers where id <= 20")
	in := engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest"}
	p, err := e.PreviewScope(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	a := engine.ScopeApply{Fingerprint: p.Fingerprint, Restore: e.NewRestoreID(), Name: "everything", Again: true}
	first, err := e.ApplyScope(t.Context(), in, a, nil)
	if err != nil || first.Applied.Inserted != 20 || first.Restore != a.Restore {
		t.Fatalf("%+v, %v", first, err)
	}
	// Its worker was killed before it could say so: another one finds it done.
	again, err := e.ApplyScope(t.Context(), in, a, nil)
	if err != nil || again.Applied != first.Applied || len(again.Undo) != len(first.Undo) {
		t.Errorf("done twice: %+v, %v", again, err)
	}
	// What was taken back does not stand: the same preview is true again, and is applied again.
	back := engine.ScopeApply{Restore: e.NewRestoreID(), Again: true}
	for range 2 {
		if r, err := e.TakeBack(t.Context(), a.Restore, back, nil); err != nil || r.Applied.Deleted != 20 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if n := one[int](t, url, "select count(*) from suppliers"); n != 30 {
		t.Errorf("%d suppliers after the undo", n)
	}
	if r, err := e.ApplyScope(t.Context(), in, a, nil); err != nil || r.Applied.Inserted != 20 {
		t.Errorf("%+v, %v", r, err)
	}
	a.Name, a.Restore = "something else", e.NewRestoreID()
	if _, err := e.ApplyScope(t.Context(), in, a, nil); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("another name was confirmed: %v", err)
	}
}

// TestARestoreIsNotSaidToHaveFailedWhenNobodyKnows: a restore was committed, its worker was killed, and the providers
// that hold what its undo needs do not answer whoever takes it over.
func TestARestoreIsNotSaidToHaveFailedWhenNobodyKnows(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table suppliers (id int primary key, name text)",
		"insert into suppliers select i, 'Supplier ' || i from generate_series(1, 50) i")
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	e := engineWith(t, url, w.list, repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	run(t, url, "delete from suppliers where id <= 20")
	in := engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest"}
	p, err := e.PreviewScope(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.faults["offsite"].Down(true)
	a := engine.ScopeApply{Fingerprint: p.Fingerprint, Restore: e.NewRestoreID(), Name: "everything", Again: true}
	first, err := e.ApplyScope(t.Context(), in, a, nil)
	if err != nil || first.Applied.Inserted != 20 {
		t.Fatalf("what was not made is made although a provider is away: %+v, %v", first, err)
	}
	back := engine.ScopeApply{Restore: e.NewRestoreID()}
	for name, f := range w.faults {
		f.Down(name != "offsite")
	}
	_, err = e.ApplyScope(t.Context(), in, a, nil)
	wantError(t, err, keepsake.CodeUnknown, "whether it was made is not known", "Provider local: ", "Provider cloud: ")
	for name, f := range w.faults {
		f.Down(name == "offsite")
	}
	if r, err := e.TakeBack(t.Context(), a.Restore, back, nil); err != nil || r.Applied.Deleted != 20 {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, f := range w.faults {
		f.Down(name != "offsite")
	}
	back.Again = true
	_, err = e.TakeBack(t.Context(), a.Restore, back, nil)
	wantError(t, err, keepsake.CodeUnknown, "whether it was made is not known")
}
