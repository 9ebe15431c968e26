package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var (
	someone = keepsake.Actor{
		ID:        "1",
		Name:      "amelia@example.org",
		Role:      keepsake.RoleSuperAdmin,
		Address:   "192.0.2.1",
		UserAgent: "test",
	}
	bound = keepsake.Actor{
		ID:           "2",
		Name:         "bea@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     "main",
		Organization: "org-1",
	}
	system = keepsake.System("test")
)

func record(ctx context.Context, d *db.DB, actor keepsake.Actor, action string) error {
	return d.InTx(ctx, actor, func(tx db.Tx) error {
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.Action(action),
			Outcome: audit.Allowed,
			Detail:  map[string]any{"b": 1, "a": "x\x00y"},
		})
	})
}

func TestChainHoldsUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 8 {
		actor := someone
		if i%2 == 1 {
			actor = bound // sees only its own rows, and still chains to the last
		}
		g.Go(func() error {
			for range 10 {
				if err := record(ctx, d, actor, "backup.start"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r, err := audit.Verify(t.Context(), d)
	if err != nil || !r.Intact || r.Rows != 80 {
		t.Errorf("verify: %+v, %v, want 80 intact rows", r, err)
	}
}

func TestRefusalOfNobodyIsRecorded(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	nobody := keepsake.Actor{Name: strings.Repeat("ä", 1000), UserAgent: "\xff\x00"}
	if err := audit.RecordRefused(t.Context(), d, nobody, audit.Entry{Action: "session.start"}); err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact || r.Rows != 1 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

func TestNobodyCanChangeTheTrail(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	if err := record(t.Context(), d, someone, "backup.start"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"update audit_log set action = 'x'", "delete from audit_log", "truncate audit_log",
		"delete from audit_head", "update audit_head set last_id = 0",
		// Beside the chain, with a gap, and behind its end, where the next would belong.
		"insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', 2, 'hash', sha256('x')))).* " +
			"from audit_log l",
		"insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', 7, 'prev_hash', hash, 'hash', " +
			"sha256('x')))).* from audit_log l",
		"insert into audit_log select (jsonb_populate_record(l, jsonb_build_object('id', 2, 'prev_hash', hash, 'hash', " +
			"sha256('x')))).* from audit_log l"} {
		err := d.InTx(t.Context(), system, func(tx db.Tx) error { _, err := tx.PG.Exec(t.Context(), sql); return err })
		if !db.IsState(err, pgerrcode.InsufficientPrivilege) && !db.IsState(err, pgerrcode.CheckViolation) {
			t.Errorf("%s: %v, want a refusal", sql, err)
		}
	}
	if err := record(t.Context(), d, someone, "backup.start"); err != nil {
		t.Errorf("nothing can be appended afterwards: %v", err)
	}
}

// TestVerifyNamesTheFirstBrokenRow tampers as only the owner of the tables can: with the triggers off.
func TestVerifyNamesTheFirstBrokenRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		broken    int64
	}{
		{"changed", "update audit_log set outcome = 'refused' where id = 3", 3},
		{"detail changed", `update audit_log set detail = '{"a": "other"}' where id = 2`, 2},
		{"removed in the middle", "delete from audit_log where id = 2", 2},
		{"removed at the end", "delete from audit_log where id >= 4", 4},
		{"all removed", "delete from audit_log", 1},
		{"swapped", "update audit_log set id = -id + 100 where id in (2, 3); update audit_log set id = case id when 98 " +
			"then 3 else 2 end where id > 90", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.URL(t)
			d := dbtest.Open(t, url)
			for range 5 {
				if err := record(t.Context(), d, someone, "backup.start"); err != nil {
					t.Fatal(err)
				}
			}
			conn, err := pgx.Connect(t.Context(), dbtest.Owner(t, url).Reveal())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			_, err = conn.Exec(t.Context(), "alter table audit_log disable trigger all, no force row level security; "+c.sql)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "alter table audit_log force row level security"); err != nil {
				t.Fatal(err)
			}
			r, err := audit.Verify(t.Context(), d)
			if err != nil || r.Intact || r.Broken != c.broken || r.Problem == "" {
				t.Errorf("verify: %+v, %v, want row %d named", r, err, c.broken)
			}
		})
	}
}

// TestManyBreaksAreCounted: a report names the first of them, and hides none.
func TestManyBreaksAreCounted(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	d := dbtest.Open(t, url)
	for range 60 {
		if err := record(t.Context(), d, someone, "backup.start"); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), dbtest.Owner(t, url).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"alter table audit_log disable trigger all, no force row level security",
		"update audit_log set outcome = 'refused' where id % 2 = 0 and id <= 50",
		"alter table audit_log force row level security"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	r, err := audit.Verify(t.Context(), d)
	if err != nil || len(r.Breaks) != 20 || r.More != 5 {
		t.Errorf("%d breaks are named and %d more counted, %v, want 25 together", len(r.Breaks), r.More, err)
	}
	if words := strings.Join(r.Words(time.Now()), "\n"); !strings.Contains(words, "Broken at 5 more places") {
		t.Errorf("the words hide breaks: %s", words)
	}
}

// TestWhoHasTheRoleAppendsInAnybodysName: nothing in the database tells such an entry from one of Keepsake's, so that
// role's password is kept like a super admin's.
func TestWhoHasTheRoleAppendsInAnybodysName(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t)
	d := dbtest.Open(t, url)
	if err := record(t.Context(), d, someone, "backup.start"); err != nil {
		t.Fatal(err)
	}
	err := d.InTx(t.Context(), system, func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), `with forged as (select jsonb_populate_record(l, jsonb_build_object('id', 2,
			'actor_name', 'bea@example.org', 'prev_hash', l.hash)) as entry from audit_log l)
			insert into audit_log select (jsonb_populate_record(entry, jsonb_build_object('hash', audit_hash(entry)))).*
				from forged`)
		if err == nil {
			_, err = tx.PG.Exec(t.Context(), "update audit_head set (last_id, hash) = (select id, hash from audit_log "+
				"where id = 2)")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact || r.Rows != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
