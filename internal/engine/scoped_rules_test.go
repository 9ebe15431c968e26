package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// platformRules are rules that rows of a platform may have to keep, each by the statement that makes it.
var platformRules = []string{
	"alter table guests add constraint rule_%d unique (seat)",
	"alter table guests add constraint rule_%d unique (wedding_id, seat)",
	"alter table guests add constraint rule_%d unique (seat) deferrable",
	"alter table guests add constraint rule_%d unique nulls not distinct (seat, name) deferrable initially deferred",
	"alter table guests add constraint rule_%d exclude using gist (span with &&)",
	"alter table guests add constraint rule_%d exclude using gist (span with &&) where (seat > 2) deferrable",
	"alter table guests add constraint rule_%d exclude (abs(seat) with =)",
	"create unique index rule_%d on guests (lower(name)) where seat < 5",
	"create unique index rule_%d on guests ((seat %% 7), name)",
}

// laterRules are rules that come after the recovery point. Rows that are there need not keep them.
var laterRules = []string{
	"alter table guests add constraint later_%d check (seat <> 3) not valid",
	"alter table guests add constraint later_%d check (wedding_id <> 1 or name <> 'B') not valid",
	"alter table gifts add constraint later_%d check (guest_id <> 2) not valid",
	"alter table guests add constraint later_%d check (upper_inf(span) or lower(span) < 6) not valid",
}

// writes are statements of the platform's own people. Some fail.
func writes(r *rand.Rand, n int) (out []string) {
	for range n {
		id, wedding, from := 1+r.IntN(12), 1+r.IntN(2), r.IntN(9)
		seat := []string{"null", "1", "2", "3", "4", "5", "-1", "-2"}[r.IntN(8)]
		name := []string{"A", "a", "B", "b"}[r.IntN(4)]
		span := fmt.Sprintf("int4range(%d, %d)", from, from+r.IntN(3))
		out = append(out, []string{
			fmt.Sprintf("insert into guests values (%d, %d, %s, %s, '%s')", id, wedding, seat, span, name),
			fmt.Sprintf("insert into guests values (%d, %d, %s, %s, '%s')", id, wedding, seat, span, name),
			fmt.Sprintf("update guests set seat = %s, name = '%s' where id = %d", seat, name, id),
			fmt.Sprintf("update guests set span = %s where id = %d", span, id),
			fmt.Sprintf("update guests set seat = seat + 1 where wedding_id = %d", wedding),
			fmt.Sprintf("insert into gifts values (%d, %d)", id, 1+r.IntN(12)),
			fmt.Sprintf("delete from gifts where id = %d", id),
			fmt.Sprintf("delete from guests where id = %d", id),
			fmt.Sprintf("update guests set wedding_id = %d where id = %d", wedding, id),
		}[r.IntN(9)])
	}
	return out
}

// TestRestoresUnderAnyRule draws rules and what people write under them. Whatever the platform refuses, the preview
// refuses; its apply never fails, changes no row of the other wedding, leaves every rule kept, and can be undone.
func TestRestoresUnderAnyRule(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	changed, refusedSome := 0, 0
	testenv.Draws(t, 30, func(rt *rapid.T) {
		write := func(statements ...string) {
			for _, s := range statements {
				var refused *pgconn.PgError
				if _, err := conn.Exec(t.Context(), s); err != nil && !errors.As(err, &refused) {
					rt.Fatalf("%s: %v", s, err)
				}
			}
		}
		must := func(statements ...string) {
			for _, s := range statements {
				if _, err := conn.Exec(t.Context(), s); err != nil {
					rt.Fatalf("%s: %v", s, err)
				}
			}
		}
		must("drop table if exists gifts, guests, weddings",
			"create table weddings (id int primary key, couple text, wedding_date date)",
			"insert into weddings values (1, 'A', '2026-05-01'), (2, 'B', '2026-06-01')",
			"create table guests (id int primary key, wedding_id int references weddings, seat int, span int4range, name text)",
			"create table gifts (id int primary key, guest_id int references guests)")
		rules := rapid.SliceOfNDistinct(rapid.IntRange(0, len(platformRules)-1), 1, 3, rapid.ID[int]).Draw(rt, "rules")
		for _, r := range rules {
			must(fmt.Sprintf(platformRules[r], r))
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		write(writes(random, 40)...)
		if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard); err != nil {
			rt.Fatal(err)
		}
		later := rapid.SliceOfNDistinct(rapid.IntRange(0, len(laterRules)-1), 0, 2, rapid.ID[int]).Draw(rt, "later")
		for _, r := range later {
			must(fmt.Sprintf(laterRules[r], r))
		}
		write(writes(random, 20)...)
		mode := rapid.SampledFrom([]scope.Mode{scope.Missing, scope.Rewind}).Draw(rt, "mode")
		of := rapid.SampledFrom([]keepsake.Scope{ofWedding("1"), keepsake.Everything()}).Draw(rt, "scope")
		before, others := allRows(t, url), ""
		const ofOthers = `select coalesce(string_agg(r::text, '; ' order by r::text), '') from (
			select g::text from guests g where wedding_id = 2
			union all select f::text from gifts f join guests g on g.id = guest_id where wedding_id = 2) r(r)`
		others = one[string](t, url, ofOthers)
		points, err := e.Points(t.Context(), "")
		if err != nil {
			rt.Fatal(err)
		}
		s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: of, Point: points[0].ID, Mode: mode})
		if err != nil {
			rt.Fatal(err)
		}
		p, err := s.Preview(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		i, u, d, refused := p.Totals()
		changed, refusedSome = changed+int(i+u+d), refusedSome+int(refused)
		r, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
		if err != nil {
			rt.Fatalf("%v\n%+v", err, p.Tables)
		}
		if now := one[string](t, url, ofOthers); !of.Wide() && now != others {
			rt.Fatalf("the other wedding had\n%s\nand has\n%s", others, now)
		}
		for _, n := range rules { // the same rule again, which looks at every row
			again := strings.Replace(fmt.Sprintf(platformRules[n], n), "rule_", "again_", 1)
			if _, err := conn.Exec(t.Context(), again); err != nil {
				rt.Fatalf("rows break a rule of the platform: %v", err)
			}
		}
		if n := one[int](t, url, "select count(*) from gifts f where guest_id is not null and not exists (select from "+
			"guests g where g.id = f.guest_id)"); n > 0 {
			rt.Fatalf("%d gifts point at nothing", n)
		}
		if again, err := s.Preview(t.Context()); err != nil {
			rt.Fatal(err)
		} else if insert, update, remove, _ := again.Totals(); insert+update+remove > 0 {
			rt.Fatalf("after the restore %d, %d and %d rows differ: %+v", insert, update, remove, again.Tables)
		}
		back, err := e.Undo(t.Context(), r.Restore)
		if err != nil || len(later) == 0 && len(back.Refused) > 0 {
			rt.Fatalf("undo: %v, %v", back.Refused, err)
		}
		if len(back.Refused) > 0 {
			return // what a later rule would not take again, and what hangs on it
		}
		if now := allRows(t, url); now != before {
			rt.Fatalf("after the undo the platform has\n%s\nand had\n%s", now, before)
		}
	})
	if changed == 0 || refusedSome == 0 {
		t.Errorf("%d rows were changed and %d refused: nothing was tried", changed, refusedSome)
	}
	t.Logf("%d rows were changed and %d refused", changed, refusedSome)
}
