package scope

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// MaxWide is the largest size of a wide scope's tables, in bytes as COPY writes them. To compare them, they are
// copied into temporary tables on the platform's own server.
const MaxWide = 4 << 30

// Wide plans a scope of whole tables: tiers, or everything. It walks no references. A row whose parent is not there, in
// a table that is left out, is refused like any other.
func Wide(m *repository.Manifest, d keepsake.DataMap, s keepsake.Scope) (*Plan, error) {
	tables, byName := tablesOf(m)
	keys, err := references(m, byName)
	if err != nil {
		return nil, err
	}
	p := &Plan{Wide: true}
	var in, out []*Table
	for _, t := range tables {
		tier := t.parts[0].Tier
		t.Belongs, t.Why = Owned, fmt.Sprintf("it is in the %s tier", tier)
		if !s.Holds(tier) {
			t.Belongs = Outside
			out = append(out, t)
			continue
		}
		in = append(in, t)
	}
	if len(in) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "recovery point %s has no table of these tiers", m.ID)
	}
	p.Tables = append(in, out...)
	for _, e := range edgesOf(byName, keys, d) {
		if byName[e.Child].Belongs == Owned {
			p.Points = append(p.Points, e)
		}
	}
	return p, nil
}

// WideRows returns the rows of a wide scope. stream opens one table or partition at a time, as COPY reads it.
func WideRows(
	p *Plan, m *repository.Manifest, stream func(context.Context, *repository.Table) io.ReadCloser,
) (*Rows, error) {
	r := &Rows{Tables: map[string][]PartRows{}, stream: stream}
	for i := range m.Tables {
		r.ChunksTotal += m.Tables[i].Chunks
	}
	for _, t := range p.Of(Owned) {
		for _, part := range t.parts {
			r.Tables[t.Name] = append(r.Tables[t.Name], PartRows{Part: part})
			r.ChunksRead += part.Chunks
			r.bytes += part.Bytes
		}
	}
	r.Holding = r.ChunksRead
	if r.bytes > MaxWide {
		return nil, keepsake.Errorf(keepsake.CodeUnsupported,
			"these tables have %d GiB of rows; comparing them would copy them into temporary tables of the "+
				"platform's own server, "+
				"and %d GiB is the most: restore the recovery point into a database of its own instead, or choose fewer tiers",
			r.bytes>>30, int64(MaxWide)>>30)
	}
	return r, nil
}

// all makes every live row of the table one of the scope's.
func (l *live) all(ctx context.Context, t *liveTable) error {
	columns := list("t.", t.names())
	if columns != "" {
		columns = ", " + columns
	}
	_, err := l.tx.Exec(ctx,
		fmt.Sprintf("create temp view ks_l_%d as select t.tableoid as ks_tableoid, t.ctid as ks_ctid, false as "+
			"ks_away%s from %s t", t.n, columns, t.shape.rows()))
	return err
}

// parents are the columns of every table that a reference of the plan leads to, as the live database has them.
func (l *live) parents(ctx context.Context) (map[string]map[string]bool, error) {
	var names []string
	for _, e := range slices.Concat(l.plan.Owning, l.plan.Points) {
		names = append(names, e.Parent)
	}
	rows, err := l.tx.Query(ctx, `select `+platform.FullNameSQL+
		`, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and `+platform.FullNameSQL+` = any($1)`, names)
	if err != nil {
		return nil, err
	}
	have := map[string]map[string]bool{}
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		if have[table] == nil {
			have[table] = map[string]bool{}
		}
		have[table][column] = true
		return nil
	})
	return have, err
}
