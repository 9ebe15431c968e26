package console_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestOneWeddingIsRestoredOnRecord: a confirmed preview is applied and undone, and every attempt, refused or done, is
// in the audit.
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
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
			organizations);
		create table guests (id int primary key, wedding_id int references weddings, name text);
		insert into organizations values (1, 'The Orchard Barn');
		insert into weddings select i, 'Couple ' || i, current_date + i, 1 from generate_series(1, 5) i;
		insert into guests select i, 1 + i % 5, 'Guest ' || i from generate_series(1, 50) i`)
	e := realEngine(t, platform)
	if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard); err != nil {
		t.Fatal(err)
	}
	c := w.console(e, func(d *console.Deps) { d.Platforms[0].Scopes = e })
	w.run(c, true)
	run("delete from guests where wedding_id = 3")
	in := console.ScopedInput{Scope: theWedding("3"), Point: "latest", Mode: scope.Missing}
	p, err := c.PreviewScope(t.Context(), admin, in)
	if err != nil {
		t.Fatal(err)
	}
	confirmed := console.RestoreScopeInput{
		ScopedInput:  in,
		Fingerprint:  p.Fingerprint,
		Name:         p.Name,
		Confirmation: p.Name,
		Skip:         []string{"public.guests id 2"},
	}

	bound := admin
	bound.Platform, bound.Organization = "main", "2"
	if _, err := c.RestoreScope(t.Context(), bound, confirmed); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("an account bound to another organization: %v", err)
	}
	if _, err := c.PreviewScope(t.Context(), bound, in); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("an account bound to another organization: %v", err)
	}
	reader := admin
	reader.Permissions = []keepsake.Permission{keepsake.MayRead}
	if _, err := c.RestoreScope(t.Context(), reader, confirmed); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a token that may only read: %v", err)
	}
	late := admin
	late.Session, late.ProvenAt = "a session", time.Now().Add(-6*time.Minute)
	if _, err := c.RestoreScope(t.Context(), late, confirmed); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("a password given six minutes ago: %v", err)
	}
	wrong := confirmed
	wrong.Confirmation = "Couple 4"
	if _, err := c.RestoreScope(t.Context(), admin, wrong); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("a wrong confirmation: %v", err)
	}
	wrong.Name = "Couple 4" // a form that was tampered with: the fingerprint says of which name it is
	if _, err := c.RestoreScope(t.Context(), admin, wrong); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("another name than the wedding's: %v", err)
	}
	_, err = e.ApplyScope(t.Context(), engine.ScopeInput{
		Scope: keepsake.MustScope(keepsake.WeddingScope("3")),
		Point: "latest",
		Mode:  scope.Missing,
	},
		engine.ScopeApply{Fingerprint: p.Fingerprint, Restore: e.NewRestoreID(), Name: "Couple 4"}, engine.Discard)
	if keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("the engine looks at the name again: %v", err)
	}
	if count("select count(*) from guests where wedding_id = 3") != 0 {
		t.Fatal("something was restored that was not confirmed")
	}
	o, err := c.RestoreScope(t.Context(), admin, confirmed)
	if err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateDone)
	if o.Scoped == nil || o.Scoped.Applied.Inserted != 9 || o.Asked.Restore != o.Scoped.Restore ||
		count("select count(*) from guests where wedding_id = 3 and id <> 2") != 9 {
		t.Fatalf("%+v", o.Scoped)
	}
	if again, err := c.RestoreScope(t.Context(), admin, confirmed); err != nil ||
		await(t, c, again.ID, console.StateFailed).ErrorCode != keepsake.CodeConflict {
		t.Errorf("an old preview: %v", err)
	}
	u, err := c.GetScopedRestore(t.Context(), admin, o.Asked.Restore)
	if err != nil || u.Rows() != 9 || u.Name != "Couple 3" {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := c.UndoScope(t.Context(), late, o.Asked.Restore); keepsake.CodeOf(err) != keepsake.CodeProof {
		t.Errorf("taken back with a password given six minutes ago: %v", err)
	}
	undo, err := c.UndoScope(t.Context(), admin, o.Asked.Restore)
	if err != nil {
		t.Fatal(err)
	}
	if undo, err = c.Await(t.Context(), admin, undo.ID, time.Minute); err != nil || undo.State != console.StateDone ||
		count("select count(*) from guests where wedding_id = 3") != 0 {
		t.Errorf("undo: %+v, %v", undo, err)
	}
	// the preview and the look at what was done are two
	for outcome, want := range map[string]int{"allowed": 5, "refused": 7} {
		if got := w.count("select count(*) from audit_log where action like 'scope.%' and outcome = '" + outcome +
			"'"); got != want {
			t.Errorf("%d attempts are on record as %s, want %d", got, outcome, want)
		}
	}
	// Whoever looks for the wedding finds all of it, the undo and who looked included.
	if n := w.count("select count(*) from audit_log where (action like 'scope.%' or action = 'scoped.end') and (wedding " +
		"<> '3' or point = '')"); n != 0 {
		t.Errorf("%d entries do not say what they are about", n)
	}
	if n := w.count("select count(*) from disaster_recovery_events where target = 'platform' and outcome = 'done' and " +
		"rto_seconds > 0"); n != 2 {
		t.Errorf("%d restores are on record with their time", n)
	}
}

// TestABackupLetsARestoreGoFirst: the readers of a running backup wait while somebody restores.
func TestABackupLetsARestoreGoFirst(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	reading, ended := make(chan func(context.Context) error), make(chan struct{})
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		reading <- in.Yield
		<-ended
		return e.succeed(in, r, "local", "s3", "away")
	}
	s := &slowScopes{begun: make(chan struct{}), finish: make(chan struct{})}
	c := w.console(e, func(d *console.Deps) { d.Platforms[0].Scopes = s })
	w.run(c, true)
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	yield := <-reading
	if err := yield(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := console.ScopedInput{Scope: keepsake.Everything(), Point: "latest", Mode: scope.Missing}
	restore, err := c.RestoreScope(t.Context(), admin, console.RestoreScopeInput{
		ScopedInput:  in,
		Name:         "everything",
		Confirmation: "everything",
	})
	if err != nil {
		t.Fatal(err)
	}
	<-s.begun
	for { // the backup notices within half a second, and then waits for as long as the restore runs
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := yield(ctx)
		cancel()
		if err != nil {
			break
		}
	}
	close(s.finish)
	await(t, c, restore.ID, console.StateDone)
	if err := yield(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(ended)
	await(t, c, o.ID, console.StateDone)
}

// slowScopes is a restore that runs until it is told to finish.
type slowScopes struct {
	console.Scopes
	begun, finish chan struct{}
}

func (s *slowScopes) NewRestoreID() string { return "20261123T070000Z-9f86d081a2b4" }

func (s *slowScopes) ApplyScope(_ context.Context, _ engine.ScopeInput, a engine.ScopeApply, _ engine.Reporter) (
	engine.ScopeResult, error) {
	close(s.begun)
	<-s.finish
	return engine.ScopeResult{Restore: a.Restore, Name: a.Name, Point: "20261123T065312Z-9f86d081a2b4"}, nil
}
