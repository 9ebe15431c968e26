package db_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgerrcode"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var (
	nobody     = keepsake.Actor{}
	system     = keepsake.System("test")
	superAdmin = keepsake.Actor{ID: "a", Name: "a@example.org", Role: keepsake.RoleSuperAdmin}
	quiet      = slog.New(slog.DiscardHandler)
	bound      = keepsake.Actor{
		ID:           "b",
		Name:         "b@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     keepsake.DefaultPlatform,
		Organization: "org-1",
	}
)

func TestMigrateIsIdempotentAndSafeTogether(t *testing.T) {
	t.Parallel()
	url := dbtest.Empty(t)
	g, ctx := errgroup.WithContext(t.Context())
	for range 3 {
		g.Go(func() error { return db.Migrate(ctx, url, quiet) })
	}
	if err := g.Wait(); err != nil {
		t.Fatalf("three processes migrate an empty database: %v", err)
	}
	if err := db.Migrate(t.Context(), url, quiet); err != nil {
		t.Fatalf("migrate again: %v", err)
	}
}

func TestOpenRefusesRoleThatNothingBinds(t *testing.T) {
	t.Parallel()
	url := keepsake.Secret(testenv.DB(t))
	for name, err := range map[string]error{
		"migrate": db.Migrate(t.Context(), url, quiet),
		"open":    func() error { _, err := db.Open(t.Context(), url); return err }(),
	} {
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), "BYPASSRLS") {
			t.Errorf("%s as a superuser: %v, want a refusal that says why", name, err)
		}
	}
}

func TestUnreachableDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	_, err := db.Open(t.Context(), "postgres://who:secret-word@127.0.0.1:1/none")
	if keepsake.CodeOf(err) != keepsake.CodeUnavailable || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("open a dead server: %v", err)
	}
}

func TestRowsByActor(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	insert := func(actor keepsake.Actor, id, organization string) error {
		return d.InTx(t.Context(), actor, func(tx db.Tx) error {
			p := sqlcgen.InsertOperationParams{
				ID:            id,
				Platform:      keepsake.DefaultPlatform,
				Kind:          "verify",
				State:         "queued",
				Labels:        []byte("{}"),
				Weddings:      []byte("[]"),
				Slots:         []string{},
				RequestedBy:   "x",
				RequestedName: "x",
			}
			if organization != "" {
				p.Organization = &organization
			}
			return tx.InsertOperation(t.Context(), p)
		})
	}
	const whole, org1, org2 = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002",
		"018f0000-0000-7000-8000-000000000003"
	if err := errors.Join(insert(superAdmin, whole, ""), insert(bound, org1, "org-1"),
		insert(superAdmin, org2, "org-2")); err != nil {
		t.Fatal(err)
	}
	if err := insert(bound, "018f0000-0000-7000-8000-000000000004", "org-2"); !db.IsState(err,
		pgerrcode.InsufficientPrivilege) {
		t.Errorf("write into another organization: %v, want a refusal", err)
	}
	if err := insert(nobody, "018f0000-0000-7000-8000-000000000005", ""); !db.IsState(err,
		pgerrcode.InsufficientPrivilege) {
		t.Errorf("write as nobody: %v, want a refusal", err)
	}
	for _, c := range []struct {
		name  string
		actor keepsake.Actor
		want  []string
	}{
		{"nobody", nobody, nil},
		{"unknown role", keepsake.Actor{ID: "x", Role: "guest"}, nil},
		{"super admin", superAdmin, []string{org2, org1, whole}},
		{"system", system, []string{org2, org1, whole}},
		{"bound to an organization", bound, []string{org1}},
	} {
		var got []string
		err := d.InTx(t.Context(), c.actor, func(tx db.Tx) error {
			rows, err := tx.ListOperations(t.Context(), sqlcgen.ListOperationsParams{Most: 10})
			for _, r := range rows {
				got = append(got, r.ID)
			}
			return err
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s sees %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}

func TestFinalStatesAndFencesHold(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	exec := func(sql string) error {
		return d.InTx(t.Context(), system, func(tx db.Tx) error { _, err := tx.PG.Exec(t.Context(), sql); return err })
	}
	if err := exec(`insert into backup_operations (id, platform, kind, state, requested_by, requested_name, finished_at,
		cancel_requested_at, fence)
		values ('018f0000-0000-7000-8000-000000000001', 'main', 'verify', 'cancelled', 'x', 'x', now(), now(),
			4)`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, sql string }{
		{"revive an ended operation", "update backup_operations set state = 'queued', finished_at = null"},
		{"lower the fence", "update backup_operations set fence = 3"},
		{"become another platform's slots", "update backup_operations set slots = '{backup}'"},
		{"end without a time", "update backup_operations set finished_at = null"},
		{"phase against days", `insert into recovery_points (id, platform, taken_at, backup_type, source_database,
			source_server,
			tables, rows, bytes_read, bytes_stored, bytes_new, chunks, chunks_new, seconds, copies, protected, wedding_id,
				wedding_date, days_before_wedding, timeline_phase)
			values ('p', 'main', now(), 'full', 'x', '15', 1, 1, 1, 1, 1, 1, 1, 1, '[]', true, 'w', now(), 31, 'preparation')`},
	} {
		if err := exec(c.sql); !db.IsState(err, pgerrcode.CheckViolation) {
			t.Errorf("%s: %v, want a check violation", c.name, err)
		}
	}
}

// TestEveryRestoreKeepsItsScope: an operation has what a restore was asked for when it is a restore, and that names a
// scope, but for one that takes another back.
func TestEveryRestoreKeepsItsScope(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	for _, c := range []struct{ name, kind, asked, broken string }{
		{"a restore that nothing was asked of", "restore", "", "backup_operations_asked_iff_restore"},
		{"a verification with a scope", "verify", `{"scope": {"everything": true}}`, "backup_operations_asked_iff_restore"},
		{"a restore without a scope", "restore", `{"undo_of": "r"}`, "backup_operations_restore_has_a_scope"},
		{"a scoped restore without a scope", "scoped", `{"name": "n"}`, "backup_operations_restore_has_a_scope"},
	} {
		err := d.InTx(t.Context(), system, func(tx db.Tx) error {
			_, err := tx.PG.Exec(t.Context(), `insert into backup_operations (id, platform, kind, requested_by, requested_name,
				target, target_database, restore)
				values ('018f0000-0000-7000-8000-000000000002', 'main', $1::text, 'x', 'x',
					case when $1 = 'restore' then 's' else '' end,
					case when $1 = 'restore' then 'd' else '' end, nullif($2, '')::jsonb)`, c.kind, c.asked)
			return err
		})
		if !db.IsConstraint(err, c.broken) {
			t.Errorf("%s: %v, want %s to refuse it", c.name, err, c.broken)
		}
	}
}
