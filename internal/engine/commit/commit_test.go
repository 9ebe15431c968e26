package commit_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/commit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func said(severity, code string) error {
	return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code}
}

// TestAskingEndsAtAnAnswer and goes on where there was none, for five minutes.
func TestAskingEndsAtAnAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		answer bool
	}{
		{"yes", nil, true},
		{"the password is wrong", keepsake.Errorf(keepsake.CodeForbidden, "x"), true},
		{"nobody knows", keepsake.Errorf(keepsake.CodeUnknown, "x"), true},
		{"the server does not answer", keepsake.Errorf(keepsake.CodeUnavailable, "x"), false},
		{"the session broke", io.ErrUnexpectedEOF, false},
		{"it took too long", context.DeadlineExceeded, false},
		{"the role may not", said("ERROR", pgerrcode.InsufficientPrivilege), true},
		{"no such table", said("ERROR", pgerrcode.UndefinedTable), true},
		{"others hold the rows", said("ERROR", pgerrcode.LockNotAvailable), false},
		{"a deadlock", said("ERROR", pgerrcode.DeadlockDetected), false},
		{"no memory", said("ERROR", pgerrcode.OutOfMemory), false},
		{"the statement was cancelled", said("ERROR", pgerrcode.QueryCanceled), false},
		{"the server stops", said("FATAL", pgerrcode.AdminShutdown), false},
		{"too many connections", said("FATAL", pgerrcode.TooManyConnections), false},
		{"another backend crashed", said("WARNING", pgerrcode.CrashShutdown), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, asked := time.Now(), 0
				err := commit.Ask(t.Context(), func() error { asked++; return c.err })
				if !errors.Is(err, c.err) {
					t.Errorf("it ends with %v", err)
				}
				took := time.Since(began)
				if c.answer && (asked != 1 || took != 0) ||
					!c.answer && (asked < 60 || took > commit.AskTime || took < commit.AskTime-10*time.Second) {
					t.Errorf("asked %d times in %s", asked, took)
				}
			})
		})
	}
}

// TestWhoStopsAskingHearsWhy: the last thing that was said, and not that time is up.
func TestWhoStopsAskingHearsWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		away := keepsake.Errorf(keepsake.CodeUnavailable, "it does not answer")
		if err := commit.Ask(ctx, func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return away
		}); !errors.Is(err, away) {
			t.Error(err)
		}
	})
}

// TestACommitIsTriedOnce: what the server said is told from what the connection knows, and nobody cancels it midway.
func TestACommitIsTriedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		err      error
		answered bool
	}{
		{"committed", nil, true},
		{"rolled back", pgx.ErrTxCommitRollback, true},
		{"a deferred constraint", said("ERROR", pgerrcode.ForeignKeyViolation), true},
		{"the server stops", said("FATAL", pgerrcode.AdminShutdown), false},
		{"the session broke", io.ErrUnexpectedEOF, false},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		answered, err := commit.Try(ctx, func(late context.Context) error {
			cancel()
			if late.Err() != nil {
				t.Errorf("%s: cancelled midway", c.name)
			}
			return c.err
		})
		if answered != c.answered || !errors.Is(err, c.err) {
			t.Errorf("%s: %t, %v", c.name, answered, err)
		}
		answered, err = commit.Try(ctx, func(context.Context) error {
			t.Errorf("%s: tried for somebody who had cancelled before", c.name)
			return nil
		})
		if !answered || err == nil {
			t.Errorf("%s, cancelled before: %t, %v", c.name, answered, err)
		}
	}
}
