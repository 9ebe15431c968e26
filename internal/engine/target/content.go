package target

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// inSchemas lists what a user made in the database's schemas. Members of extensions, what belongs to something else in
// the list and managed schemas ($1) do not count.
var inSchemas = `
	with ns as (select oid, nspname from pg_namespace
	            where nspname not in ('pg_catalog', 'information_schema', 'keepsake_restore')
		and nspname !~ '^pg_(toast|temp)'
	              and nspname <> all($1)),
	made as (
		select 'table' as kind, ` + keepsake.TableNameSQL("ns.nspname", "c.relname") +
	` as name, 'pg_class'::regclass as class, c.oid
		from pg_class c join ns on ns.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f')
		union all
		select 'sequence', ` + keepsake.TableNameSQL("ns.nspname", "c.relname") + `, 'pg_class'::regclass, c.oid
		from pg_class c join ns on ns.oid = c.relnamespace where c.relkind = 'S'
		union all
		select 'function', ` + keepsake.TableNameSQL("ns.nspname", "p.proname") +
	`, 'pg_proc'::regclass, p.oid from pg_proc p join ns on ns.oid = p.pronamespace
		union all
		select 'type', ` + keepsake.TableNameSQL("ns.nspname", "t.typname") + `, 'pg_type'::regclass, t.oid from pg_type t
			join ns on ns.oid = t.typnamespace
		left join pg_class c on c.oid = t.typrelid
		where t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c' or t.typtype in ('b', 'p') and t.typelem = 0
		union all
		select 'operator', ` + keepsake.TableNameSQL("ns.nspname", "o.oprname") + `, 'pg_operator'::regclass, o.oid
			from pg_operator o join ns on ns.oid = o.oprnamespace
		union all
		select 'operator class', ` + keepsake.TableNameSQL("ns.nspname", "o.opcname") + `, 'pg_opclass'::regclass, o.oid
			from pg_opclass o join ns on ns.oid = o.opcnamespace
		union all
		select 'operator family', ` + keepsake.TableNameSQL("ns.nspname", "o.opfname") + `, 'pg_opfamily'::regclass, o.oid
			from pg_opfamily o join ns on ns.oid = o.opfnamespace
		union all
		select 'collation', ` + keepsake.TableNameSQL("ns.nspname", "c.collname") + `, 'pg_collation'::regclass, c.oid
			from pg_collation c join ns on ns.oid = c.collnamespace
		union all
		select 'conversion', ` + keepsake.TableNameSQL("ns.nspname", "c.conname") + `, 'pg_conversion'::regclass, c.oid
			from pg_conversion c join ns on ns.oid = c.connamespace
		union all
		select 'text search configuration', ` + keepsake.TableNameSQL("ns.nspname", "c.cfgname") +
	`, 'pg_ts_config'::regclass, c.oid from pg_ts_config c join ns on ns.oid = c.cfgnamespace
		union all
		select 'text search dictionary', ` + keepsake.TableNameSQL("ns.nspname", "d.dictname") +
	`, 'pg_ts_dict'::regclass, d.oid from pg_ts_dict d join ns on ns.oid = d.dictnamespace
		union all
		select 'text search parser', ` + keepsake.TableNameSQL("ns.nspname", "p.prsname") +
	`, 'pg_ts_parser'::regclass, p.oid from pg_ts_parser p join ns on ns.oid = p.prsnamespace
		union all
		select 'text search template', ` + keepsake.TableNameSQL("ns.nspname", "t.tmplname") +
	`, 'pg_ts_template'::regclass, t.oid from pg_ts_template t join ns on ns.oid = t.tmplnamespace
		union all
		select 'schema', nspname, 'pg_namespace'::regclass, oid from ns where nspname <> 'public'
	)
	select kind, name from made m where not exists (select from pg_depend d where d.classid = m.class and d.objid = m.oid
		and d.deptype in ('e', 'i'))
	union all
	select 'large object', oid::text from pg_largeobject_metadata`

