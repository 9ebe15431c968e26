package scope

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// refuseMoved refuses rows that would hang below a row which was the scope's at the recovery point and is another one's
// now, and all that hangs below those. Written there, they would be the other one's rows. A row that belonged to two
// scopes at the point already is not meant: its reference led out of the scope then, too.
func (l *live) refuseMoved(ctx context.Context, all []TableChanges) error {
	if l.plan.Wide { // which has all rows
		return nil
	}
	byName := map[string]*TableChanges{}
	for i := range all {
		byName[all[i].Table] = &all[i]
	}
	moved := make([]map[string]bool, len(l.plan.Owning))
	for i, e := range l.plan.Owning {
		child, parent := l.usable(e.Child), l.usable(e.Parent)
		if child == nil || parent == nil || !child.has(e.Columns) || !parent.has(e.ParentColumns) {
			continue
		}
		var err error
		if moved[i], err = l.movedParents(ctx, e, child, parent); err != nil {
			return fmt.Errorf("follow %s: %w", e.text(), err)
		}
	}
	spelled, err := l.spelledPoint(ctx, l.plan.Owning)
	if err != nil {
		return err
	}
	below := map[string]map[string]bool{} // by edgeName: keys of rows that are refused here, and do not come back
	for again := true; again; {
		again = false
		for i, e := range l.plan.Owning {
			c, gone := byName[e.Child], below[edgeName(e.Parent, e.ParentColumns)]
			if c == nil || len(moved[i])+len(gone) == 0 {
				continue
			}
			for j := range c.Changes {
				ch := &c.Changes[j]
				if ch.After == nil || ch.Refused != "" {
					continue
				}
				if key := joined(pick(c, ch.After, e.Columns)); !moved[i][key] && !spelledIn(gone, key, spelled[i]) {
					continue
				}
				ch.Refused = fmt.Sprintf("it hangs below a row of %s (%s) that belongs to another wedding or organization now",
					e.Parent, strings.Join(e.ParentColumns, ", "))
				again = true
				if ch.Op == Insert {
					l.noteBelow(below, c, ch)
				}
			}
		}
	}
	return nil
}

func edgeName(table string, columns []string) string {
	return table + " " + strings.Join(columns, "\x00")
}

// noteBelow notes a row that does not come back under each key by which others refer to it.
func (l *live) noteBelow(below map[string]map[string]bool, c *TableChanges, ch *Change) {
	for _, e := range l.plan.Owning {
		if e.Parent != c.Table || !l.byName[c.Table].has(e.ParentColumns) {
			continue
		}
		name := edgeName(c.Table, e.ParentColumns)
		if below[name] == nil {
			below[name] = map[string]bool{}
		}
		if key := joined(pick(c, ch.After, e.ParentColumns)); key != "" {
			below[name][key] = true
		}
	}
}

// movedParents are the keys that rows of the point refer to, whose rows were in the scope then, and are there now and
// in another scope.
func (l *live) movedParents(ctx context.Context, e Edge, child, parent *liveTable) (map[string]bool, error) {
	parts := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		parts[i] = textOf("p." + quote(c))
	}
	in := func(rows string) string {
		return fmt.Sprintf("exists (select from %s t where %s)", rows, l.leads(e, "p", "t"))
	}
	rows, err := l.tx.Query(ctx, fmt.Sprintf(
		"select distinct array[%s]::text[] from %s p where %s and %s and %s and not %s",
		strings.Join(parts, ", "), child.point(), notNull("p", e.Columns), in(parent.point()), in(parent.shape.rows()),
		in(parent.now())))
	if err != nil {
		return nil, err
	}
	moved := map[string]bool{}
	var key []*string
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
		moved[joined(key)] = true
		return nil
	})
	return moved, err
}
