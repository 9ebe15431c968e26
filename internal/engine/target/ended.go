package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/commit"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// stepTime bounds each step of asking how a restore ended, of a server that takes connections and says nothing.
const stepTime = 30 * time.Second

// end names the transaction that the session is in, for Ended.
func (t *Target) end(ctx context.Context) (report.RestoreEnd, error) {
	e := report.RestoreEnd{System: t.identity.system, Started: t.identity.started, Database: t.identity.oid}
	err := t.conn.QueryRow(ctx, "select pg_current_xact_id()::text").Scan(&e.Transaction)
	return e, err
}

// makeFinal commits the end of the restore. Where the server's answer does not arrive, it asks on another session
// whether that happened, and returns CodeUnknown when nobody can say. Whoever cancels meanwhile comes too late.
func (t *Target) makeFinal(ctx context.Context, e report.RestoreEnd) error {
	answered, err := commit.Try(ctx, func(ctx context.Context) error {
		tag, err := t.conn.Exec(ctx, "commit")
		if err == nil && tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return err
	})
	if answered {
		return err
	}
	asking, stop := context.WithTimeout(context.WithoutCancel(ctx), commit.AskTime)
	defer stop()
	switch made, asked := Ended(asking, t.options, e); {
	case asked != nil:
		return keepsake.Errorf(keepsake.CodeUnknown, "database %q was asked to make the restore final and gave no answer, "+
			"and since then it cannot be asked: whether it is finished is not known; it is not as long as it has a schema "+
			"keepsake_restore: %w", t.Name, errors.Join(err, asked))
	case made:
		return nil
	}
	return fmt.Errorf("commit the end of the restore: %w", err)
}

// Ended waits until no session writes the restore any more, however long one does, and reports whether its last
// transaction, the one that takes the mark away, was committed. The database may have another name since. One that was
// dropped was as good as never made. Ended writes nothing. It returns an error where the server gives no answer, and
// CodeUnknown where it cannot say.
func Ended(ctx context.Context, o Options, e report.RestoreEnd) (made bool, err error) {
	for held := true; held && err == nil; {
		err = commit.Ask(ctx, func() (err error) {
			made, held, err = ended(ctx, o, e)
			return err
		})
	}
	return made, err
}

// ended asks once. held reports that a session writes the restore.
func ended(ctx context.Context, o Options, e report.RestoreEnd) (made, held bool, err error) {
	o.Create = true // one that is not there is an answer
	t := &Target{options: o}
	defer func() { t.Close(ctx) }()
	if err := within(ctx, t.connect); err != nil {
		return false, false, err
	}
	was, own := identity{system: e.System, started: e.Started, oid: e.Database}, identity{}
	if err := within(ctx, func(ctx context.Context) (err error) {
		own, err = identify(ctx, t.conn)
		return err
	}); err != nil {
		return false, false, fmt.Errorf("ask the target who it is: %w", err)
	}
	here := !t.absent && own.same(was)
	own.oid = was.oid
	if !own.same(was) {
		return false, false, within(ctx, t.strange)
	}
	if here {
		err := within(ctx, t.tryLock)
		if state(err) == pgerrcode.LockNotAvailable {
			return false, true, nil
		}
		if err != nil {
			return false, false, fmt.Errorf("lock the target: %w", err)
		}
	}
	err = within(ctx, func(ctx context.Context) (err error) {
		made, err = t.committed(ctx, e, here)
		return err
	})
	return made, false, err
}

func within(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return step(ctx)
}

// committed asks the restore's own server how the last transaction ended. A database that is here and marked is
// unfinished, whatever else happened to it.
func (t *Target) committed(ctx context.Context, e report.RestoreEnd, here bool) (bool, error) {
	var there, marked bool
	var status *string
	err := t.conn.QueryRow(ctx, "select exists (select from pg_database where oid = $1::text::oid), "+
		"pg_xact_status($2::text::xid8), $3::bool and to_regnamespace('keepsake_restore') is not null",
		e.Database, e.Transaction, here).Scan(&there, &status, &marked)
	switch {
	case err != nil:
		return false, fmt.Errorf("ask the target how the restore ended: %w", err)
	case !there, marked:
		return false, nil
	case status != nil && *status == "committed":
		return true, nil
	case status != nil && *status == "aborted":
		return false, nil
	}
	return false, keepsake.Errorf(keepsake.CodeUnknown, "the server of database %q does not know how the transaction "+
		"ended that was to finish the restore", t.Name)
}

// strange says what a server means for an earlier restore that is not known to be the one which it ran on: nothing
// where the database is empty or marked as unfinished.
func (t *Target) strange(ctx context.Context) error {
	if t.absent {
		return keepsake.Errorf(keepsake.CodeUnknown, "the server of database %q has started again since, or is another one, "+
			"and has no database of that name", t.Name)
	}
	if err := t.conn.QueryRow(ctx, "select to_regnamespace('keepsake_restore') is not null").Scan(&t.marked); err != nil ||
		t.marked {
		return err
	}
	var err error
	if t.Managed, err = t.existing(ctx, t.options.Managed); err != nil {
		return err
	}
	found, err := t.content(ctx, 1)
	if err == nil && len(found) > 0 {
		err = keepsake.Errorf(keepsake.CodeUnknown, "the server of database %q has started again since, or is another one, "+
			"and the database is not empty", t.Name)
	}
	return err
}
