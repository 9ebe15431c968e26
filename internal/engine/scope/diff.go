package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// diff compares every table and names what cannot be restored.
func (l *live) diff(ctx context.Context, mode Mode) ([]TableChanges, error) {
	var out []TableChanges
	total := 0
	for _, t := range l.tables {
		c := TableChanges{Table: t.Name, Belongs: t.Belongs, Key: t.Key, Columns: t.columns, Notes: t.notes}
		if t.gone || len(t.Key) == 0 || !t.has(t.Key) {
			c.Notes = append(c.Notes, t.refused)
			out = append(out, c)
			continue
		}
		if err := l.diffTable(ctx, t, &c, mode); err != nil {
			return nil, fmt.Errorf("compare %s: %w", t.Name, err)
		}
		if total += len(c.Changes); total > maxChanges {
			return nil, keepsake.Errorf(keepsake.CodeUnsupported,
				"more than %d rows differ: restore the recovery point into a database of its own instead", maxChanges)
		}
		if t.refused != "" {
			for i := range c.Changes {
				c.Changes[i].Refused = t.refused
			}
		}
		t.refuseUnread(&c)
		c.refuseLoud(t.shape)
		out = append(out, c)
	}
	l.keepLost(out)
	for i := range out {
		if err := l.refuseTaken(ctx, &out[i], mode); err != nil {
			return nil, fmt.Errorf("look for rows in the way in %s: %w", out[i].Table, err)
		}
	}
	if err := l.refuseMoved(ctx, out); err != nil {
		return nil, fmt.Errorf("look for rows that moved to others: %w", err)
	}
	return out, l.spread(ctx, out)
}

// spread refuses what hangs on refused rows.
func (l *live) spread(ctx context.Context, all []TableChanges) error {
	if err := l.refuseOrphans(ctx, all); err != nil {
		return err
	}
	return l.keepParents(ctx, all)
}

// textOf is the text of a value as its type writes it, null for null. A cast to text may be a function that somebody
// made, such as one that masks, and what it returns must never be written back. It differs from every other text,
// whatever the value's collation holds to be equal.
func textOf(value string) string {
	return "case when " + value + " is distinct from null then pg_catalog.format('%s', " + value +
		") end collate pg_catalog.\"C\""
}

// images selects the text of a row's columns as an array.
func (t *liveTable) images(alias string) string {
	parts := make([]string, len(t.columns))
	for i, c := range t.columns {
		parts[i] = textOf(alias + "." + quote(c.Name))
	}
	return "array[" + strings.Join(parts, ", ") + "]::text[]"
}

// row is a row constructor of the columns, for *<>, which compares the values' images and knows every type.
func (t *liveTable) row(alias string) string {
	return "row(" + list(alias+".", t.names()) + ")::record"
}

func (l *live) diffTable(ctx context.Context, t *liveTable, c *TableChanges, mode Mode) error {
	keys := list("p.", t.Key)
	// What the point has and the database has not, anywhere. What lies in another scope now is in the way.
	err := l.changes(ctx, t, c, fmt.Sprintf(`select 'insert', null::text[], %s,
		case when exists (select from %s t where %s) then true else false end, p.ks_unread
		from %s p where not exists (select from %s l where %s) order by %s`,
		t.images("p"), t.shape.rows(), t.on("t", "p"), t.point(), t.now(), t.on("l", "p"), keys), t.Belongs == Shared)
	if err != nil || t.Belongs == Shared {
		return err
	}
	differ := fmt.Sprintf("(p.ks_unread is not null or %s operator(pg_catalog.*<>) %s)", t.row("p"), t.row("l"))
	if mode == Rewind {
		err = l.changes(ctx, t, c, fmt.Sprintf(`select 'update', %s, %s, false, p.ks_unread from %s p join %s l on %s where %s
			and not p.ks_away and not l.ks_away order by %s`,
			t.images("l"), t.images("p"), t.point(), t.now(), t.on("l", "p"), differ, keys), false)
		if err != nil {
			return err
		}
		err = l.changes(ctx, t, c, fmt.Sprintf(`select 'delete', %s, null::text[], false, null::int from %s l
			where not l.ks_away and not exists (select from %s p where %s) order by %s`,
			t.images("l"), t.now(), t.point(), t.on("l", "p"), list("l.", t.Key)), false)
		if err != nil {
			return err
		}
	}
	var away, newer, changed int64
	err = l.tx.QueryRow(ctx, fmt.Sprintf(`select count(*) filter (where not %[1]s), count(*) filter (where %[1]s
		and (p.ks_away or l.ks_away)), count(*) filter (where %[1]s)
		from %[2]s p join %[3]s l on %[4]s`, differ, t.point(), t.now(), t.on("l", "p"))).Scan(&c.Unchanged, &away, &changed)
	if err != nil {
		return err
	}
	if away > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d rows differ and belong to another scope as well: they stay as they are",
			away))
	}
	if mode == Rewind {
		return nil
	}
	err = l.tx.QueryRow(ctx, fmt.Sprintf("select count(*) from %s l where not exists (select from %s p where %s)", t.now(),
		t.point(), t.on("l", "p"))).Scan(&newer)
	if changed > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d rows were changed since and stay as they are", changed))
	}
	if newer > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d rows were added since and stay", newer))
	}
	return err
}

