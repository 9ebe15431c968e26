package target

import (
	"context"
	"fmt"
	"regexp"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// foreignKey is one ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY as pg_dump writes it. Names are in quotes where SQL
// needs them.
type foreignKey struct {
	entry      pgtool.Entry
	statement  string
	only       bool // of an ordinary table; false: of a partitioned one
	table      string
	name       string
	referenced string
	valid      bool // the source holds it for valid
}

const quotedName = `(?:"(?:[^"]|"")+"|[^\s".();,]+)`

var foreignKeyStatement = regexp.MustCompile(`(?s)^ALTER TABLE (ONLY )?(` + quotedName + `(?:\.` + quotedName +
	`)?)\s+ADD CONSTRAINT (` + quotedName +
	`) FOREIGN KEY .*? REFERENCES (` + quotedName + `(?:\.` + quotedName + `)?)\s*\(`)

// neverChecked ends keys that are made as they are: the source did not check their rows, or never checks any.
var neverChecked = regexp.MustCompile(`NOT (VALID|ENFORCED)$`)

func parseForeignKey(e pgtool.Entry, statement string) (foreignKey, bool) {
	m := foreignKeyStatement.FindStringSubmatch(statement)
	if m == nil {
		return foreignKey{entry: e, statement: statement}, false
	}
	return foreignKey{
		entry:      e,
		statement:  statement,
		only:       m[1] != "",
		table:      m[2],
		name:       m[3],
		referenced: m[4],
		valid:      !neverChecked.MatchString(statement),
	}, true
}

// BrokenKey is a foreign key that could not be created, or that holds for new rows only.
type BrokenKey struct {
	keepsake.Exception
	Made       bool
	Broken     bool   // by the rows
	Referenced string // the table, as pg_dump writes it
}

func (k foreignKey) broken(made bool, err error) BrokenKey {
	b := BrokenKey{
		Made:       made,
		Broken:     state(err) == pgerrcode.ForeignKeyViolation,
		Referenced: k.referenced,
		Exception:  failureOf(k.entry, "foreign key", k.statement, err).Exception(),
	}
	if k.name != "" {
		b.Object = k.table + " " + k.name
	}
	if made {
		b.Means = "It holds for new rows only (NOT VALID), because some that are there break it or could not be checked. " +
			"Look for rows without their counterpart, then run ALTER TABLE " +
			k.table + " VALIDATE CONSTRAINT " + k.name + "."
	}
	return b
}

// UncheckedKeys are foreign keys that hold for new rows only until CheckForeignKeys has checked them.
type UncheckedKeys struct {
	order []string                // referencing tables
	keys  map[string][]foreignKey // by referencing table
}

// AddForeignKeys creates foreign keys without looking at the rows, which takes no time. CheckForeignKeys looks at
// them later. It checks those at once that cannot be created so. It returns what the target refuses.
func (t *Target) AddForeignKeys(ctx context.Context, scripts []pgtool.Scripted) (UncheckedKeys, []BrokenKey, error) {
	unchecked := UncheckedKeys{keys: map[string][]foreignKey{}}
	if len(scripts) == 0 {
		return unchecked, nil, nil
	}
	partitioned, err := t.partitionedTables(ctx)
	if err != nil {
		return unchecked, nil, err
	}
	var lost []BrokenKey
	for _, script := range scripts {
		for _, s := range script.Statements {
			k, ok := parseForeignKey(script.Entry, s)
			// A key of or to a partitioned table cannot be checked later in all its parts.
			later := ok && k.only && k.valid && !partitioned[k.referenced]
			if later {
				s += " NOT VALID"
			}
			switch err := t.Run(ctx, s); {
			case err != nil && AboutServer(ctx, err):
				return unchecked, lost, fmt.Errorf("foreign key %s: %w", ObjectOf(script.Entry), err)
			case err != nil:
				lost = append(lost, k.broken(false, err))
			case later:
				if unchecked.keys[k.table] == nil {
					unchecked.order = append(unchecked.order, k.table)
				}
				unchecked.keys[k.table] = append(unchecked.keys[k.table], k)
			}
		}
	}
	return unchecked, lost, nil
}

// CheckForeignKeys checks the rows of one table after the other, and of many tables at once, because checking locks
// only the referencing table. A key stays unchecked (NOT VALID), and is returned, when the rows break it: because the
// source's rows broke it already, or because the other table's rows were not restored.
func (t *Target) CheckForeignKeys(ctx context.Context, unchecked UncheckedKeys, sessions int) ([]BrokenKey, error) {
	next, broken := make(chan string, len(unchecked.order)), make(chan BrokenKey)
	for _, table := range unchecked.order {
		next <- table
	}
	close(next)
	g, ctx := errgroup.WithContext(ctx)
	for range min(sessions, len(unchecked.order)) {
		g.Go(func() error {
			conn, err := t.session(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			for table := range next {
				for _, k := range unchecked.keys[table] {
					_, err := conn.Exec(ctx, "alter table only "+k.table+" validate constraint "+k.name)
					if err != nil && AboutServer(ctx, err) {
						return fmt.Errorf("foreign key %s: %w", ObjectOf(k.entry), err)
					}
					if err != nil {
						broken <- k.broken(true, err)
					}
				}
			}
			return nil
		})
	}
	var err error
	go func() { err = g.Wait(); close(broken) }()
	var lost []BrokenKey
	for b := range broken {
		lost = append(lost, b)
	}
	return lost, err
}

// SameName reports whether pg_dump writes the table's name so.
func SameName(written string, n repository.Name) bool {
	return keepsake.QualifiedName(written) == keepsake.TableName(n.Schema, n.Name)
}

// partitionedTables returns the partitioned tables by the names that pg_dump gives them.
func (t *Target) partitionedTables(ctx context.Context) (map[string]bool, error) {
	rows, err := t.conn.Query(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n
		on n.oid = c.relnamespace where c.relkind = 'p'`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	found := make(map[string]bool, len(names))
	for _, n := range names {
		found[n] = true
	}
	return found, err
}

// Tables returns the tables that hold rows of their own.
func (t *Target) Tables(ctx context.Context) (map[repository.Name]bool, error) {
	rows, err := t.conn.Query(ctx, `select n.nspname, c.relname from pg_class c join pg_namespace n
		on n.oid = c.relnamespace where c.relkind = 'r'`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[repository.Name])
	found := make(map[repository.Name]bool, len(names))
	for _, n := range names {
		found[n] = true
	}
	return found, err
}

// PartitionRoots returns, for every partition, the table at the top of its tree.
func (t *Target) PartitionRoots(ctx context.Context) (map[repository.Name]repository.Name, error) {
	rows, err := t.conn.Query(ctx, `
		select n.nspname, c.relname, rn.nspname, rc.relname
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_class rc on rc.oid = pg_partition_root(c.oid) join pg_namespace rn on rn.oid = rc.relnamespace
		where c.relispartition and c.relkind = 'r'`)
	if err != nil {
		return nil, err
	}
	roots := map[repository.Name]repository.Name{}
	var leaf, root repository.Name
	_, err = pgx.ForEachRow(rows, []any{&leaf.Schema, &leaf.Name, &root.Schema, &root.Name}, func() error {
		roots[leaf] = root
		return nil
	})
	return roots, err
}

// LookingTables returns the tables with generated columns whose functions may look at other rows: PostgreSQL takes a
// function's word for it that it does not. Their values come out as they were only when all other rows are in.
func (t *Target) LookingTables(ctx context.Context) (map[repository.Name]bool, error) {
	rows, err := t.conn.Query(ctx, `
		with own as (
			select p.oid, p.proname, p.prosrc, p.prosqlbody from pg_proc p join pg_namespace n on n.oid = p.pronamespace
			where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind = 'f'
			  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
				and d.deptype = 'e')
		)
		select distinct n.nspname, c.relname from pg_attrdef f
		join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum and a.attgenerated = 's'
		join pg_class c on c.oid = f.adrelid join pg_namespace n on n.oid = c.relnamespace
		join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_proc'::regclass
		join own on own.oid = d.refobjid
		where own.prosqlbody is not null or own.prosrc ~* '\mfrom\M'
		   or exists (select from own o where o.oid <> own.oid and position(o.proname in own.prosrc) > 0)`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[repository.Name])
	found := make(map[repository.Name]bool, len(names))
	for _, n := range names {
		found[n] = true
	}
	return found, err
}

// Unanalyzed returns the tables that the server's autovacuum will not analyze by itself (PostgreSQL, 25.1.3): tables
// that others inherit from, and with autovacuum switched off all tables. Partitioned tables are not among them,
// because they have their statistics since the load.
func (t *Target) Unanalyzed(ctx context.Context) ([]repository.Name, error) {
	rows, err := t.conn.Query(ctx, `
		select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'keepsake_restore') and n.nspname <> all($1)
		  and c.relkind = 'r' and not c.relispartition
		  and (exists (select from pg_inherits h where h.inhparent = c.oid)
		       or current_setting('autovacuum') = 'off' or current_setting('track_counts') = 'off'
		       or c.reloptions && '{autovacuum_enabled=false,autovacuum_enabled=off,autovacuum_enabled=0}')
		  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
			and d.deptype = 'e')
		order by 1, 2`, t.Managed)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[repository.Name])
}
