package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
const (
	lockTimeout      = "2s"
	statementTimeout = "60s"
)

// Compare makes a preview. It changes nothing in the platform's tables: what it writes are temporary tables of its
// own session.
func Compare(ctx context.Context, conn *pgx.Conn, in Input) (*Preview, error) {
	var p *Preview
	err := inTx(ctx, conn, pgx.RepeatableRead, func(tx pgx.Tx) (err error) {
		p, _, err = compare(ctx, tx, in)
		if err != nil {
			return err
		}
		return tx.Rollback(ctx)
	})
	return p, err
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

func compare(ctx context.Context, tx pgx.Tx, in Input) (*Preview, *live, error) {
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
		if fold.Name(p.Name) == "" { // something must be there to type
			p.Name = in.ID
		}
	}
	if p.Tables, err = l.diff(ctx, in.Mode); err != nil {
		return nil, nil, err
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
			p, l, err := compare(ctx, tx, in)
			if err != nil {
				return err
			}
			fresh = p
			if p.Fingerprint != a.Fingerprint || a.Name != "" && !fold.SameName(a.Name, p.Name) {
				return moved()
			}
			tables := skipRows(p.Tables, a.Skip)
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
	w := writer{tx: tx, shapes: shapes, batch: batch, done: progress}
	if w.batch <= 0 {
		w.batch = Batch
	}
	if w.done == nil {
		w.done = func(int64) {}
	}
	applied, err := w.write(ctx, tables)
	if err != nil {
		return Applied{}, err
	}
	if err := w.checkKeys(ctx, tables); err != nil {
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