// changes reads the rows of one kind of change. The fourth column says that the key is taken by a row of another scope;
// for shared tables that only means that nothing is missing. The last one is the number of a row that is not read.
func (l *live) changes(ctx context.Context, t *liveTable, c *TableChanges, sql string, shared bool) error {
	rows, err := l.tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	var op string
	var before, after []*string
	var taken bool
	var unread *int
	_, err = pgx.ForEachRow(rows, []any{&op, &before, &after, &taken, &unread}, func() error {
		if unread != nil {
			after = inOrder(t.Columns, t.columns, t.unread[*unread].values)
		}
		switch {
		case taken && shared:
			c.Unchanged++
			return nil
		case len(c.Changes) >= maxChanges:
			return keepsake.Errorf(keepsake.CodeUnsupported,
				"more than %d rows of %s differ: restore the recovery point into a database of its own instead",
				maxChanges, c.Table)
		}
		for _, v := range slices.Concat(before, after) {
			if v != nil {
				l.size += len(*v)
			}
		}
		if l.size > maxChangeBytes {
			return keepsake.Errorf(keepsake.CodeUnsupported,
				"the rows that differ have more than %d MiB: restore the recovery point into a database of its own instead",
				maxChangeBytes>>20)
		}
		change := Change{Op: Op(op), Before: slices.Clone(before), After: slices.Clone(after)}
		switch {
		case taken:
			change.Refused = "a row with this key belongs to another wedding or organization now"
		case unread != nil:
			change.Refused = t.unread[*unread].why
		}
		c.Changes = append(c.Changes, change)
		return nil
	})
	return err
}

// uniqueIndex is one unique index without expression or condition, other than the primary key.
type uniqueIndex struct {
	Name    string
	Columns []string
}

func (l *live) uniqueIndexes(ctx context.Context, t *liveTable) ([]uniqueIndex, error) {
	rows, err := l.tx.Query(ctx, `
		select ic.relname, array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality u(num, n)
		                         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num
			where u.n <= i.indnkeyatts order by u.n)
		from pg_index i join pg_class ic on ic.oid = i.indexrelid
		where i.indrelid = $1::text::regclass and i.indisunique and not i.indisprimary and i.indpred is null
			and i.indexprs is null order by 1`, t.full())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[uniqueIndex])
}

