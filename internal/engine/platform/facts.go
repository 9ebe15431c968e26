package platform

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// sequencesPerQuery bounds the length of the one statement that reads many sequences.
const sequencesPerQuery = 500

// readSequences reads every sequence's value. pg_sequences would hide a value set by setval(…, false), so each is asked
// itself.
func (c *Catalog) readSequences(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'S' and c.relpersistence = 'p' and case when c.relkind = 'S' then has_sequence_privilege(c.oid,
			'select') end
		  and `+userSchema+` and not `+ofExtension+` order by 1, 2`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[repository.Name])
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(names, sequencesPerQuery) {
		var q strings.Builder
		for i, n := range batch {
			if i > 0 {
				q.WriteString(" union all ")
			}
			fmt.Fprintf(&q, "select %d, last_value, is_called from %s", i, pgx.Identifier{n.Schema, n.Name}.Sanitize())
		}
		rows, err := conn.Query(ctx, q.String())
		if err != nil {
			return err
		}
		var i int
		var s repository.Sequence
		if _, err := pgx.ForEachRow(rows, []any{&i, &s.Last, &s.Called}, func() error {
			c.Sequences = append(c.Sequences, repository.Sequence{Name: batch[i], Last: s.Last, Called: s.Called})
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// readMatViews lists the populated materialized views so that each stands behind those it reads from, through any
// number of ordinary views.
func (c *Catalog) readMatViews(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		with recursive edge as (
			select distinct w.ev_class as child, d.refobjid as parent
			from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
			     and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
			join pg_class p on p.oid = d.refobjid and p.relkind in ('v', 'm')
		), depth as (
			select c.oid, 0 as level from pg_class c where c.relkind in ('v', 'm')
			union select e.child, d.level + 1 from depth d join edge e on e.parent = d.oid where d.level < 100
		)
		select n.nspname, c.relname, max(depth.level)
		from depth join pg_class c on c.oid = depth.oid join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'm' and c.relispopulated and `+userSchema+` and not `+ofExtension+`
		group by 1, 2 order by 3, 1, 2`)
	if err != nil {
		return err
	}
	var n repository.Name
	var level int
	_, err = pgx.ForEachRow(rows, []any{&n.Schema, &n.Name, &level}, func() error {
		c.MatViews = append(c.MatViews, n)
		return nil
	})
	return err
}

// readLargeObjects lists large objects and, where the role may read their pages, adds pg_largeobject to the tables.
func (c *Catalog) readLargeObjects(ctx context.Context, conn *pgx.Conn) error {
	var count int64
	var may bool
	var pages, bytes, file int64
	err := conn.QueryRow(ctx, `select (select count(*) from pg_largeobject_metadata),
		has_table_privilege('pg_largeobject', 'select'),
		pg_relation_size('pg_largeobject') / current_setting('block_size')::int8, pg_table_size('pg_largeobject'),
		pg_relation_filenode('pg_largeobject')::int8`).
		Scan(&count, &may, &pages, &bytes, &file)
	if err != nil || count == 0 {
		return err
	}
	if !may {
		c.NotCarried = append(c.NotCarried, keepsake.NotCarried{
			Kind:   "large objects",
			Name:   fmt.Sprintf("%d large objects", count),
			Reason: "the role may not read pg_largeobject: back up with a superuser or grant select on it",
		})
		return nil
	}
	rows, err := conn.Query(ctx, `select m.oid::int8, pg_get_userbyid(m.lomowner), coalesce(m.lomacl::text, ''),
		coalesce(obj_description(m.oid, 'pg_largeobject'), '') from pg_largeobject_metadata m order by m.oid`)
	if err != nil {
		return err
	}
	var oid int64
	var o repository.LargeObject
	_, err = pgx.ForEachRow(rows, []any{&oid, &o.Owner, &o.ACL, &o.Comment}, func() error {
		o.OID = uint32(oid)
		c.Objects = append(c.Objects, o)
		return nil
	})
	c.Tables = append(c.Tables, Relation{Schema: "pg_catalog", Name: "pg_largeobject", Root: "pg_catalog.pg_largeobject",
		Pages: pages, Bytes: bytes, Rows: bytes / 2048, Format: repository.FormatBinary, Readable: true, HasKey: true,
		Layout: fmt.Sprintf("pg_largeobject %d", file), // VACUUM FULL moves tuples into another file
		Columns: []Column{{Name: "loid", Type: "oid", TypeOID: 26}, {Name: "pageno", Type: "integer", TypeOID: 23},
			{Name: "data", Type: "bytea", TypeOID: 17}}})
	slices.SortStableFunc(c.Tables, func(a, b Relation) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return err
}

func (c *Catalog) readExtensionsAndRoles(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `select e.extname, e.extversion, n.nspname from pg_extension e
		join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql' order by 1`)
	if err != nil {
		return err
	}
	if c.Extensions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[repository.Extension]); err != nil {
		return err
	}
	rows, err = conn.Query(ctx, `
		with ns as (select n.* from pg_namespace n where `+userSchema+`),
		acl(owner, items) as (
			select nspowner, nspacl from ns
			union all select relowner, relacl from pg_class where relnamespace in (select oid from ns)
			union all select 0, attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
			          where attacl is not null and c.relnamespace in (select oid from ns)
			union all select proowner, proacl from pg_proc where pronamespace in (select oid from ns)
			union all select typowner, typacl from pg_type where typnamespace in (select oid from ns)
			union all select defaclrole, defaclacl from pg_default_acl
			union all select lomowner, lomacl from pg_largeobject_metadata
			union all select datdba, datacl from pg_database where datname = current_database()
			union all select setrole, null from pg_db_role_setting
			          where setdatabase = (select oid from pg_database where datname = current_database()) and setrole <> 0
		), named(oid) as (
			select owner from acl
			union select (aclexplode(items)).grantee from acl
			union select unnest(p.polroles) from pg_policy p
				join pg_class c on c.oid = p.polrelid where c.relnamespace in (select oid from ns)
			-- everything else that names a role: collations, publications, foreign servers and their user mappings, grantors
			union select refobjid from pg_shdepend s where s.refclassid = 'pg_authid'::regclass
			      and s.dbid = (select oid from pg_database where datname = current_database()) and
			        s.classid <> 'pg_extension'::regclass
			      and not exists (select from pg_depend d where s.deptype = 'o' and d.deptype = 'e' and d.classid = s.classid and
			        d.objid = s.objid)
		)
		select rolname from pg_roles where oid in (select oid from named) and rolname !~ '^pg_' order by 1`)
	if err != nil {
		return err
	}
	if c.Roles, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	rows, err = conn.Query(ctx, `
		select substr(v, length('search_path=') + 1) from pg_db_role_setting s, unnest(s.setconfig) v
		where s.setrole <> 0 and v like 'search\_path=%'
		  and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
		group by 1 order by bool_or(exists (select from pg_class c where c.relowner = s.setrole)) desc, 1`)
	if err != nil {
		return err
	}
	c.SearchPaths, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// readNotCarried names what a logical snapshot cannot hold.
