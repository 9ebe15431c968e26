package engine_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// foundWorld is a platform whose names are hard to type.
func foundWorld(t *testing.T) (live, away *engine.Engine) {
	t.Helper()
	url := testenv.DB(t)
	run(t, url,
		"create table organizations (code text primary key, name text)",
		"create table weddings (nr int primary key, couple text, wedding_date date, organization_id text references "+
			"organizations, venue text)",
		"create table suppliers (id int primary key, kind text, name text, city text)",
		"create table wedding_suppliers (wedding int references weddings, supplier int references suppliers, primary key "+
			"(wedding, supplier))",
		"create table payments (id int primary key, wedding int references weddings, supplier int references suppliers)",
		"insert into organizations values ('rose', 'Studio Rosé'), ('oak', 'Oak 100%')",
		"insert into suppliers values (1, 'florist', 'Thistle & Fern', 'Łódź'), (2, 'band', 'Blumen Özdemir', null)",
		`insert into weddings values (1, 'Zoë & Łukasz', '2026-12-24', 'rose', null), (2, 'Ada & Ben', '2026-06-22', 'oak',
			null), (3, 'Ada & Carl', '2026-06-20', 'rose', 'Schloß Bellevue'),
			(4, 'Past & Gone', '2026-06-18', 'oak', null), (5, 'Older & Gone', '2026-01-02', null, null), (6, null,
				'2027-01-01', 'oak', null),
			(7, 'Not & Agreed', null, 'rose', null), (8, 'Never & Ever', 'infinity', null, null), (9, 'Paweł & Yuki',
				'2026-06-21', null, null),
			(10, 'Adam & Bellevue', '2026-12-05', null, null), (11, 'April & Jan', '2026-12-06', null, null)`,
		"insert into wedding_suppliers values (2, 1), (4, 1)", "insert into payments values (1, 9, 2), (2, 9, 2)")
	list := providers(t)
	key := repository.NewKeyFile()
	live = engineWith(t, url, list, key)
	t.Cleanup(live.Close)
	backup(t, live, keepsake.BackupFull)
	away = engine.New(engine.Options{
		PlatformURL: "postgres://nobody@127.0.0.1:1/nothing",
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	t.Cleanup(away.Close)
	return live, away
}

// TestWeddingsAreListed lists the weddings of the live platform and, with the platform away, of a recovery point: the
// same in the same order.
func TestWeddingsAreListed(t *testing.T) {
	t.Parallel()
	e, away := foundWorld(t)
	if _, err := away.Weddings(t.Context(), engine.WeddingQuery{Limit: 1}); err == nil {
		t.Error("a platform that is away has weddings")
	}
	today := time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		q    engine.WeddingQuery
		want []string
	}{
		{"nearest first, then the past", engine.WeddingQuery{},
			[]string{"3", "9", "2", "10", "11", "1", "6", "4", "5", "8", "7"}},
		{"after the last that has a day", engine.WeddingQuery{
			After: &engine.WeddingPlace{Day: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Couple: "Older & Gone", ID: "5"}},
			[]string{"8", "7"}},
		{"after one that has none",
			engine.WeddingQuery{After: &engine.WeddingPlace{Couple: "Never & Ever", ID: "8"}}, []string{"7"}},
		{"a page", engine.WeddingQuery{After: &engine.WeddingPlace{Day: today, Couple: "Ada & Carl", ID: "3"}, Limit: 2},
			[]string{"9", "2"}},
		{"after one that is gone", engine.WeddingQuery{
			After: &engine.WeddingPlace{Day: today.AddDate(0, 0, 2), Couple: "Ada", ID: "0"}, Limit: 2}, []string{"2", "10"}},
		{"after a past one", engine.WeddingQuery{
			After: &engine.WeddingPlace{Day: today.AddDate(0, 0, -2), Couple: "Past & Gone", ID: "4"}}, []string{"5", "8", "7"}},
		{"of an organization", engine.WeddingQuery{
			Organization: "oak",
			After:        &engine.WeddingPlace{Day: today.AddDate(0, 0, 2), Couple: "Ada & Ben", ID: "2"},
		}, []string{"6", "4"}},
		{"of nobody", engine.WeddingQuery{Organization: "elm"}, nil},
		{"beyond the end", engine.WeddingQuery{After: &engine.WeddingPlace{Couple: "Not & Agreed", ID: "7"}}, nil},
		{"the next days", engine.WeddingQuery{Within: 2}, []string{"3", "9", "2"}},
		{"one", engine.WeddingQuery{IDs: []string{"5"}}, []string{"5"}},
		{"some days", engine.WeddingQuery{Days: []time.Time{today.AddDate(0, 0, 2), today.AddDate(0, 0, -2)}},
			[]string{"2", "4"}},
		{"organization", engine.WeddingQuery{Organization: "rose"}, []string{"3", "1", "7"}},
	} {
		c.q.Today = today
		if c.q.Limit == 0 {
			c.q.Limit = 100
		}
		live, err := e.Weddings(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		then, at, err := away.WeddingsAt(t.Context(), "latest", c.q)
		if err != nil || at.IsZero() {
			t.Fatal(err)
		}
		if got := weddingIDs(live); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if len(live)+len(then) > 0 && !reflect.DeepEqual(live, then) {
			t.Errorf("%s: the platform says %+v, the recovery point %+v", c.name, live, then)
		}
	}
	all, oak, err := e.CountWeddings(t.Context(), "oak")
	if err != nil || all == 0 || oak == 0 {
		t.Fatalf("the platform counts %d weddings, %d of one organization, %v", all, oak, err)
	}
	allThen, oakThen, err := away.CountWeddingsAt(t.Context(), "latest", func(id string) bool { return id == "oak" })
	if err != nil || allThen != all || oakThen != oak {
		t.Errorf("the recovery point counts %d weddings, %d of one organization, %v; the platform %d and %d", allThen,
			oakThen, err, all, oak)
	}
}

// TestSearchOfWeddings searches the live platform and, with the platform away, a recovery point: both find the same,
// the best first, and say what they have found.
func TestSearchOfWeddings(t *testing.T) {
	t.Parallel()
	e, away := foundWorld(t)
	today := time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text    string
		want    []string
		matched string // what the first was found by, if not the couple
	}{
		{"", []string{"3", "9", "2", "10", "11", "1", "6", "4", "5", "8", "7"}, ""},
		{" zoe ", []string{"1"}, ""},
		{"LUKASZ zoe", []string{"1"}, ""},
		{"yuki pawel", []string{"9"}, ""},
		{"ada rose", []string{"3"}, "organization Studio Rosé"},
		{"oak", []string{"2", "6", "4"}, "organization Oak 100%"},
		{"100%", []string{"2", "6", "4"}, "organization Oak 100%"},
		{"_", nil, ""},
		{"ada", []string{"3", "2", "10"}, ""}, // the last one's name only begins with it
		{"carl & ada", []string{"3"}, ""},
		{"bellevue", []string{"10", "3"}, ""},
		{"schloss", []string{"3"}, "place Schloß Bellevue"},
		{"thistle", []string{"2", "4"}, "vendor Thistle & Fern"},
		{"lodz", []string{"2", "4"}, "vendor Thistle & Fern, Łódź"},
		{"oezdemir", []string{"9"}, "vendor Blumen Özdemir"},
		{"ada fern", []string{"2"}, "vendor Thistle & Fern"},
		{"today", []string{"3"}, ""},
		{"tomorrow", []string{"9"}, ""},
		{"ada tomorrow", nil, ""},
		{"24 december", []string{"1"}, ""},
		{"dec 24", []string{"1"}, ""},
		{"24.12.2026 zoe", []string{"1"}, ""},
		{"5/12/2026", []string{"10"}, ""},
		{"2026-06-2", []string{"3", "9", "2"}, ""},
		{"april", []string{"11"}, ""},
		{"jan", []string{"11", "6", "5"}, ""}, // the couple, then January
		{"0001", nil, ""},
	} {
		q := engine.WeddingSearch{Text: c.text, Today: today, Limit: 100}
		live, err := e.FindWeddings(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if got := weddingIDs(live.Weddings); !slices.Equal(got, c.want) || live.Total != len(c.want) {
			t.Errorf("%q: %v of %d, want %v", c.text, got, live.Total, c.want)
		}
		then, at, err := away.FindWeddingsAt(t.Context(), "latest", q)
		if err != nil || at.IsZero() || !reflect.DeepEqual(live, then) {
			t.Errorf("%q: the platform says %+v, the recovery point %+v, %v", c.text, live, then, err)
		}
		if len(live.Weddings) > 0 {
			matched := ""
			for _, m := range live.Weddings[0].Matched {
				matched = string(m.Kind) + " " + m.Text
			}
			if matched != c.matched {
				t.Errorf("%q is found by %q, want %q", c.text, matched, c.matched)
			}
		}
		var paged []string
		q.Limit = 1
		for page := live; len(paged) < len(c.want); {
			if page, err = e.FindWeddings(t.Context(), q); err != nil || len(page.Weddings) != 1 || page.Total != len(c.want) {
				t.Fatalf("%q, after %v: %+v, %v", c.text, paged, page, err)
			}
			paged, q.After = append(paged, page.Weddings[0].ID), &page.Weddings[0]
		}
		if !slices.Equal(paged, c.want) {
			t.Errorf("%q page by page: %v, want %v", c.text, paged, c.want)
		}
	}
	if _, err := away.FindWeddings(t.Context(), engine.WeddingSearch{Limit: 1}); err == nil {
		t.Error("a platform that is away has weddings")
	}
	all := []engine.Organization{{ID: "oak", Name: "Oak 100%", Weddings: 3},
		{ID: "rose", Name: "Studio Rosé", Weddings: 3}}
	for _, c := range []struct {
		q    engine.OrganizationQuery
		want []engine.Organization
	}{
		{engine.OrganizationQuery{Limit: 9}, all},
		{engine.OrganizationQuery{Limit: 1}, all[:1]},
		{engine.OrganizationQuery{Limit: 1, After: &engine.OrganizationPlace{Name: "Oak 100%", ID: "oak"}}, all[1:]},
		{engine.OrganizationQuery{Limit: 1, After: &engine.OrganizationPlace{Name: "Studio Rosé", ID: "rose"}}, nil},
		{engine.OrganizationQuery{Limit: 9, Search: "rose studio"}, all[1:]},
	} {
		live, err := e.Organizations(t.Context(), c.q)
		if err != nil || !slices.Equal(live, c.want) {
			t.Errorf("%+v: %+v, %v, want %+v", c.q, live, err, c.want)
		}
		if then, _, err := away.OrganizationsAt(t.Context(), "latest", c.q); err != nil || !slices.Equal(then, c.want) {
			t.Errorf("%+v at a recovery point: %+v, %v, want %+v", c.q, then, err, c.want)
		}
	}
}

func weddingIDs(list []engine.Wedding) (ids []string) {
	for _, w := range list {
		ids = append(ids, w.ID)
	}
	return ids
}

// TestWhatChangedBetweenTwoMoments compares a wedding with itself, between recovery points and with the live platform.
func TestWhatChangedBetweenTwoMoments(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url,
		"create table organizations (id int primary key, name text)",
		"create table weddings (id int primary key, couple text, wedding_date date, organization_id int)",
		"create table guests (id int primary key, wedding_id int references weddings, name text)",
		"create table wishes (wedding_id int references weddings, text text)",
		"insert into weddings values (1, 'Ada & Ben', '2026-12-24', 1), (2, 'Others', '2026-12-24', 1)",
		"insert into guests values (1, 1, 'stays'), (2, 1, 'changes'), (3, 1, 'goes'), (9, 2, 'not theirs')",
		"insert into wishes values (1, 'twice'), (1, 'twice'), (1, null)")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	first := backup(t, e, keepsake.BackupFull).Point
	run(t, url, "update guests set name = 'changed' where id in (2, 9)", "delete from guests where id = 3",
		"insert into guests values (4, 1, 'came')",
		"delete from wishes where ctid in (select min(ctid) from wishes where text = 'twice')")
	second := backup(t, e, keepsake.BackupIncremental).Point
	count := func(from, to string) (n [3]int64) {
		t.Helper()
		w, err := e.WeddingChanges(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: from}, to)
		if err != nil {
			t.Fatal(err)
		}
		if w.Name != "Ada & Ben" || w.From.IsZero() || (to == engine.Now) != w.To.IsZero() {
			t.Errorf("%+v", w)
		}
		for _, table := range w.Tables {
			i, u, d, _ := table.Counts()
			n[0], n[1], n[2] = n[0]+i, n[1]+u, n[2]+d
			for _, c := range table.Changes {
				if c.Op == scope.Update && (*c.Before[2] != "changes" || *c.After[2] != "changed") && from == first {
					t.Errorf("%s: %q became %q", table.Table, *c.Before[2], *c.After[2])
				}
			}
		}
		return n
	}
	for _, c := range []struct {
		from, to string
		want     [3]int64 // added, changed, removed
	}{
		{first, second, [3]int64{1, 1, 2}},
		{second, first, [3]int64{2, 1, 1}},
		{first, first, [3]int64{}},
		{second, engine.Now, [3]int64{}},
	} {
		if got := count(c.from, c.to); got != c.want {
			t.Errorf("from %s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	run(t, url, "drop table wishes") // the live comparison goes by primary keys
	if got := count(first, engine.Now); got != [3]int64{1, 1, 1} {
		t.Errorf("from the first to now: %v", got)
	}
}

// TestNotesOutliveProviders: the newest note of a topic is found although a provider that was away holds an older one,
// and the same is not written twice.
func TestNotesOutliveProviders(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table organizations (id int primary key)")
	list, key := providers(t), repository.NewKeyFile()
	all := engineWith(t, url, list, key)
	if _, err := all.ReadNote(t.Context(), "access"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("a topic without notes: %v", err)
	}
	some := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   list[1:],
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	for _, x := range []struct {
		e    *engine.Engine
		text string
	}{{all, "first"}, {all, "first"}, {some, "second"}} {
		if _, err := x.e.KeepNote(t.Context(), "access", []byte(x.text)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := all.ReadNote(t.Context(), "access")
	if err != nil || string(got) != "second" {
		t.Errorf("%q, %v", got, err)
	}
	count := 0
	if err := list[1].Store.List(t.Context(), "notes/", func(storage.Object) error { count++; return nil }); err != nil ||
		count != 2 {
		t.Errorf("%d notes, %v", count, err)
	}
}

// TestDamageIsFound: the newest moment at which many rows of a wedding vanished is found, whether a recovery point was
// made after it or not; daily work is no damage.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	w, of := newDamageWorld(t, 200), ofWedding("1")
	first := w.point()
	w.run("update guests set name = 'Moved' where id in (2, 4)", "delete from guests where id = 6",
		"delete from guests where wedding_id = 2")
	w.point()
	if d, found := w.find(of); found {
		t.Errorf("daily work, and another wedding's damage: %+v", d)
	}
	safe := w.point()
	w.run("delete from guests where wedding_id = 1 and id % 4 = 0")
	if d, found := w.find(of); !found || d.Point != safe || !d.To.IsZero() || d.Gone != 50 || d.Rows != 100 ||
		d.PointsRead != 1 {
		t.Errorf("since the newest point: %+v, %v", d, found)
	}
	w.point()
	w.point()
	if d, found := w.find(of); !found || d.Point != safe || d.To.IsZero() || d.Gone != 50 {
		t.Errorf("before the newest points: %+v, %v", d, found)
	}
	w.run("update guests set name = 'Vandal' where wedding_id = 1")
	if d, found := w.find(of); !found || d.Point != w.points[0] || d.Changed != 49 {
		t.Errorf("changed in bulk: %+v, %v", d, found)
	}
	if first == safe {
		t.Error("two backups are one point")
	}
}

// TestWhatCameBackIsNoDamage: rows that vanished and are back in the newest recovery point are not missed. The point
// without them still lacks them, for who names it, and so does it for the organization.
func TestWhatCameBackIsNoDamage(t *testing.T) {
	t.Parallel()
	w := newDamageWorld(t, 200, "create table kept as select * from guests")
	for _, change := range []string{"delete from guests where wedding_id = 1 and id % 4 = 0",
		"insert into guests select * from kept k where not exists (select from guests g where g.id = k.id)", "select 1"} {
		w.point()
		w.run(change)
	}
	whole, lacking := w.points[2], w.points[1]
	for _, of := range []keepsake.Scope{ofWedding("1"), keepsake.MustScope(keepsake.OrganizationScope("1"))} {
		if d, found := w.find(of); found {
			t.Errorf("%s came back: %+v", of, d)
		}
		d, found, err := w.e.FindDamage(t.Context(), engine.ScopeInput{Scope: of, PointsOnly: true},
			[]string{lacking, whole})
		if err != nil || !found || d.Point != whole || d.Gone != 50 || len(d.Lost) != 1 ||
			d.Lost[0].Then-d.Lost[0].After != 50 {
			t.Errorf("%s of the point without them: %+v, %v, %v", of, d, found, err)
		}
	}
}

// TestSmallDamageIsFound: a few rows that were all that a table held of a wedding, and then the wedding itself, are
// missed although backups ran after they were deleted.
func TestSmallDamageIsFound(t *testing.T) {
	t.Parallel()
	w := newDamageWorld(t, 400,
		"create table wedding_suppliers (id int primary key, wedding_id int references weddings, name text)",
		"insert into wedding_suppliers select i, 1, 'Vendor ' || i from generate_series(1, 6) i")
	for _, gone := range []string{"delete from wedding_suppliers",
		"delete from guests where wedding_id = 1; delete from weddings where id = 1"} {
		safe := w.point()
		w.run(gone)
		w.point()
		w.point()
		if d, found := w.find(ofWedding("1")); !found || d.Point != safe || d.To.IsZero() || d.Gone == 0 {
			t.Errorf("after %s: %+v, %v, want %s", gone, d, found, safe)
		}
	}
}