// refuseTaken refuses rows that would collide in a unique index with a row that stays: with a live row of the scope
// too, when only what is missing comes back. In a rewind those are rewound themselves, or the final check in the
// database decides.
func (l *live) refuseTaken(ctx context.Context, c *TableChanges, mode Mode) error {
	t := l.usable(c.Table)
	if t == nil || l.plan.Wide && mode == Rewind ||
		!slices.ContainsFunc(c.Changes, func(c Change) bool { return c.After != nil && c.Refused == "" }) {
		return nil
	}
	indexes, err := l.uniqueIndexes(ctx, t)
	if err != nil {
		return err
	}
	byKey := map[string]*Change{}
	for i := range c.Changes {
		if ch := &c.Changes[i]; ch.After != nil {
			byKey[joined(keyOf(c, ch.After))] = ch
		}
	}
	for _, u := range indexes {
		if !t.has(u.Columns) {
			continue
		}
		taken := fmt.Sprintf("select %s from %s p join %s t on %s where not (%s)", t.images("p"), t.point(), t.shape.rows(),
			t.shape.same("t", "p", u.Columns), t.on("t", "p"))
		if mode == Rewind {
			taken += fmt.Sprintf(" and not exists (select from %s l where l.ks_tableoid = t.tableoid and l.ks_ctid = t.ctid)",
				t.now())
		}
		rows, err := l.tx.Query(ctx, taken)
		if err != nil {
			return err
		}
		var image []*string
		_, err = pgx.ForEachRow(rows, []any{&image}, func() error {
			if ch := byKey[joined(keyOf(c, image))]; ch != nil && ch.Refused == "" {
				ch.Refused = fmt.Sprintf("another row has the same %s, which must be unique (%s)",
					strings.Join(u.Columns, ", "), u.Name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func keyOf(c *TableChanges, row []*string) []*string { return pick(c, row, c.Key) }

// pick returns the values of the columns.
func pick(c *TableChanges, row []*string, columns []string) []*string {
	out := make([]*string, len(columns))
	for i, name := range columns {
		out[i] = row[slices.IndexFunc(c.Columns, func(x repository.Column) bool { return x.Name == name })]
	}
	return out
}

func equal(a, b []*string) bool {
	return slices.EqualFunc(a, b, func(x, y *string) bool { return x == y || x != nil && y != nil && *x == *y })
}

// refuseOrphans refuses rows whose parent would not be there, and then those that point at refused ones.
func (l *live) refuseOrphans(ctx context.Context, all []TableChanges) error {
	byName := map[string]*TableChanges{}
	for i := range all {
		byName[all[i].Table] = &all[i]
	}
	have, err := l.parents(ctx)
	if err != nil {
		return err
	}
	edges := slices.Concat(l.plan.Owning, l.plan.Points)
	spelled, err := l.spelledPoint(ctx, edges)
	if err != nil {
		return err
	}
	for again := true; again; {
		again = false
		for i, e := range edges {
			child, parent := l.usable(e.Child), l.usable(e.Parent)
			c := byName[e.Child]
			if e.Virtual || child == nil || c == nil || len(c.Changes) == 0 || !child.has(e.Columns) {
				continue
			}
			if slices.ContainsFunc(e.ParentColumns, func(name string) bool { return !have[e.Parent][name] }) {
				continue // nothing can be demanded of what is not there any more
			}
			coming := map[string]bool{}
			if p := byName[e.Parent]; parent != nil && p != nil && parent.has(e.ParentColumns) {
				for _, ch := range p.Changes {
					if ch.Op == Insert && ch.Refused == "" || ch.Op == Update && ch.Refused == "" {
						coming[joined(pick(p, ch.After, e.ParentColumns))] = true
					}
				}
			}
			missing, err := l.missingParents(ctx, e, child)
			if err != nil {
				return fmt.Errorf("check %s: %w", e.text(), err)
			}
			for j := range c.Changes {
				ch := &c.Changes[j]
				if ch.After == nil || ch.Refused != "" {
					continue
				}
				values := pick(c, ch.After, e.Columns)
				if key := joined(values); missing[key] && !spelledIn(coming, key, spelled[i]) {
					ch.Refused = fmt.Sprintf("the row of %s that it points at (%s) is not there and would not come back", e.Parent,
						strings.Join(e.ParentColumns, ", "))
					again = true
				}
			}
		}
	}
	return nil
}

// missingParents are the keys that rows of the point refer to and the live database does not have.
func (l *live) missingParents(ctx context.Context, e Edge, child *liveTable) (map[string]bool, error) {
	parts := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		parts[i] = textOf("p." + quote(c))
	}
	rows,
		err := l.tx.Query(ctx, fmt.Sprintf("select distinct array[%s]::text[] from %s p where %s and not exists (select "+
		"from %s t where %s)",
		strings.Join(parts, ", "), child.point(), notNull("p", e.Columns), l.shapes[e.Parent].rows(),
		l.leads(e, "p", "t")))
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	var key []*string
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
		missing[joined(key)] = true
		return nil
	})
	return missing, err
}

// joined is one string for several values; a null makes it one that no key has.
func joined(values []*string) string {
	if slices.Contains(values, nil) {
		return ""
	}
	return rowText(values)
}