func (c *Catalog) readNotCarried(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select case when c.relkind = 'f' then 'foreign table rows' else 'unlogged table rows' end, `+FullNameSQL+`,
		       case when c.relkind = 'f' then 'the rows live on another server; the definition is carried'
		            else 'PostgreSQL itself does not keep them through a crash; the definition is carried' end
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where (c.relkind = 'f' or c.relkind in ('r', 'S') and c.relpersistence = 'u') and `+userSchema+` and not `+
		ofExtension+`
		union all
		select 'extension table rows', `+FullNameSQL+`,
		       'the table belongs to extension ' || e.extname ||
			', which creates it on the target; rows added to it are not carried'
		from pg_extension e, unnest(e.extconfig) as t(oid) join pg_class c on c.oid = t.oid
		join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and pg_relation_size(c.oid) > 0
		union all
		select 'sequence value', `+FullNameSQL+`, 'the role may not read it'
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'S' and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'select') end and `+
		userSchema+` and not `+ofExtension+`
		union all
		select 'materialized view rows', `+FullNameSQL+`,
		       'a restore computes them anew from the restored rows, so what was stale is fresh afterwards'
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'm' and c.relispopulated and `+userSchema+` and not `+ofExtension+`
		union all
		select 'index', `+FullNameSQL+`,
		       'it is invalid, because the CREATE INDEX CONCURRENTLY that made it was interrupted: pg_dump leaves it out'
		from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
		where not i.indisvalid and c.relkind = 'i' and `+userSchema+`
		union all
		select 'constraint', `+FullNameSQL+` || ' ' || k.conname,
		       'it is inherited and NOT VALID; a restore makes the table with it, so that it holds for every row'
		from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
		where k.contype = 'n' and not k.convalidated and k.coninhcount > 0 and `+userSchema+`
		union all
		select 'subscription', s.subname, 'it would start to replicate into the restored database; create it again by hand'
		from pg_stat_subscription s
		union all
		select distinct 'tablespace', t.spcname, 'a restored database keeps everything in its default tablespace'
		from pg_class c join pg_tablespace t on t.oid = c.reltablespace where t.spcname <> 'pg_global'
		union all
		select 'replication slot', slot_name, 'slots belong to the server, not to the database'
		from pg_replication_slots where database = current_database() and not temporary
		order by 1, 2`)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keepsake.NotCarried])
	c.NotCarried = append(c.NotCarried, found...)
	return err
}
