package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// shape is what decides how rows of a live table are read and written.
type shape struct {
	table       string          // its full name
	partitioned bool            // its rows lie in its partitions
	always      map[string]bool // identity columns that PostgreSQL fills by itself
	stored      []string        // columns that no expression computes
	loud        []loudTrigger
	equal       map[string]equality // by column
}

// loudTrigger is a trigger or rule that fires although a restore asks for silence.
type loudTrigger struct {
	words string // which one, why and what to do
	ops   []Op
	of    []string // the columns of UPDATE OF; none: any
}

// rows is how a statement names the table's own rows. An inheritance child is a table of its own: its rows show
// through the parent, where they would be compared, changed and deleted as if they were the parent's. The rows of a
// partitioned table all show through it only.
func (s *shape) rows() string {
	if s.partitioned {
		return quoted(s.table)
	}
	return "only " + quoted(s.table)
}

// fires says in words which trigger would fire when a row is changed; "" where none would.
func (s *shape) fires(op Op, written []string) string {
	for _, l := range s.loud {
		if !slices.Contains(l.ops, op) {
			continue
		}
		if op == Update && len(l.of) > 0 && !slices.ContainsFunc(l.of, func(c string) bool {
			return slices.Contains(written, c)
		}) {
			continue
		}
		return l.words
	}
	return ""
}

// reversed is what takes a change back.
var reversed = map[Op]Op{Insert: Delete, Update: Update, Delete: Insert}

// shapesOf reads the shapes of those of the tables that the live database has.
func shapesOf(ctx context.Context, tx pgx.Tx, names []string) (map[string]*shape, error) {
	rows, err := tx.Query(ctx, `select `+platform.FullNameSQL+`, c.relkind = 'p',
			array(select a.attname::text from pg_attribute a
			where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = 'a'),
			array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
			and not a.attisdropped and a.attgenerated = '' order by a.attnum)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and `+platform.FullNameSQL+` = any($1)`, names)
	if err != nil {
		return nil, err
	}
	out := map[string]*shape{}
	var table string
	var partitioned bool
	var always, stored []string
	if _, err = pgx.ForEachRow(rows, []any{&table, &partitioned, &always, &stored}, func() error {
		s := &shape{table: table, partitioned: partitioned, always: map[string]bool{}, stored: slices.Clone(stored),
			equal: map[string]equality{}}
		for _, c := range always {
			s.always[c] = true
		}
		out[table] = s
		return nil
	}); err != nil {
		return nil, err
	}
	if err := readEqualities(ctx, tx, names, out); err != nil {
		return nil, err
	}
	return out, readLoud(ctx, tx, names, out)
}

// loudOnes lists the triggers and rules that fire under session_replication_role = replica: those that are always
// enabled, and those that are enabled for it alone. A trigger for rows fires where the row lies, in a partition. A
// trigger for statements and a rule fire where the statement says. A row that moves to another partition is deleted in
// the one and inserted into the other. The triggers behind foreign keys check or change other rows.
var loudOnes = `
	with t as (
		select ` + platform.FullNameSQL + ` as name, c.oid, c.relkind
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and ` + platform.FullNameSQL + ` = any($1)
	), part as (
		select t.name, t.oid as root, t.oid as relid from t
		union select t.name, t.oid, p.relid from t, pg_partition_tree(t.oid) p where t.relkind = 'p'
	)
	select part.name, case when k.contype = 'f' then 'foreign key ' || k.conname else 'trigger ' || g.tgname end,
		g.tgenabled::text, g.tgtype & 4 > 0, g.tgtype & 16 > 0, g.tgtype & 8 > 0, part.relid <> part.root,
		array(select a.attname::text from pg_attribute a where a.attrelid = g.tgrelid and a.attnum = any(g.tgattr)),
		format('alter table %s enable trigger %I', g.tgrelid::regclass, g.tgname)
	from part join pg_class c on c.oid = part.relid join pg_trigger g on g.tgrelid = c.oid
	left join pg_constraint k on k.oid = g.tgconstraint
	where g.tgenabled in ('A', 'R') and g.tgtype & 28 > 0
		and case when g.tgtype & 1 = 1 then c.relkind <> 'p' else part.relid = part.root end
	union all
	select t.name, 'rule ' || r.rulename, r.ev_enabled::text, r.ev_type = '3', r.ev_type = '2', r.ev_type = '4', false,
		'{}'::text[], format('alter table %s enable rule %I', t.oid::regclass, r.rulename)
	from t join pg_rewrite r on r.ev_class = t.oid where r.ev_enabled in ('A', 'R') and r.ev_type in ('2', '3', '4')
	order by 1, 2`

func readLoud(ctx context.Context, tx pgx.Tx, names []string, shapes map[string]*shape) error {
	rows, err := tx.Query(ctx, loudOnes, names)
	if err != nil {
		return err
	}
	var table, name, enabled, remedy string
	var inserts, updates, deletes, inPartition bool
	var of []string
	_, err = pgx.ForEachRow(rows,
		[]any{&table, &name, &enabled, &inserts, &updates, &deletes, &inPartition, &of, &remedy}, func() error {
			s := shapes[table]
			if s == nil {
				return nil
			}
			l := loudTrigger{of: slices.Clone(of)}
			if inserts {
				l.ops = append(l.ops, Insert)
			}
			if deletes {
				l.ops = append(l.ops, Delete)
			}
			if updates || inPartition {
				l.ops = append(l.ops, Update)
			}
			if inPartition && (inserts || deletes) {
				l.of = nil
			}
			l.words = fmt.Sprintf("the %s of %s would fire (%s), whatever a restore asks for: it could change this row or "+
				"others, or tell somebody; let it fire for ordinary sessions only (%s) and make a new preview",
				name, table, how(enabled), remedy)
			s.loud = append(s.loud, l)
			return nil
		})
	return err
}

