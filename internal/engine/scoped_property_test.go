package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// platformShape is a generated schema below weddings: every table leads to weddings directly, through another one, or
// both, with composite keys, references to itself, circles, and references that only the data map knows.
type platformShape struct {
	tables  []shapeTable
	virtual []keepsake.VirtualKey
}

type shapeTable struct {
	name      string
	parent    int  // of the tables, -1 is weddings
	direct    bool // has wedding_id as well as parent
	composite bool // the primary key is (part, id)
	self      bool
	virtual   bool // the reference to the parent is not declared
	shared    bool // points at suppliers
}

func drawShape(t *rapid.T) platformShape {
	var s platformShape
	for i := range rapid.IntRange(1, 5).Draw(t, "tables") {
		s.tables = append(s.tables, shapeTable{
			name:      fmt.Sprintf("Table %d", i),
			parent:    rapid.IntRange(-1, i-1).Draw(t, "parent"),
			direct:    rapid.Bool().Draw(t, "direct"),
			composite: rapid.Bool().Draw(t, "composite"),
			self:      rapid.Bool().Draw(t, "self"),
			virtual:   rapid.Bool().Draw(t, "virtual"),
			shared:    rapid.Bool().Draw(t, "shared"),
		})
	}
	return s
}

// statements makes the schema and its rows: five weddings, and rows whose references all stay inside their wedding.
func (s *platformShape) statements() []string {
	out := []string{"create table suppliers (id int primary key, name text)",
		"insert into suppliers select i, 'Supplier ' || i from generate_series(1, 4) i",
		"create table weddings (id int primary key, couple text, wedding_date date, organization_id int, lead bigint)",
		"insert into weddings select i, 'Couple ' || i, date '2026-07-01' + i, 1, null from generate_series(1, 5) i"}
	key := func(i int) string {
		if i >= 0 && s.tables[i].composite {
			return "part, id"
		}
		return "id"
	}
	for i, t := range s.tables {
		columns := []string{"id bigint not null", "part int not null default 1", "body text", "data jsonb", "amount numeric"}
		var after []string
		parent, refs := "weddings", "wedding_id"
		if t.parent >= 0 {
			parent, refs = s.tables[t.parent].name, "parent_id"
			columns = append(columns, "parent_id bigint")
			if s.tables[t.parent].composite {
				columns = append(columns, "parent_part int")
				refs = "parent_part, parent_id"
			}
		}
		if t.parent < 0 || t.direct {
			columns = append(columns, "wedding_id int")
		}
		if t.self {
			columns = append(columns, "self_id bigint", "self_part int")
		}
		if t.shared {
			columns = append(columns, "supplier_id int references suppliers")
		}
		columns = append(columns, "primary key ("+key(i)+")")
		q := func(name string) string { return `"` + name + `"` }
		if t.virtual {
			s.virtual = append(s.virtual, keepsake.VirtualKey{
				Table:             "public." + t.name,
				Columns:           strings.Split(refs, ", "),
				References:        "public." + parent,
				ReferencedColumns: strings.Split(key(t.parent), ", "),
			})
		} else {
			after = append(after,
				fmt.Sprintf("alter table %s add foreign key (%s) references %s (%s) deferrable initially deferred", q(t.name), refs,
					q(parent), key(t.parent)))
		}
		if t.direct && t.parent >= 0 {
			after = append(after, fmt.Sprintf("alter table %s add foreign key (wedding_id) references weddings deferrable "+
				"initially deferred", q(t.name)))
		}
		if t.self {
			refs := "self_id"
			if t.composite {
				refs = "self_part, self_id"
			}
			after = append(after,
				fmt.Sprintf("alter table %s add foreign key (%s) references %s (%s) deferrable initially deferred", q(t.name), refs,
					q(t.name), key(i)))
		}
		out = append(out, fmt.Sprintf("create table %s (%s)", q(t.name), strings.Join(columns, ", ")))
		out = append(out, s.fill(i, "", 60, 0)...)
		out = append(out, after...)
	}
	// A circle: the wedding points back into its own rows.
	if s.tables[0].parent < 0 && !s.tables[0].composite {
		out = append(out, `alter table weddings add foreign key (lead) references "Table 0" deferrable initially deferred`,
			`update weddings w set lead = (select min(id) from "Table 0" t where t.wedding_id = w.id)`)
	}
	return out
}

