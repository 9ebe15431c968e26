package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// commitTime is how long the answer to the last COMMIT is waited for, whoever cancels meanwhile. endedTime bounds
// asking afterwards whether it was committed.
const (
	commitTime = 30 * time.Second
	endedTime  = time.Minute
)

// end names the transaction that the session is in, for Ended.
func (t *Target) end(ctx context.Context) (report.RestoreEnd, error) {
	e := report.RestoreEnd{System: t.identity.system, Started: t.identity.started, Database: t.identity.oid}
	err := t.conn.QueryRow(ctx, "select pg_current_xact_id()::text").Scan(&e.Transaction)
	return e, err
}

// commit makes the restore final. Where the server's answer does not arrive, it asks on another session whether that
// happened, and returns CodeUnknown when nobody can say. Whoever cancels meanwhile comes too late.
func (t *Target) commit(ctx context.Context, e report.RestoreEnd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	late := context.WithoutCancel(ctx)
	committing, cancel := context.WithTimeout(late, commitTime)
	defer cancel()
	tag, err := t.conn.Exec(committing, "commit")
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	var pg *pgconn.PgError
	if err == nil || errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" {
		return err
	}
	asking, stop := context.WithTimeout(late, endedTime)
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

// Ended waits until no session writes the restore any more, and reports whether its last transaction, the one that
// takes the mark away, was committed. The database may have another name since. One that was dropped was as good as
// never made. Ended writes nothing. It returns CodeUnknown where the server cannot say.
func Ended(ctx context.Context, o Options, e report.RestoreEnd) (made bool, err error) {
	o.Create = true // one that is not there is an answer
	o.Waits = func() {}
	t := &Target{options: o}
	defer func() { t.Close(ctx) }()
	if err := t.connect(ctx); err != nil {
		return false, err
	}
	own, err := identify(ctx, t.conn)
	if err != nil {
		return false, fmt.Errorf("ask the target who it is: %w", err)
	}
	was := identity{system: e.System, started: e.Started, oid: e.Database}
	here := !t.absent && own.same(was)
	own.oid = was.oid
	if !own.same(was) {
		return false, t.strange(ctx)
	}
	if here {
		if err := t.lock(ctx); err != nil {
			return false, err
		}
	}
	var there bool
	var status *string
	err = t.conn.QueryRow(ctx, "select exists (select from pg_database where oid = $1::text::oid), "+
		"pg_xact_status($2::text::xid8)", e.Database, e.Transaction).Scan(&there, &status)
	switch {
	case err != nil:
		return false, fmt.Errorf("ask the target how the restore ended: %w", err)
	case !there:
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
// where the database is not there, is empty or is marked as unfinished.
func (t *Target) strange(ctx context.Context) error {
	if t.absent {
		return nil
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