// outsideSchemas lists what else a user made in the database. Where a hosting service made the database, these are its
// own, and they stay as they are.
const outsideSchemas = `
	union all select 'extension', extname from pg_extension where extname <> 'plpgsql'
	union all select 'publication', pubname from pg_publication
	union all select 'subscription', subname from pg_subscription where subdbid = (select oid from pg_database
		where datname = current_database())
	union all select 'event trigger', evtname from pg_event_trigger
	union all select 'foreign server', srvname from pg_foreign_server
	union all select 'foreign data wrapper', fdwname from pg_foreign_data_wrapper where not exists (select
		from pg_depend d where d.classid = 'pg_foreign_data_wrapper'::regclass and d.objid = pg_foreign_data_wrapper.oid
			and d.deptype = 'e')
	union all select 'cast', format_type(castsource, null) || ' as ' || format_type(casttarget, null) from pg_cast where
		not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = pg_cast.oid
			and d.deptype in ('e', 'i')) and oid >= 16384
	union all select 'language', lanname from pg_language where not exists (select from pg_depend d
		where d.classid = 'pg_language'::regclass and d.objid = pg_language.oid and d.deptype = 'e') and oid >= 16384
	union all select 'access method', amname from pg_am where not exists (select from pg_depend d
		where d.classid = 'pg_am'::regclass and d.objid = pg_am.oid and d.deptype = 'e') and oid >= 16384
	union all select 'transform', format_type(trftype, null) from pg_transform where not exists (select from pg_depend d
		where d.classid = 'pg_transform'::regclass and d.objid = pg_transform.oid and d.deptype = 'e') and oid >= 16384
	union all select 'default privileges', pg_get_userbyid(defaclrole) from pg_default_acl`

// content names what a user made in the database, at most that many; 0: all.
func (t *Target) content(ctx context.Context, most int) ([]string, error) {
	q := "select kind, name from (" + inSchemas
	if len(t.Managed) == 0 {
		q += outsideSchemas
	}
	q += ") found order by 1, 2"
	if most > 0 {
		q += fmt.Sprintf(" limit %d", most)
	}
	rows, err := t.conn.Query(ctx, q, t.Managed)
	if err != nil {
		return nil, fmt.Errorf("look for content in the target: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind, name string
		err := row.Scan(&kind, &name)
		return kind + " " + name, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for content in the target: %w", err)
	}
	return found, nil
}

// Global is something that is in no schema. Its name is the one in pg_restore's list.
type Global struct{ Kind, Name string }

// globals lists, by the kinds of pg_restore's list, what stands in no schema.
const globals = `
	select 'EXTENSION', extname::text from pg_extension
	union all select 'SCHEMA', nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema',
		'keepsake_restore')
	union all select 'PUBLICATION', pubname from pg_publication
	union all select 'EVENT TRIGGER', evtname from pg_event_trigger
	union all select 'SERVER', srvname from pg_foreign_server
	union all select 'FOREIGN DATA WRAPPER', fdwname from pg_foreign_data_wrapper
	union all select 'CAST', 'CAST (' || format_type(castsource, null) || ' AS ' || format_type(casttarget, null) || ')'
		from pg_cast where oid >= 16384
		and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = pg_cast.oid
			and d.deptype in ('e', 'i'))
	union all select 'PROCEDURAL LANGUAGE', lanname from pg_language where lanispl
	union all select 'ACCESS METHOD', amname from pg_am where oid >= 16384
	order by 1, 2`

// Globals returns what is in no schema and was there before the restore. A restore leaves out an archive's entries
// for the same things.
func (t *Target) Globals(ctx context.Context) ([]Global, error) {
	rows, err := t.conn.Query(ctx, globals)
	if err != nil {
		return nil, fmt.Errorf("look for content in the target: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Global])
}
