package scope

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

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
