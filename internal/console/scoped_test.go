package console_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestOneWeddingIsRestoredOnRecord: a confirmed preview is applied and undone, and every attempt, refused or done, is in the
// audit.
func TestOneWeddingIsRestoredOnRecord(t *testing.T) {
	t.Parallel()
	w, platform := newWorld(t), testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	count := func(sql string) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	run(`create table organizations (id int primary key, name text);
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references organizations);
		create table guests (id int primary key, wedding_id int references weddings, name text);
		insert into organizations values (1, 'The Orchard Barn');
		insert into weddings select i, 'Couple ' || i, current_date + i, 1 from generate_series(1, 5) i;
		insert into guests select i, 1 + i % 5, 'Guest ' || i from generate_series(1, 50) i`)
	e := realEngine(t, platform)
	if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard); err != nil {
		t.Fatal(err)
	}
	c := w.console(e, func(d *console.Deps) { d.Scopes = e })
	run("delete from guests where wedding_id = 3")
	in := console.ScopedInput{Wedding: "3", Point: "latest", Mode: scope.Missing}
	p, err := c.PreviewWedding(t.Context(), admin, in)
	if err != nil {
		t.Fatal(err)
	}
	confirmed := console.RestoreWeddingInput{ScopedInput: in, Fingerprint: p.Fingerprint, Name: p.Name, Confirmation: p.Name, Skip: []string{"public.guests id 2"}}

	bound := admin
	bound.Organization = "1"
	if _, err := c.RestoreWedding(t.Context(), bound, confirmed); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("an account bound to an organization: %v", err)
	}
	if _, err := c.PreviewWedding(t.Context(), bound, in); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("an account bound to an organization: %v", err)
	}
	wrong := confirmed
	wrong.Confirmation = "Couple 4"
	if _, err := c.RestoreWedding(t.Context(), admin, wrong); keepsake.CodeOf(err) != keepsake.CodeInvalid || count("select count(*) from guests where wedding_id = 3") != 0 {
		t.Errorf("a wrong confirmation: %v", err)
	}
	r, err := c.RestoreWedding(t.Context(), admin, confirmed)
	if err != nil || r.Applied.Inserted != 9 || count("select count(*) from guests where wedding_id = 3 and id <> 2") != 9 {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := c.RestoreWedding(t.Context(), admin, confirmed); keepsake.CodeOf(err) != keepsake.CodeConflict || again.Preview == nil {
		t.Errorf("an old preview: %+v, %v", again, err)
	}
	u, err := c.GetWeddingRestore(t.Context(), admin, r.Restore)
	if err != nil || u.Rows() != 9 || u.Name != "Couple 3" {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := c.UndoWedding(t.Context(), admin, r.Restore); err != nil || count("select count(*) from guests where wedding_id = 3") != 0 {
		t.Errorf("undo: %v", err)
	}
	for outcome, want := range map[string]int{"allowed": 2, "refused": 4} {
		if got := w.count("select count(*) from audit_log where action like 'wedding.%' and outcome = '" + outcome + "'"); got != want {
			t.Errorf("%d attempts are on record as %s, want %d", got, outcome, want)
		}
	}
}