func how(enabled string) string {
	if enabled == "A" {
		return "ENABLE ALWAYS"
	}
	return "ENABLE REPLICA"
}

// shapesOfChanges are those of the tables that changes are about.
func shapesOfChanges(ctx context.Context, tx pgx.Tx, tables []TableChanges) (map[string]*shape, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Table
	}
	return shapesOf(ctx, tx, names)
}

// refuseLoud refuses the rows whose change would fire a trigger, and says so where only taking it back would.
func (t *TableChanges) refuseLoud(s *shape) {
	if s == nil || len(s.loud) == 0 {
		return
	}
	written := t.written(s)
	noted := map[string]bool{}
	for i := range t.Changes {
		c := &t.Changes[i]
		if c.Refused != "" {
			continue
		}
		if c.Refused = s.fires(c.Op, written); c.Refused != "" {
			continue
		}
		if why := s.fires(reversed[c.Op], written); why != "" && !noted[why] {
			noted[why] = true
			t.Notes = append(t.Notes, "an undo would leave these rows as they are, because then "+why)
		}
	}
}

// written are the columns that an update names: those of the key only where a row's key was another text that is equal.
func (t *TableChanges) written(s *shape) []string {
	return slices.DeleteFunc(t.names(), func(c string) bool {
		return s.always[c] || slices.Contains(t.Key, c) && !t.respelled(c)
	})
}

func (t *TableChanges) respelled(column string) bool {
	return slices.ContainsFunc(t.Changes, func(c Change) bool {
		return c.Op == Update && !equal(pick(t, c.Before, []string{column}), pick(t, c.After, []string{column}))
	})
}

// loudEvents lists the event triggers that fire under session_replication_role = replica when temporary tables and
// views are made.
const loudEvents = `select quote_ident(evtname), evtenabled::text from pg_event_trigger
	where evtenabled in ('A', 'R') and evtevent in ('ddl_command_start', 'ddl_command_end')
		and (evttags is null or evttags && '{CREATE TABLE,CREATE TABLE AS,ALTER TABLE,CREATE VIEW}'::text[]) order by 1`

// refuseEvents refuses a database whose event triggers would fire while rows are compared: making temporary tables is
// a command like any other to them.
func refuseEvents(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, loudEvents)
	if err != nil {
		return err
	}
	var words, remedies []string
	var name, enabled string
	if _, err := pgx.ForEachRow(rows, []any{&name, &enabled}, func() error {
		words = append(words, fmt.Sprintf("%s (%s)", name, how(enabled)))
		remedies = append(remedies, "alter event trigger "+name+" enable")
		return nil
	}); err != nil || len(words) == 0 {
		return err
	}
	return keepsake.Errorf(keepsake.CodeUnsupported,
		"Nothing was compared and nothing was changed, because event triggers of the platform would fire whatever a restore "+
			"asks for: %s. Comparing makes temporary tables. Let them fire for ordinary sessions only (%s) and try again.",
		strings.Join(words, ", "), strings.Join(remedies, "; "))
}

// hush keeps the platform's triggers silent from here on, as far as the role may ask for it: event triggers would fire
// for the temporary tables that comparing makes. Writing asks again and insists.
func hush(ctx context.Context, tx pgx.Tx) error {
	silent, err := nested(ctx, tx, func() error { return silence(ctx, tx) })
	if err != nil {
		return err
	}
	if silent != nil && keepsake.CodeOf(silent) != keepsake.CodeForbidden {
		return silent
	}
	return refuseEvents(ctx, tx)
}

// keepParents refuses to delete rows that others point at which are not deleted after all.
func (l *live) keepParents(ctx context.Context, all []TableChanges) error {
	byName := map[string]*TableChanges{}
	for i := range all {
		byName[all[i].Table] = &all[i]
	}
	edges := slices.Concat(l.plan.Owning, l.plan.Points)
	spelled := make([]map[string][]string, len(edges))
	for i, e := range edges {
		child, parent := l.usable(e.Child), l.usable(e.Parent)
		if l.plan.Wide || child == nil || parent == nil || !child.has(e.Columns) || !parent.has(e.ParentColumns) {
			continue
		}
		var err error
		if spelled[i], err = l.spellings(ctx, e, child.now(), parent.now()); err != nil {
			return fmt.Errorf("check %s: %w", e.text(), err)
		}
	}
	for again := true; again; {
		again = false
		for i, e := range edges {
			child, parent := byName[e.Child], byName[e.Parent]
			if e.Virtual || child == nil || parent == nil || !child.compares(e.Columns) ||
				!parent.compares(e.ParentColumns) {
				continue
			}
			stay := map[string]bool{}
			for _, c := range child.Changes {
				if c.Before == nil || c.Refused == "" {
					continue
				}
				key := joined(pick(child, c.Before, e.Columns))
				stay[key] = true
				for _, other := range spelled[i][key] {
					stay[other] = true
				}
			}
			for j := range parent.Changes {
				c := &parent.Changes[j]
				if c.Op != Delete || c.Refused != "" {
					continue
				}
				if key := joined(pick(parent, c.Before, e.ParentColumns)); key != "" && stay[key] {
					c.Refused = fmt.Sprintf("a row of %s that is not deleted either points at it", e.Child)
					again = true
				}
			}
		}
	}
	return nil
}

// compares reports whether the columns are among those that are compared.
func (t *TableChanges) compares(columns []string) bool {
	names := t.names()
	return !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(names, c) })
}
