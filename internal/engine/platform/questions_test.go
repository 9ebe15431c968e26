package platform_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// ask returns what a query of one value answers.
func ask[T any](ctx context.Context, q *platform.Questions, query string) (v T, err error) {
	err = q.Ask(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, query).Scan(&v) })
	return v, err
}

// ours counts this program's sessions on the database.
const ours = "select count(*) from pg_stat_activity where datname = current_database() and " +
	"application_name = 'keepsake'"

func TestManyQuestionsTakeFewSessions(t *testing.T) {
	t.Parallel()
	q := platform.NewQuestions(keepsake.Secret(testenv.DB(t)))
	defer q.Close()
	g, ctx := errgroup.WithContext(t.Context())
	for range 60 {
		g.Go(func() error {
			n, err := ask[int](ctx, q, ours)
			if n > 4 {
				t.Errorf("%d sessions at once", n)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if mode, err := ask[string](t.Context(), q, "show transaction_read_only"); err != nil || mode != "on" {
		t.Errorf("questions may write: %q, %v", mode, err)
	}
}

func TestAQuestionOutlivesItsSession(t *testing.T) {
	t.Parallel()
	q := platform.NewQuestions(keepsake.Secret(testenv.DB(t)))
	defer q.Close()
	err := q.Ask(t.Context(), func(*pgx.Conn) error { // while one is held, the other becomes a session that is kept
		_, err := ask[int](t.Context(), q, "select 1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // at once, before anybody could have noticed that it is gone
		asked, once := 0, false
		err = q.Ask(t.Context(), func(conn *pgx.Conn) error {
			asked++
			if !once {
				once = true
				_, _ = conn.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = "+
					"current_database()")
			}
			return conn.Ping(t.Context())
		})
		if err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	}
}

func TestAQuestionWaitsNoLongerThanItsAsker(t *testing.T) {
	t.Parallel()
	q := platform.NewQuestions(keepsake.Secret(testenv.DB(t)))
	defer q.Close()
	held, release := make(chan struct{}), make(chan struct{})
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			return q.Ask(t.Context(), func(*pgx.Conn) error {
				held <- struct{}{}
				<-release
				return nil
			})
		})
	}
	for range 4 {
		<-held
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask[int](gone, q, "select 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("all sessions are in use, and who asked has gone: %v", err)
	}
	close(release)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNoDatabaseIsAskedThatNobodyNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, url, words string }{
		{"none", "", "no platform database is configured"},
		{"no URL", "postgres://u:hunter2@[", "cannot be read"},
		{"nobody there", "postgres://u:hunter2@127.0.0.1:1/d", "cannot be reached"},
	} {
		q := platform.NewQuestions(keepsake.Secret(c.url))
		for way, err := range map[string]error{
			"a question": q.Ask(t.Context(), func(*pgx.Conn) error { return nil }),
			"a session":  func() error { _, err := platform.Connect(t.Context(), keepsake.Secret(c.url)); return err }(),
		} {
			if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s, %s: %v", c.name, way, err)
			}
		}
		q.Close()
	}
	q := platform.NewQuestions("postgres://u@127.0.0.1:1/d")
	q.Close()
	if err := q.Ask(t.Context(), func(*pgx.Conn) error { return nil }); err == nil {
		t.Error("asked although it is closed")
	}
}

// TestAPoolerIsRefusedAndLeftAlone: what Keepsake sets for its sessions must never reach those that a pooler shares
// with the platform.
func TestAPoolerIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	through := keepsake.Secret(testenv.Pooler(t, testenv.DB(t)))
	others, err := pgx.Connect(t.Context(), through.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = others.Close(context.WithoutCancel(t.Context())) }()
	settings := func() (s [4]string) {
		const q = "select current_setting('search_path'), current_setting('default_transaction_read_only'), " +
			"current_setting('row_security'), current_setting('statement_timeout')"
		if err := others.QueryRow(t.Context(), q, pgx.QueryExecModeExec).Scan(&s[0], &s[1], &s[2], &s[3]); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := settings()
	q := platform.NewQuestions(through)
	defer q.Close()
	for way, err := range map[string]error{
		"a session":  func() error { _, err := platform.Connect(t.Context(), through); return err }(),
		"a snapshot": func() error { _, err := platform.TakeSnapshot(t.Context(), through, nil); return err }(),
		"a question": q.Ask(t.Context(), func(*pgx.Conn) error { return nil }),
	} {
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), "is a connection pooler") {
			t.Errorf("%s through a pooler: %v", way, err)
		}
	}
	if after := settings(); after != before {
		t.Errorf("others' sessions were %v and are %v", before, after)
	}
}
