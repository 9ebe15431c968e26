package scope

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Input names a scope at a recovery point.
type Input struct {
	Plan         *Plan
	Manifest     *repository.Manifest
	Rows         *Rows // of the scope at the point
	ID           string
	Mode         Mode
	NameOf       string // column of the root table that people know the scope by
	Name         string // of a scope without a root
	WeddingTable string // schema.table of the weddings
}

// lockTimeout and statementTimeout bound what a restore may cost the platform's own users: none of them waits for long
// behind it, and it gives up rather than queue in front of them.
// trialLockTimeout is for what a preview locks by writing: it gives up at once, so that nobody waits in a circle.
const (
	lockTimeout      = "2s"
	trialLockTimeout = "20ms"
	statementTimeout = "60s"
)

// inTx runs do in a transaction. Whoever writes does so under READ COMMITTED: the check of foreign keys must see rows
// that the platform committed while a row's lock was waited for, which a snapshot would hide; that the rows are those
// of the preview, every statement checks itself.
func inTx(ctx context.Context, conn *pgx.Conn, level pgx.TxIsoLevel, do func(pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, s := range []string{"set local lock_timeout = '" + lockTimeout + "'", "set local statement_timeout = '" +
		statementTimeout + "'",
		"set local idle_in_transaction_session_timeout = '60s'", "set local row_security = off"} {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return do(tx)
}

// ApplyInput is a preview with the confirmation of a person.
type ApplyInput struct {
	Restore     string                              // the id of the restore
	Session     Session                             // asks whether it was committed, where the COMMIT gets no answer
	Fingerprint string                              // of the preview
	Skip        func(t TableChanges, c Change) bool // rows ticked off; nil: none
	Batch       int                                 // rows a statement; 0 is Batch
	Progress    func(rows int64)                    // after every batch; may be nil
	Writing     func(rows int64)                    // before the first batch, with the number of all rows; may be nil
	Name        string                              // that the scope must have; empty: any
	// Keep makes the undo object durable. The rows are committed only after it returns nil.
	Keep func(ctx context.Context, u *Undo) error
}

// Apply makes the changes of a preview in one transaction. When the live rows are not those of the preview any more it
// writes nothing and returns the new preview with an error of CodeConflict.
func Apply(ctx context.Context, conn *pgx.Conn, in Input, a ApplyInput) (applied Applied, fresh *Preview, err error) {
	err = retry(ctx, func() error {
		return inTx(ctx, conn, pgx.ReadCommitted, func(tx pgx.Tx) error {
			if err := lockRestore(ctx, tx, a.Restore); err != nil {
				return err
			}
			p, l, err := compare(ctx, tx, in, func(p *Preview, l *live) error {
				return l.try(ctx, newWriter(tx, l.shapes), p.Tables)
			})
			switch {
			case errors.Is(err, errMoved):
				return moved()
			case err != nil:
				return err
			}
			fresh = p
			if p.Fingerprint != a.Fingerprint || a.Name != "" && !fold.SameName(a.Name, p.Name) {
				return moved()
			}
			tables, err := settleSkipped(ctx, tx, p.Tables, l.shapes, a.Skip)
			if err != nil {
				return err
			}
			if a.Writing != nil {
				a.Writing(rowsOf(tables))
			}
			if applied, err = write(ctx, tx, tables, l.shapes, a.Batch, a.Progress); err != nil {
				if errors.Is(err, errMoved) {
					return moved()
				}
				return err
			}
			undo := &Undo{
				Restore:   a.Restore,
				Point:     p.Point,
				Root:      p.Root,
				ID:        p.ID,
				Name:      p.Name,
				Mode:      p.Mode,
				Tables:    done(tables),
				OfWedding: p.Root != "" && p.Root == in.WeddingTable,
			}
			if err := a.Keep(ctx, undo); err != nil {
				return keepsake.Errorf(keepsake.CodeUnavailable,
					"what is needed to undo this could not be stored, so nothing was changed: %w", err)
			}
			return makeFinal(ctx, tx, a.Session, undo)
		})
	})
	return applied, fresh, err
}

// rowsOf counts the changes that are not refused.
func rowsOf(tables []TableChanges) (n int64) {
	for _, t := range tables {
		insert, update, remove, _ := t.Counts()
		n += insert + update + remove
	}
	return n
}

func moved() error {
	return keepsake.Errorf(keepsake.CodeConflict,
		"the live rows have changed since the preview, so nothing was written: look at the new preview and confirm again")
}

func write(ctx context.Context, tx pgx.Tx, tables []TableChanges, shapes map[string]*shape, batch int,
	progress func(int64)) (Applied, error) {
	if err := silence(ctx, tx); err != nil {
		return Applied{}, err
	}
	w := newWriter(tx, shapes)
	if batch > 0 {
		w.batch = batch
	}
	if progress != nil {
		w.done = progress
	}
	applied, err := w.write(ctx, tables)
	if why := refusal(err); why != "" {
		return Applied{}, keepsake.Errorf(keepsake.CodeConflict,
			"A row cannot be written any more, so nothing was changed: %s. Make a new preview: %w", why, err)
	}
	if err != nil {
		return Applied{}, err
	}
	if err := w.checkKeys(ctx, tables); err != nil {
		return applied, err
	}
	if err := w.checkDeferrables(ctx, tables); err != nil {
		return applied, err
	}
	return applied, w.moveSequences(ctx, tables)
}

// skipRows refuses the rows that a person ticked off.
func skipRows(tables []TableChanges, skip func(TableChanges, Change) bool) []TableChanges {
	if skip == nil {
		return tables
	}
	out := slices.Clone(tables)
	for i := range out {
		out[i].Changes = slices.Clone(out[i].Changes)
		for j := range out[i].Changes {
			if c := &out[i].Changes[j]; c.Refused == "" && skip(out[i], *c) {
				c.Refused = "ticked off"
			}
		}
	}
	return out
}

// settleSkipped tries the changes without the rows that a person ticked off. Where others cannot be written without
// them, it says so: nobody confirmed that they stay away.
func settleSkipped(ctx context.Context, tx pgx.Tx, tables []TableChanges, shapes map[string]*shape,
	skip func(TableChanges, Change) bool) ([]TableChanges, error) {
	if skip == nil {
		return tables, nil
	}
	tables = skipRows(tables, skip)
	before := refusedOf(tables)
	if err := newWriter(tx, shapes).settle(ctx, tables, nil); err != nil {
		return nil, err
	}
	if n := refusedOf(tables) - before; n > 0 {
		return nil, keepsake.Errorf(keepsake.CodeConflict,
			"Without the rows that are ticked off, %s more cannot be written, so nothing was changed. Tick off what hangs on "+
				"them too, or bring all of them back.", keepsake.Count(int64(n)))
	}
	return tables, nil
}

// done are the changes that were made.
func done(tables []TableChanges) []TableChanges {
	var out []TableChanges
	for _, t := range tables {
		t.Changes = slices.DeleteFunc(slices.Clone(t.Changes), func(c Change) bool { return c.Refused != "" })
		if len(t.Changes) > 0 {
			t.Notes, t.Unchanged = nil, 0
			out = append(out, t)
		}
	}
	return out
}