// fill inserts n rows with ids from+1…, row i below wedding 1 + i % 5; wedding, if set, restricts them to one.
func (s *platformShape) fill(i int, wedding string, n, from int) []string {
	t := s.tables[i]
	columns, values := []string{"id", "body", "data", "amount"},
		[]string{"i", "'body ' || i", `jsonb_build_object('n', i, 'tab', E'\t')`, "i / 3.0"}
	owner := "1 + i % 5"
	if wedding != "" {
		owner = wedding
	}
	if t.parent >= 0 {
		// The parent of row i is row 1 + i % 5 + 5 * (i / 10): of the same wedding, because ids are the same modulo 5.
		columns, values = append(columns, "parent_id"),
			append(values, "case when i % 5 = 0 then 5 else i % 5 end + 5 * (i % 60 / 10)")
		if s.tables[t.parent].composite {
			columns, values = append(columns, "parent_part"), append(values, "1")
		}
	}
	if t.parent < 0 || t.direct {
		columns, values = append(columns, "wedding_id"), append(values, owner)
	}
	if t.self {
		columns, values = append(columns, "self_id", "self_part"),
			append(values, "case when i > 10 and i <= 60 then i - 5 end", "case when i > 10 and i <= 60 then 1 end")
	}
	if t.shared {
		columns, values = append(columns, "supplier_id"), append(values, "1 + i % 4")
	}
	return []string{fmt.Sprintf(`insert into "%s" (%s) select %s from generate_series(%d, %d) i`, t.name,
		strings.Join(columns, ", "), strings.Join(values, ", "), from+1, from+n)}
}

// owners is a query of the ids of a table's rows and the wedding they belong to.
func (s *platformShape) owner(i int, alias string) string {
	t := s.tables[i]
	if t.parent < 0 || t.direct {
		return alias + ".wedding_id"
	}
	p := fmt.Sprintf("p%d", i)
	return fmt.Sprintf(`(select %s from "%s" %s where %s.id = %s.parent_id)`, s.owner(t.parent, p),
		s.tables[t.parent].name, p, p, alias)
}

// state is every row of the wedding, or of all others.
func (s *platformShape) state(t *testing.T, url string, wedding int, own bool) string {
	t.Helper()
	condition := "is distinct from"
	if own {
		condition = "="
	}
	parts := []string{fmt.Sprintf("select 'w ' || w::text as x from weddings w where id %s %d", condition, wedding)}
	for i, table := range s.tables {
		parts = append(parts, fmt.Sprintf(`select '%d ' || r::text from "%s" r where %s %s %d`, i, table.name,
			s.owner(i, "r"), condition, wedding))
	}
	if !own {
		parts = append(parts, "select 's ' || s::text from suppliers s")
	}
	return one[string](t, url, "select coalesce(string_agg(x, E'\n' order by x), '') from ("+
		strings.Join(parts, " union all ")+") a")
}

// edits damage one wedding at random; triggers and with them foreign keys are off, as when an application goes wrong.
func (s *platformShape) edits(r *rand.Rand, wedding int) []string {
	out := []string{"set session_replication_role = replica"}
	for range 1 + r.IntN(6) {
		i := r.IntN(len(s.tables))
		name, owner := s.tables[i].name, s.owner(i, "r")
		switch r.IntN(4) {
		case 0:
			out = append(out,
				fmt.Sprintf(`update "%s" r set body = 'damaged', data = null, amount = amount + 1 where %s = %d and id %% %d = 0`,
					name, owner, wedding, 1+r.IntN(3)))
		case 1: // leaves only, or their owner would be unknown to the test
			if !slices.ContainsFunc(s.tables, func(t shapeTable) bool { return t.parent == i }) {
				from := 5             // nor the row that its wedding points at
				if s.tables[i].self { // nor one that another one points at: an undo refuses to leave that one alone
					from = 55
				}
				out = append(out, fmt.Sprintf(`delete from "%s" r where %s = %d and id %% %d = 0 and id > %d`, name, owner, wedding,
					1+r.IntN(3), from))
			}
		case 2:
			out = append(out, s.fill(i, fmt.Sprint(wedding), 1, 1000+100*len(out)+wedding-2)...)
		default:
			out = append(out, fmt.Sprintf("update weddings set couple = 'Damaged %d' where id = %d", r.IntN(9), wedding))
		}
	}
	return append(out, "set session_replication_role = default")
}

