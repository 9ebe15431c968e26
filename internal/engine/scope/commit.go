package scope

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/commit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Session opens another session on the live platform. It may write.
type Session func(context.Context) (*pgx.Conn, error)

// restoreKey is the advisory lock, in the platform, that the one session has which writes a restore.
func restoreKey(restore string) int64 {
	sum := sha256.Sum256([]byte("keepsake restore " + restore))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // any eight bytes name the lock
}

// lockRestore keeps those who ask whether the restore was made waiting until this transaction has ended. PostgreSQL
// lets the lock go when the transaction's rows can be seen, also where it waits for a standby before that.
func lockRestore(ctx context.Context, tx pgx.Tx, restore string) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", restoreKey(restore))
	return err
}

// makeFinal commits. Where the server's answer does not arrive, it asks on another session whether that happened, and
// returns CodeUnknown when nobody can say. Whoever cancels meanwhile comes too late.
func makeFinal(ctx context.Context, tx pgx.Tx, open Session, u *Undo) error {
	answered, err := commit.Try(ctx, tx.Commit)
	if answered {
		return err
	}
	asking, stop := context.WithTimeout(context.WithoutCancel(ctx), commit.AskTime)
	defer stop()
	stands, asked := Stands(asking, open, u)
	switch {
	case asked != nil:
		return keepsake.Errorf(keepsake.CodeUnknown,
			"the live platform was asked to make all rows final and gave no answer, and since then it cannot be asked: "+
				"whether they were changed is not known: %w", errors.Join(err, asked))
	case stands:
		return nil
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"the session on the live platform ended before its rows were final, so nothing was changed: %w", err)
}

// Await returns when no session writes the restore any more: what it wrote can be seen, or never will be.
func Await(ctx context.Context, open Session, restore string) error {
	return asking(ctx, open, func(conn *pgx.Conn) error { return await(ctx, conn, restore) })
}

func await(ctx context.Context, conn *pgx.Conn, restore string) error {
	_, err := conn.Exec(ctx, "select pg_advisory_xact_lock($1)", restoreKey(restore))
	return err
}

// Stands waits until no session writes the restore any more. It reports whether more of the live rows are as the
// restore left them than not, and so whether the restore was committed. Its undo object does not say that, because it
// was stored before the commit. Stands changes nothing.
func Stands(ctx context.Context, open Session, u *Undo) (stands bool, err error) {
	err = asking(ctx, open, func(conn *pgx.Conn) error {
		if err := await(ctx, conn, u.Restore); err != nil {
			return err
		}
		return inTx(ctx, conn, pgx.RepeatableRead, func(tx pgx.Tx) error {
			var as, all int
			tables := u.reverse()
			shapes, err := shapesOfChanges(ctx, tx, tables)
			if err != nil {
				return err
			}
			for _, t := range tables {
				if err := refuseChanged(ctx, tx, &t, shapes[t.Table]); err != nil {
					return fmt.Errorf("compare %s: %w", t.Table, err)
				}
				all += len(t.Changes)
				for _, c := range t.Changes {
					if c.Refused == "" {
						as++
					}
				}
			}
			stands = all > 0 && 2*as > all
			return tx.Rollback(ctx)
		})
	})
	return stands, err
}

// asking asks the platform on a session of its own, and again while it does not answer or uses the rows itself.
func asking(ctx context.Context, open Session, ask func(*pgx.Conn) error) error {
	return commit.Ask(ctx, func() error {
		conn, err := open(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		return ask(conn)
	})
}
