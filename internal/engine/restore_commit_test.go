package engine_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// linkedTarget is a new database behind a link, and an engine with a recovery point of 20 guests to restore into it.
type linkedTarget struct {
	link *commitLink
	url  string // of the database itself
	e    *engine.Engine
	end  engine.RestoreEnd // what the restore kept
}

func toLinkedTarget(t *testing.T) *linkedTarget {
	t.Helper()
	platform := testenv.DB(t)
	run(t, platform, "create table guests (id int primary key)", "insert into guests select generate_series(1, 20)")
	e := engineWith(t, platform, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	url := testenv.DB(t)
	return &linkedTarget{link: linkTo(t, url), url: url, e: e}
}

// restore restores, and has step called when the last COMMIT comes by.
func (l *linkedTarget) restore(ctx context.Context, t *testing.T, step func(*passingCommit)) (
	engine.RestoreResult, error) {
	t.Helper()
	return l.e.Restore(ctx, engine.RestoreInput{
		Point:  "latest",
		Target: keepsake.Secret(l.link.url),
		Scope:  keepsake.Everything(),
		Keep: func(_ context.Context, _ engine.RestoreResult, end engine.RestoreEnd) error {
			l.end = end
			if step != nil {
				l.link.atCommit(step)
			}
			return nil
		},
	}, engine.Discard)
}

func (l *linkedTarget) finished(t *testing.T) bool {
	t.Helper()
	return one[bool](t, l.url, "select to_regnamespace('keepsake_restore') is null")
}

// TestTheLastCommitOfARestoreIsAskedFor: where the connection breaks under it, or somebody cancels meanwhile, the
// restore says what has become of the database, and not what its connection knows.
func TestTheLastCommitOfARestoreIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		step     func(*linkedTarget, *passingCommit)
		cancels  bool
		finished bool
		code     keepsake.Code
	}{
		{"the answer is lost", func(_ *linkedTarget, c *passingCommit) { c.send() }, false, true, ""},
		{"the answer is lost, and it is cancelled", func(_ *linkedTarget, c *passingCommit) { c.send() }, true, true, ""},
		{"it never arrives", func(*linkedTarget, *passingCommit) {}, false, false, keepsake.CodeInternal},
		{"nobody can be asked", func(l *linkedTarget, c *passingCommit) {
			c.send()
			l.link.refuses.Store(true)
		}, false, true, keepsake.CodeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := toLinkedTarget(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := l.restore(ctx, t, func(p *passingCommit) {
				c.step(l, p)
				if c.cancels {
					cancel()
				}
			})
			if keepsake.CodeOf(err) != c.code || c.code == "" && (!r.Verified || r.Rows != 20) {
				t.Errorf("%+v, %v", r, err)
			}
			if is := l.finished(t); is != c.finished {
				t.Errorf("the database is finished: %t", is)
			}
			l.link.refuses.Store(false)
			made, err := l.e.SettleRestore(t.Context(), keepsake.Secret(l.link.url), l.end)
			if err != nil || made != c.finished {
				t.Errorf("who asks later is told %t, %v", made, err)
			}
		})
	}
}

// TestHowARestoreEndedIsAskedUntilItIsSaid: a session that still writes it is waited for, one that breaks meanwhile is
// replaced, and a refusal is an answer.
func TestHowARestoreEndedIsAskedUntilItIsSaid(t *testing.T) {
	t.Parallel()
	l := toLinkedTarget(t)
	if _, err := l.restore(t.Context(), t, nil); err != nil {
		t.Fatal(err)
	}
	holder, err := pgx.Connect(t.Context(), l.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	if _, err := holder.Exec(t.Context(), "select pg_advisory_lock($1)", int64(0x6b65657073616b65)); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() {
		made, err := l.e.SettleRestore(t.Context(), keepsake.Secret(l.link.url), l.end)
		if err == nil && !made {
			err = keepsake.Errorf(keepsake.CodeInternal, "it is called unfinished")
		}
		asked <- err
	}()
	const waiting = "from pg_locks where locktype = 'advisory' and not granted and database = (select oid " +
		"from pg_database where datname = current_database())"
	waiter := func(but int) (pid int) {
		t.Helper()
		for pid == 0 {
			if pid = one[int](t, l.url, "select coalesce(max(pid), 0) "+waiting+" and pid <> $1", but); len(asked) > 0 {
				t.Fatalf("it does not wait: %v", <-asked)
			}
		}
		return pid
	}
	first := waiter(0)
	run(t, l.url, "select pg_terminate_backend(pid) "+waiting)
	second := waiter(first) // a new session
	waiter(second)          // and one more, since no session waits for longer than a few seconds
	if err := holder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}

	run(t, l.url, "create schema keepsake_restore") // of another restore, which began later
	if made, err := l.e.SettleRestore(t.Context(), keepsake.Secret(l.link.url), l.end); err != nil || made {
		t.Errorf("a marked database is called finished: %t, %v", made, err)
	}
	l.link.refuses.Store(true)
	_, err = l.e.SettleRestore(t.Context(), keepsake.Secret(l.link.url), l.end)
	wantError(t, err, keepsake.CodeUnknown, "not known")
}

// TestAServerThatMayBeAnotherSaysLittle: where the role may not ask for the server's identifier and the server started
// since, only a database that is empty or marked says that the restore was not finished.
func TestAServerThatMayBeAnotherSaysLittle(t *testing.T) {
	t.Parallel()
	l := toLinkedTarget(t)
	if _, err := l.restore(t.Context(), t, nil); err != nil {
		t.Fatal(err)
	}
	l.end.System, l.end.Started = "", "1"
	empty := testenv.DB(t)
	marked := testenv.DB(t)
	run(t, marked, "create schema keepsake_restore")
	for _, c := range []struct {
		name, url string
		code      keepsake.Code
	}{
		{"the restored database", l.url, keepsake.CodeUnknown},
		{"none of that name", l.url + "_gone", keepsake.CodeUnknown},
		{"an empty one", empty, ""},
		{"a marked one", marked, ""},
	} {
		made, err := l.e.SettleRestore(t.Context(), keepsake.Secret(c.url), l.end)
		if made || keepsake.CodeOf(err) != c.code {
			t.Errorf("%s: %t, %v", c.name, made, err)
		}
	}
}
