package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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

// longestName is how many characters a name may have that is typed to confirm; the API takes 500.
const longestName = 200

// lockTimeout and statementTimeout bound what a restore may cost the platform's own users: none of them waits for long
// behind it, and it gives up rather than queue in front of them.
// trialLockTimeout is for what a preview locks by writing: it gives up at once, so that nobody waits in a circle.
const (
	lockTimeout      = "2s"
	trialLockTimeout = "20ms"
	statementTimeout = "60s"
)

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
	const may = " Bringing them back may end with another preview."
	switch state := stateOf(err); {
	case errors.Is(err, errSilence):
		return keepsake.MessageOf(err)
	case state == pgerrcode.InsufficientPrivilege:
		var pg *pgconn.PgError
		errors.As(err, &pg)
		return "The platform's role lacks a right that bringing these rows back needs: " + pg.Message + "."
	case errors.Is(err, errSlow), state == pgerrcode.QueryCanceled:
		return "Trying all these rows on the platform would lock them for too long, so it was not tried whether it takes " +
			"them." + may
	case errors.Is(err, errMoved), state == pgerrcode.LockNotAvailable, state == pgerrcode.SerializationFailure,
		state == pgerrcode.DeadlockDetected:
		return "The platform is using these rows just now, so it was not tried whether it takes them." + may
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

// Undo says what an apply changed, with both sides of every row. That is enough to take it back, and to notice what
// the platform has changed since.
type Undo struct {
	Restore   string         `json:"restore"` // id of the restore
	Time      time.Time      `json:"time"`
	Point     string         `json:"point"`
	Root      string         `json:"root"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Mode      Mode           `json:"mode"`
	Of        string         `json:"of,omitempty"`      // the restore that this one took back
	OfWedding bool           `json:"wedding,omitempty"` // ID is a wedding's
	Tables    []TableChanges `json:"tables"`
}

// Rows returns how many rows were changed.
func (u *Undo) Rows() (n int64) {
	for _, t := range u.Tables {
		n += int64(len(t.Changes))
	}
	return n
}

// reverse are the changes that take u back.
func (u *Undo) reverse() []TableChanges {
	out := slices.Clone(u.Tables)
	for i := range out {
		out[i].Table = keepsake.TableName(keepsake.SplitTableName(out[i].Table)) // one of before quoted nothing
		changes := make([]Change, len(out[i].Changes))
		for j, c := range out[i].Changes {
			op := map[Op]Op{Insert: Delete, Update: Update, Delete: Insert}[c.Op]
			changes[j] = Change{Op: op, Before: c.After, After: c.Before}
		}
		out[i].Changes = changes
	}
	return out
}

// TakeBack undoes a restore in one transaction. It leaves a row alone that the platform has changed since, and lists
// it as refused in the result's tables. Of a it uses Restore, Session, Progress and Keep.
func TakeBack(ctx context.Context, conn *pgx.Conn, u *Undo, a ApplyInput) (applied Applied, tables []TableChanges,
	err error) {
	err = retry(ctx, func() error {
		return inTx(ctx, conn, pgx.ReadCommitted, func(tx pgx.Tx) error {
			if err := lockRestore(ctx, tx, a.Restore); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "set local search_path = pg_catalog"); err != nil {
				return err
			}
			tables = u.reverse()
			shapes, err := shapesOfChanges(ctx, tx, tables)
			if err != nil {
				return err
			}
			for i := range tables {
				if err := refuseChanged(ctx, tx, &tables[i], shapes[tables[i].Table]); err != nil {
					return fmt.Errorf("compare %s: %w", tables[i].Table, err)
				}
				tables[i].refuseLoud(shapes[tables[i].Table])
			}
			w := newWriter(tx, shapes)
			if err := w.holdAll(ctx, tables); err != nil {
				return err
			}
			if err := w.settle(ctx, tables, nil); err != nil {
				return err
			}
			if applied, err = write(ctx, tx, tables, shapes, 0, a.Progress); err != nil {
				return err
			}
			next := &Undo{
				Restore:   a.Restore,
				Point:     u.Point,
				Root:      u.Root,
				ID:        u.ID,
				Name:      u.Name,
				Mode:      u.Mode,
				Of:        u.Restore,
				OfWedding: u.OfWedding,
				Tables:    done(tables),
			}
			if err := a.Keep(ctx, next); err != nil {
				return keepsake.Errorf(keepsake.CodeUnavailable,
					"what is needed to undo this could not be stored, so nothing was changed: %w", err)
			}
			return makeFinal(ctx, tx, a.Session, next)
		})
	})
	return applied, tables, err
}

// refuseChanged refuses rows that are not as the restore left them.
func refuseChanged(ctx context.Context, tx pgx.Tx, t *TableChanges, s *shape) error {
	if s == nil {
		for i := range t.Changes {
			t.Changes[i].Refused = "the table is not there any more"
		}
		return nil
	}
	live := &liveTable{Table: &Table{Name: t.Table, Key: t.Key}, columns: t.Columns}
	for batch := range slices.Chunk(indexes(len(t.Changes)), 1000) {
		rows := make([]Change, len(batch))
		for i, j := range batch {
			rows[i] = t.Changes[j]
		}
		from, args := values(t, columns(t.Key, Change.row), rows)
		found, err := tx.Query(ctx, fmt.Sprintf("select v.ks_n, %s from %s v join %s t on %s for update of t",
			live.images("t"), from, s.rows(), s.same("t", "v", t.Key)), args...)
		if err != nil {
			return err
		}
		now := map[int64][]*string{}
		var n int64
		var image []*string
		_, err = pgx.ForEachRow(found, []any{&n, &image}, func() error {
			now[n] = slices.Clone(image)
			return nil
		})
		if err != nil {
			return err
		}
		for i, j := range batch {
			c := &t.Changes[j]
			row, there := now[int64(i)+1]
			switch {
			case c.Before == nil && there:
				c.Refused = "a row with this key was added since"
			case c.Before != nil && !there:
				c.Refused = "the row was deleted since"
			case c.Before != nil && !equal(row, c.Before):
				c.Refused = "the row was changed since"
			}
		}
	}
	return nil
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
