package engine_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// commitLink is a way to a database on which a test can step in when the next COMMIT comes by.
type commitLink struct {
	url     string
	behind  string
	step    atomic.Pointer[func(*passingCommit)]
	refuses atomic.Bool // whoever comes anew is told that the password is wrong
}

// passingCommit is a COMMIT that has not reached the server. Unless it is answered, both sides lose their connection.
type passingCommit struct {
	send     func() // to the server, and waits until it has answered
	answer   func() // hands the answer on
	answered bool
}

func linkTo(t *testing.T, database string) *commitLink {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	l := &commitLink{behind: u.Host}
	u.Host = listener.Addr().String()
	l.url = u.String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(client)
		}
	}()
	return l
}

// atCommit steps in once.
func (l *commitLink) atCommit(step func(*passingCommit)) { l.step.Store(&step) }

func (l *commitLink) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if l.refuses.Load() {
		const said = "SFATAL\x00VFATAL\x00C28P01\x00Mno\x00\x00"
		_, _ = client.Read(make([]byte, 1024))
		_, _ = client.Write(append([]byte{'E', 0, 0, 0, byte(len(said) + 4)}, said...))
		return
	}
	server, err := net.Dial("tcp", l.behind)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var holding atomic.Bool
	held := make(chan []byte, 1)
	go func() {
		defer func() { _ = client.Close() }()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil {
				return
			}
			if holding.Load() {
				held <- bytes.Clone(b[:n])
				continue
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		step := l.step.Load()
		if step != nil && bytes.Contains(b[:n], []byte("commit\x00")) && l.step.CompareAndSwap(step, nil) {
			holding.Store(true)
			var answer []byte
			c := &passingCommit{send: func() { _, _ = server.Write(b[:n]); answer = <-held }}
			c.answer = func() { c.answered = true; holding.Store(false); _, _ = client.Write(answer) }
			if (*step)(c); !c.answered {
				return
			}
			continue
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

// lostSuppliers is a platform behind a link that has lost 20 of 50 rows since its recovery point.
func lostSuppliers(t *testing.T) (*commitLink, string, *engine.Engine, engine.ScopeInput, engine.ScopeApply) {
	t.Helper()
	database := testenv.DB(t)
	run(t, database, "create table suppliers (id int primary key, name text)",
		"insert into suppliers select i, 'Supplier ' || i from generate_series(1, 50) i")
	l := linkTo(t, database)
	e := engineWith(t, l.url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	run(t, database, "delete from suppliers where id <= 20")
	in := engine.ScopeInput{Scope: keepsake.Everything(), Point: "latest"}
	p, err := e.PreviewScope(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return l, database, e, in, engine.ScopeApply{
		Fingerprint: p.Fingerprint,
		Restore:     e.NewRestoreID(),
		Name:        "everything",
	}
}

// TestACommitWithoutAnAnswerIsAskedFor: where the connection breaks under a COMMIT, or somebody cancels meanwhile, the
// restore says what has become of its rows, and not what its connection knows.
func TestACommitWithoutAnAnswerIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		step func(*passingCommit)
		made bool
	}{
		{"the answer is lost", func(c *passingCommit) { c.send() }, true},
		{"it never arrives", func(*passingCommit) {}, false},
	} {
		for _, cancelled := range []bool{false, true} {
			t.Run(map[bool]string{false: c.name, true: c.name + ", and it is cancelled"}[cancelled], func(t *testing.T) {
				t.Parallel()
				l, database, e, in, a := lostSuppliers(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				step := func(p *passingCommit) {
					c.step(p)
					if cancelled {
						cancel()
					}
				}
				count := func(want int, is bool, err error) {
					t.Helper()
					if n := one[int](t, database, "select count(*) from suppliers"); n != want || (err == nil) != is {
						t.Errorf("%d suppliers, and the engine says %v", n, err)
					}
				}
				l.atCommit(step)
				r, err := e.ApplyScope(ctx, in, a, nil)
				if count(map[bool]int{true: 50, false: 30}[c.made], c.made, err); !c.made {
					if keepsake.CodeOf(err) != keepsake.CodeUnavailable ||
						!strings.Contains(keepsake.MessageOf(err), "nothing was changed") {
						t.Errorf("it is said as %s: %v", keepsake.CodeOf(err), err)
					}
					return
				}
				if r.Applied.Inserted != 20 || r.Restore != a.Restore || len(r.Undo) == 0 {
					t.Errorf("%+v", r)
				}
				ctx, cancel = context.WithCancel(t.Context())
				defer cancel()
				l.atCommit(step)
				back := engine.ScopeApply{Restore: e.NewRestoreID()}
				r, err = e.TakeBack(ctx, a.Restore, back, nil)
				if count(30, true, err); r.Applied.Deleted != 20 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// TestACommitThatNobodyCanAskFor is said to be neither made nor not made.
func TestACommitThatNobodyCanAskFor(t *testing.T) {
	t.Parallel()
	l, database, e, in, a := lostSuppliers(t)
	l.atCommit(func(c *passingCommit) { c.send(); l.refuses.Store(true) })
	_, err := e.ApplyScope(t.Context(), in, a, nil)
	wantError(t, err, keepsake.CodeUnknown, "not known")
	a.Again = true
	_, err = e.ApplyScope(t.Context(), in, a, nil)
	wantError(t, err, keepsake.CodeUnknown, "not known")
	if n := one[int](t, database, "select count(*) from suppliers"); n != 50 {
		t.Errorf("%d suppliers", n)
	}
	l.refuses.Store(false)
	if r, made, err := e.Settle(t.Context(), a.Restore); err != nil || !made || r.Applied.Inserted != 20 {
		t.Errorf("%+v, %t, %v", r, made, err)
	}
	if _, made, err := e.Settle(t.Context(), e.NewRestoreID()); err != nil || made {
		t.Errorf("one that nobody began: %t, %v", made, err)
	}
}

// TestWhoTakesARestoreOverWaitsForItsSession: as long as the session of the worker before it may still commit, nobody
// says that nothing was changed, and nobody fails because of its locks.
func TestWhoTakesARestoreOverWaitsForItsSession(t *testing.T) {
	t.Parallel()
	l, database, e, in, a := lostSuppliers(t)
	again := a
	again.Again = true
	type end struct {
		r   engine.ScopeResult
		err error
	}
	next := make(chan end)
	l.atCommit(func(c *passingCommit) {
		go func() {
			r, err := e.ApplyScope(t.Context(), in, again, nil)
			next <- end{r, err}
		}()
		for !one[bool](t, database, "select exists (select from pg_locks where locktype = 'advisory' and not granted)") {
			select {
			case n := <-next:
				t.Errorf("it did not wait: %+v, %v", n.r, n.err)
				next <- n
				return
			default:
			}
		}
		c.send()
		c.answer()
	})
	if r, err := e.ApplyScope(t.Context(), in, a, nil); err != nil || r.Applied.Inserted != 20 {
		t.Errorf("%+v, %v", r, err)
	}
	if n := <-next; n.err != nil || n.r.Applied.Inserted != 20 || n.r.Restore != a.Restore {
		t.Errorf("%+v, %v", n.r, n.err)
	}
	if n := one[int](t, database, "select count(*) from suppliers"); n != 50 {
		t.Errorf("%d suppliers", n)
	}
}
