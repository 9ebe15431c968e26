package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// A table that somebody keeps for themselves is neither waited for without end nor left out.
func TestABackupDoesNotWaitForALockedTable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key)", "insert into guests select generate_series(1, 10)")
	e := newEngine(t, url, providers(t))
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "begin; lock table guests in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	_, err = e.Backup(ctx, engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
	wantError(t, err, keepsake.CodeUnavailable, "a migration or VACUUM FULL holds a table", "nothing was backed up")
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
	if b := backup(t, e, keepsake.BackupFull); b.Rows != 10 {
		t.Errorf("%d rows when the table was free again, want 10", b.Rows)
	}
}

// TestALockerThatIsEndedFailsTheBackup ends the session that holds the locks before a table is read, and empties that
// table: the snapshot shows it without rows.
func TestALockerThatIsEndedFailsTheBackup(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key)", "insert into guests select generate_series(1, 10)")
	e := newEngine(t, url, providers(t))
	ended := false
	_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull},
		&watcher{onProgress: func(p engine.Progress) {
			if p.Stage != engine.StageReading || ended { // no reader has a session yet
				return
			}
			ended = one[bool](t, url, `select bool_and(pg_terminate_backend(pid, 10000)) from pg_locks
				where relation = 'guests'::regclass and mode = 'AccessShareLock' and granted`)
			run(t, url, "truncate guests")
		}})
	if !ended {
		t.Fatal("nobody held a lock on the table")
	}
	wantError(t, err, keepsake.CodeUnavailable, "emptied or rewritten", "nothing was backed up")
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("recovery points %+v, %v, want none", points, err)
	}
}

// TestATableThatTheRoleMayNotReadIsNamed: it cannot be locked, which is no sign of somebody creating tables.
func TestATableThatTheRoleMayNotReadIsNamed(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key)", "create table salaries (id int primary key)",
		"create schema hidden", "create table hidden.notes (id int primary key)",
		"create role half_reader login password 'half_reader'", "grant select on guests, hidden.notes to half_reader")
	t.Cleanup(func() { run(t, url, "drop owned by half_reader", "drop role half_reader") })
	e := newEngine(t, at(t, url, nameIn(t, url), "half_reader"), providers(t))
	_, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
	wantError(t, err, keepsake.CodeInvalid, "may not read hidden.notes, public.salaries", "Grant select on them")
}

// TestATableThatIsDroppedWhileTablesAreLocked is not in the recovery point, and the others are.
func TestATableThatIsDroppedWhileTablesAreLocked(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ table, drop string }{
		"a table":          {"old_guests", "drop table old_guests"},
		"a schema":         {"old.guests", "drop schema old cascade"},
		"a view after one": {"old_guests", "drop table old_guests; create view old_guests as select * from guests"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.DB(t)
			run(t, url, "create table guests (id int primary key)", "insert into guests select generate_series(1, 10)",
				"create schema old", "create table "+x.table+" (id int primary key)")
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
			if _, err := conn.Exec(t.Context(), "begin; "+x.drop); err != nil {
				t.Fatal(err)
			}
			e := newEngine(t, url, providers(t))
			done := make(chan struct{})
			var r engine.BackupResult
			go func() {
				defer close(done)
				r, err = e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard)
			}()
			for !one[bool](t, url, `select exists (select from pg_locks where not granted and mode = 'AccessShareLock'
				and database = (select oid from pg_database where datname = current_database()))`) { // a round trip each
				select {
				case <-done:
					t.Fatalf("the backup did not wait for the table: %v", err)
				default:
				}
			}
			if _, err := conn.Exec(t.Context(), "commit"); err != nil {
				t.Fatal(err)
			}
			<-done
			if err != nil || r.Tables != 1 || r.Rows != 10 {
				t.Errorf("%d tables with %d rows, %v, want one with 10", r.Tables, r.Rows, err)
			}
		})
	}
}

// Two restores into one database would each count the other's rows as its own.
func TestTwoRestoresIntoOneDatabase(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), keepsake.Secret(testenv.DB(t))
	run(t, source, "create table guests (id int primary key)", "insert into guests select generate_series(1, 10)")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	var second error
	first, err := e.Restore(t.Context(), engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  "latest",
		Target: target,
	},
		&watcher{onProgress: func(p engine.Progress) {
			if p.RowsDone > 0 && second == nil {
				_, second = e.Restore(t.Context(), engine.RestoreInput{
					Scope:  keepsake.Everything(),
					Point:  "latest",
					Target: target,
				}, engine.Discard)
			}
		}})
	if err != nil || !first.Verified {
		t.Errorf("the first restore: %+v, %v", first, err)
	}
	wantError(t, second, keepsake.CodeConflict, "another restore is running into database", "wait for it")
}

// TestWhoTakesARestoreOverWaitsForTheLock: an attempt whose worker lost its operation may still write when the next one
// begins. That one waits, clears what it finds and starts over, and does not fail because of a lock.
func TestWhoTakesARestoreOverWaitsForTheLock(t *testing.T) {
	t.Parallel()
	source, target := testenv.DB(t), testenv.DB(t)
	run(t, source, "create table guests (id int primary key)", "insert into guests select generate_series(1, 10)")
	e := newEngine(t, source, providers(t))
	backup(t, e, keepsake.BackupFull)
	in := engine.RestoreInput{Scope: keepsake.Everything(), Point: "latest", Target: keepsake.Secret(target)}
	again := in
	again.Again = true
	lost, lose := context.WithCancel(t.Context())
	defer lose()
	var next engine.RestoreResult
	var failed error
	waits, ended := make(chan struct{}), make(chan struct{})
	var once, told sync.Once
	_, err := e.Restore(lost, in, &watcher{onProgress: func(p engine.Progress) {
		if p.RowsDone == 0 {
			return
		}
		once.Do(func() {
			go func() {
				defer close(ended)
				next, failed = e.Restore(t.Context(), again, heard(func(l engine.LogLine) {
					if strings.Contains(l.Message, "attempt before this one") {
						told.Do(func() { close(waits) })
					}
				}))
			}()
			select {
			case <-waits:
			case <-ended:
			}
			lose()
		})
	}})
	wantError(t, err, keepsake.CodeCancelled, "incomplete and marked so")
	<-ended
	if failed != nil || !next.Verified || next.Rows != 10 {
		t.Errorf("the next attempt: %+v, %v", next, failed)
	}
	if n := one[int](t, target, "select count(*) from guests"); n != 10 {
		t.Errorf("%d guests", n)
	}
}

// heard is told every line of a log.
type heard func(engine.LogLine)

func (heard) Progress(engine.Progress) {}
func (h heard) Log(l engine.LogLine)   { h(l) }