// TestScopesOfAnyShape: whatever the schema and the damage, a rewind brings the wedding's state at the point back, row
// for row, leaves every other wedding byte-identical, and its undo brings back the state before.
func TestScopesOfAnyShape(t *testing.T) {
	t.Parallel()
	testenv.Draws(t, 8, func(rt *rapid.T) {
		shape := drawShape(rt)
		url := testenv.DB(t)
		run(t, url, shape.statements()...)
		list := providers(t)
		m := keepsake.DefaultDataMap()
		m.ForeignKeys = shape.virtual
		e := engine.New(engine.Options{
			PlatformURL: keepsake.Secret(url),
			Providers:   list,
			DataMap:     m,
			Key:         repository.KeySource{Key: repository.NewKeyFile()},
		})
		if _, err := e.Init(t.Context()); err != nil {
			rt.Fatal(err)
		}
		backup(t, e, keepsake.BackupFull)
		wedding := rapid.IntRange(1, 5).Draw(rt, "wedding")
		before, others := shape.state(t, url, wedding, true), shape.state(t, url, wedding, false)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		run(t, url, shape.edits(r, wedding)...)
		damaged := shape.state(t, url, wedding, true)

		s, err := e.ReadScope(t.Context(), engine.ScopeInput{
			Scope: ofWedding(fmt.Sprint(wedding)),
			Point: "latest",
			Mode:  scope.Rewind,
		})
		if err != nil {
			rt.Fatal(err)
		}
		p, err := s.Preview(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		done, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
		if err != nil {
			rt.Fatal(err)
		}
		if got := shape.state(t, url, wedding, true); got != before {
			rt.Fatalf("%+v: rewound to\n%s\nnot\n%s\nfrom\n%s", shape.tables, got, before, damaged)
		}
		if got := shape.state(t, url, wedding, false); got != others {
			rt.Fatalf("%+v: other weddings changed to\n%s\nfrom\n%s", shape.tables, got, others)
		}
		if _, err := e.Undo(t.Context(), done.Restore); err != nil {
			rt.Fatal(err)
		}
		if got := shape.state(t, url, wedding, true); got != damaged {
			rt.Fatalf("%+v: undone to\n%s\nnot\n%s", shape.tables, got, damaged)
		}
	})
}

// busy is a platform that many sessions write to at once.
var busy = []string{
	"create table weddings (id int primary key, couple text, wedding_date date, organization_id int)",
	"create table seats (id bigint generated always as identity primary key, wedding_id int not null references " +
		"weddings, label text)",
	"create table guests (id bigint generated always as identity primary key, wedding_id int not null references " +
		"weddings, seat_id bigint references seats, name text)",
	"create index on seats (wedding_id)", "create index on guests (wedding_id)", "create index on guests (seat_id)",
	"insert into weddings select i, 'Couple ' || i, date '2026-12-01' + i from generate_series(1, 20) i",
	"insert into seats (wedding_id, label) select 1 + i % 20, 'Seat ' || i from generate_series(1, 400) i",
	"insert into guests (wedding_id, seat_id, name) select 1 + s.id % 20, s.id, 'Guest ' || s.id from seats s",
}

// work is what one session of the platform does, over and over. It concerns other weddings than the first, but for as
// many statements as first allows: no preview of that one would ever hold otherwise.
func work(ctx context.Context, conn *pgx.Conn, r *rand.Rand, first *atomic.Int64) {
	wedding := 2 + r.IntN(19)
	if r.IntN(50) == 0 && first.Add(-1) >= 0 {
		wedding = 1
	}
	statements := []string{
		"insert into guests (wedding_id, seat_id, name) select $1::int, id, 'New' from seats where wedding_id = $1 order " +
			"by random() limit 1",
		"insert into seats (wedding_id, label) values ($1::int, 'New')",
		"delete from guests where id in (select id from guests where wedding_id = $1::int order by random() limit 1)",
		"update guests set name = name || '.' where id in (select id from guests where wedding_id = $1::int order by " +
			"random() limit 2)",
		// refused while a guest sits there
		"delete from seats where id in (select id from seats where wedding_id = $1::int order by random() limit 1)",
	}
	// a refused or cancelled statement is the platform's daily bread
	_, _ = conn.Exec(ctx, statements[r.IntN(len(statements))], wedding)
}

// TestScopeAmongWriters rewinds one wedding again and again while twenty sessions write: every apply does what its
// preview showed or nothing at all, and no row is ever left pointing at nothing, though restores switch the database's
// own check off.
func TestScopeAmongWriters(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, busy...)
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	var first atomic.Int64
	for n := range 20 {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			defer func() { _ = conn.Close(context.Background()) }()
			for r := rand.New(rand.NewPCG(7, uint64(n))); ctx.Err() == nil; {
				work(context.Background(), conn, r, &first)
			}
		})
	}
	s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest", Mode: scope.Rewind})
	if err != nil {
		t.Fatal(err)
	}
	rewind := func(meanwhile int64) error {
		first.Store(1)
		p, err := s.Preview(t.Context())
		if err != nil {
			return err
		}
		first.Store(meanwhile)
		_, err = s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
		return err
	}
	applied, moved := 0, 0
	for n := range 12 {
		err := rewind(int64(n % 2 * 3))
		switch code := keepsake.CodeOf(err); {
		case err == nil:
			applied++
		case code == keepsake.CodeConflict || code == keepsake.CodeUnavailable:
			moved++
		default:
			t.Error(err)
		}
	}
	stop()
	writers.Wait()
	t.Logf("%d applied, %d refused because the rows had moved", applied, moved)
	if applied == 0 {
		t.Error("no apply ever got through")
	}
	const orphans = `select (select count(*) from guests g where not exists (select from seats s where s.id = g.seat_id)
		and seat_id is not null)
		+ (select count(*) from seats s where not exists (select from weddings w where w.id = s.wedding_id))`
	if n := one[int](t, url, orphans); n != 0 {
		t.Errorf("%d rows point at nothing", n)
	}
	if err := rewind(0); err != nil { // now that nobody writes, it must succeed
		t.Error(err)
	}
	if n := one[int](t, url, "select count(*) from guests where wedding_id = 1 and name ~ '[.]|New'"); n != 0 {
		t.Errorf("%d rows are not as they were", n)
	}
}
