package target

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// content lists what a user made in the database. Extensions' members and managed schemas ($1) do not count.
const content = `
	with ns as (select oid, nspname from pg_namespace
	            where nspname not in ('pg_catalog', 'information_schema', 'keepsake_restore') and nspname !~ '^pg_(toast|temp)'
	              and nspname <> all($1)),
	member as (select classid, objid from pg_depend where deptype = 'e')
	select kind, name from (
		select 'table' as kind, ns.nspname || '.' || c.relname as name from pg_class c join ns on ns.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = c.oid)
		union all
		select 'function', ns.nspname || '.' || p.proname from pg_proc p join ns on ns.oid = p.pronamespace
		where not exists (select from member m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
		union all
		select 'type', ns.nspname || '.' || t.typname from pg_type t join ns on ns.oid = t.typnamespace
		left join pg_class c on c.oid = t.typrelid
		where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c' or t.typtype = 'b' and t.typelem = 0)
		  and not exists (select from member m where m.classid = 'pg_type'::regclass and m.objid = t.oid)
		union all
		select 'schema', nspname from ns where nspname <> 'public' and not exists (select from member m where m.classid = 'pg_namespace'::regclass and m.objid = ns.oid)
		union all
		select 'large object', oid::text from pg_largeobject_metadata
	) found order by 1, 2 limit 4`

func (t *Target) refuseContent(ctx context.Context) error {
	rows, err := t.conn.Query(ctx, content, t.Managed)
	if err != nil {
		return fmt.Errorf("look for content in the target: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind, name string
		err := row.Scan(&kind, &name)
		return kind + " " + name, err
	})
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return keepsake.Errorf(keepsake.CodeConflict,
			"the target database %q is not empty: it holds %s; nothing was written; restore into a new database (--create makes one)", t.Name, strings.Join(found, ", "))
	}
	return nil
}

// Global is something that stands in no schema, named as pg_restore's list names it.
type Global struct{ Kind, Name string }

// globals lists, by the kinds of pg_restore's list, what stands in no schema.
const globals = `
	select 'EXTENSION', extname::text from pg_extension
	union all select 'SCHEMA', nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'keepsake_restore')
	union all select 'PUBLICATION', pubname from pg_publication
	union all select 'EVENT TRIGGER', evtname from pg_event_trigger
	union all select 'SERVER', srvname from pg_foreign_server
	union all select 'FOREIGN DATA WRAPPER', fdwname from pg_foreign_data_wrapper
	union all select 'CAST', 'CAST (' || format_type(castsource, null) || ' AS ' || format_type(casttarget, null) || ')' from pg_cast where oid >= 16384
	union all select 'PROCEDURAL LANGUAGE', lanname from pg_language where lanispl
	union all select 'ACCESS METHOD', amname from pg_am where oid >= 16384
	order by 1, 2`

// Globals returns what stands in no schema and was there before the restore: an archive's entries for the same things are
// left out.
func (t *Target) Globals(ctx context.Context) ([]Global, error) {
	rows, err := t.conn.Query(ctx, globals)
	if err != nil {
		return nil, fmt.Errorf("look for content in the target: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Global])
}
