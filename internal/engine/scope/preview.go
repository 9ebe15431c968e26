package scope

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// longestName is how many characters a name may have that is typed to confirm; the API takes 500.
const longestName = 200

// Compare compares a scope with the platform, and writes nothing but temporary tables of its own session. What it
// returns names no fingerprint, because nobody tried whether the platform takes the rows.
func Compare(ctx context.Context, conn *pgx.Conn, in Input) (*Preview, error) {
	p, err := compared(ctx, conn, in, false)
	if p != nil {
		p.Fingerprint = ""
	}
	return p, err
}

// MakePreview compares a scope with the platform, and tries behind a savepoint whether the platform takes the rows. It
// takes everything back, but for numbers that defaults take out of sequences. Where it cannot be tried, the preview
// says why.
func MakePreview(ctx context.Context, conn *pgx.Conn, in Input) (p *Preview, err error) {
	err = retry(ctx, func() error {
		p, err = compared(ctx, conn, in, true)
		return err
	})
	why := untried(err)
	if why == "" || ctx.Err() != nil {
		return p, err
	}
	err = retry(ctx, func() error {
		p, err = compared(ctx, conn, in, false)
		return err
	})
	if err == nil {
		p.Untried = why
	}
	return p, err
}

// untried says why the rows could not be tried although they can be compared; "" where that is not the reason.
func untried(err error) string {
	const next = " Whoever confirms may be shown another comparison first."
	switch state := stateOf(err); {
	case errors.Is(err, errSilence):
		return keepsake.MessageOf(err)
	case state == pgerrcode.InsufficientPrivilege:
		var pg *pgconn.PgError
		errors.As(err, &pg)
		return "The platform's role lacks a right that bringing these rows back needs: " + pg.Message + "."
	case errors.Is(err, errSlow), state == pgerrcode.QueryCanceled:
		return "The platform would have to lock all these rows for too long, so Keepsake did not try them out." + next
	case errors.Is(err, errMoved), state == pgerrcode.LockNotAvailable, state == pgerrcode.SerializationFailure,
		state == pgerrcode.DeadlockDetected:
		return "The platform is using these rows just now, so Keepsake could not try them out. Compare again in a moment." +
			next
	}
	return ""
}

// compared compares in a transaction that ends with nothing changed. Where it is tried whether the platform takes the
// rows, that waits for nobody's lock.
func compared(ctx context.Context, conn *pgx.Conn, in Input, tried bool) (p *Preview, err error) {
	err = inTx(ctx, conn, pgx.RepeatableRead, func(tx pgx.Tx) (err error) {
		var settle func(*Preview, *live) error
		if tried {
			settle = func(p *Preview, l *live) error {
				if _, err := tx.Exec(ctx, "set local lock_timeout = '"+trialLockTimeout+"'"); err != nil {
					return err
				}
				w := newWriter(tx, l.shapes)
				w.until = time.Now().Add(trialTime)
				return l.try(ctx, w, p.Tables)
			}
		}
		p, _, err = compare(ctx, tx, in, settle)
		if err != nil {
			return err
		}
		return tx.Rollback(ctx)
	})
	return p, err
}

// try refuses what the platform does not take.
func (l *live) try(ctx context.Context, w writer, tables []TableChanges) error {
	if err := w.holdAll(ctx, tables); err != nil {
		return err
	}
	return w.settle(ctx, tables, func() error { return l.spread(ctx, tables) })
}

// compare compares and seals what it found. settle, which may be nil, refuses what the platform does not take.
func compare(ctx context.Context, tx pgx.Tx, in Input, settle func(*Preview, *live) error) (*Preview, *live, error) {
	started := time.Now()
	if err := hush(ctx, tx); err != nil {
		return nil, nil, err
	}
	l, err := newLive(ctx, tx, in.Plan, in.Rows, in.Manifest.Source.Encoding)
	if err != nil {
		return nil, nil, err
	}
	if err := l.collect(ctx, in.ID); err != nil {
		return nil, nil, err
	}
	p := &Preview{
		Point:       in.Manifest.ID,
		PointTime:   in.Manifest.Time,
		Root:        in.Plan.Root,
		ID:          in.ID,
		Mode:        in.Mode,
		ChunksRead:  in.Rows.ChunksRead,
		Holding:     in.Rows.Holding,
		ChunksTotal: in.Rows.ChunksTotal,
	}
	if p.Name = in.Name; !in.Plan.Wide {
		if p.Name, err = l.name(ctx, in.NameOf); err != nil {
			return nil, nil, err
		}
		// something must be there to type, and no more than a person types
		if fold.Name(p.Name) == "" || utf8.RuneCountInString(p.Name) > longestName {
			p.Name = in.ID
		}
	}
	if p.Tables, err = l.diff(ctx, in.Mode); err != nil {
		return nil, nil, err
	}
	if settle != nil {
		if err := settle(p, l); err != nil {
			return nil, nil, err
		}
	}
	p.weddings(in.Plan, in.WeddingTable)
	if err := p.seal(); err != nil {
		return nil, nil, err
	}
	if err := noteSequences(ctx, tx, p.Tables); err != nil {
		return nil, nil, fmt.Errorf("look at the tables' sequences: %w", err)
	}
	p.Seconds = time.Since(started).Seconds()
	return p, l, nil
}

// name is what people call the scope: live if it is there, else as it was.
func (l *live) name(ctx context.Context, column string) (string, error) {
	root := l.byName[l.plan.Root]
	if column == "" || !root.has([]string{column}) {
		return "", nil
	}
	for _, side := range []string{root.now(), root.point()} {
		var name *string
		err := l.tx.QueryRow(ctx, "select "+textOf(quote(column))+" from "+side+" limit 1").Scan(&name)
		if err == nil && name != nil {
			return *name, nil
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return "", err
		}
	}
	return "", nil
}
