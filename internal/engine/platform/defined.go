package platform

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Definition is something that the schema of a recovery point must define, as pg_restore lists it.
type Definition struct {
	Kind   string // "TABLE", "FK CONSTRAINT", …
	Schema string // "-" for what is in no schema
	Name   string // of a constraint, trigger, rule or policy: the table's name, a space and its own
}

// readDefined lists what pg_dump writes of the catalog: all that rows need, and every rule about them. It leaves out
// what belongs to extensions and what partitions have of their parents.
func (c *Catalog) readDefined(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		with ns as (select n.oid, n.nspname from pg_namespace n where `+userSchema+`),
		mine as (
			select c.oid, c.relkind, c.relname, ns.nspname from pg_class c join ns on ns.oid = c.relnamespace
			where c.relpersistence <> 't' and not `+ofExtension+`
				and not (c.relkind = 'c' and exists (select from pg_depend d where d.classid = 'pg_type'::regclass
					and d.objid = c.reltype and d.deptype = 'e')) -- of a composite type, the type is the member
		), owned as ( -- what goes with a table that is left out
			select m.*, coalesce((select d.refobjid from pg_depend d where m.relkind = 'S'
				and d.classid = 'pg_class'::regclass and d.objid = m.oid and d.refclassid = 'pg_class'::regclass
				and d.deptype in ('a', 'i') limit 1), m.oid) as whose from mine m
		), found(kind, schema, name, whose) as (
			select case relkind when 'f' then 'FOREIGN TABLE' when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW'
				when 'S' then 'SEQUENCE' when 'c' then 'TYPE' else 'TABLE' end, nspname, relname::text, whose
			from owned where relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
			union all
			select case p.prokind when 'a' then 'AGGREGATE' when 'p' then 'PROCEDURE' else 'FUNCTION' end, ns.nspname, p.proname,
				0 from pg_proc p join ns on ns.oid = p.pronamespace
			where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
				and d.deptype in ('e', 'i'))
			union all
			select case t.typtype when 'd' then 'DOMAIN' else 'TYPE' end, ns.nspname, t.typname, 0
			from pg_type t join ns on ns.oid = t.typnamespace where t.typtype in ('d', 'e', 'r')
				and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid
					and d.deptype in ('e', 'i'))
			union all
			select case k.contype when 'f' then 'FK CONSTRAINT' else 'CONSTRAINT' end, m.nspname, m.relname || ' ' || k.conname,
				m.oid from pg_constraint k join mine m on m.oid = k.conrelid left join pg_index i on i.indexrelid = k.conindid
			where k.conparentid = 0 and (k.contype = 'f' or k.contype in ('p', 'u', 'x') and i.indisvalid and i.indisready)
			union all
			select 'INDEX', m.nspname, x.relname, m.oid from pg_index i join mine m on m.oid = i.indrelid
			join pg_class x on x.oid = i.indexrelid
			where i.indisvalid and i.indisready and not x.relispartition
				and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
			union all
			select 'TRIGGER', m.nspname, m.relname || ' ' || t.tgname, m.oid from pg_trigger t join mine m on m.oid = t.tgrelid
			where not t.tgisinternal and t.tgparentid = 0
			union all
			select 'POLICY', m.nspname, m.relname || ' ' || p.polname, m.oid from pg_policy p join mine m on m.oid = p.polrelid
			union all
			select 'RULE', m.nspname, m.relname || ' ' || r.rulename, m.oid from pg_rewrite r join mine m on m.oid = r.ev_class
			where r.rulename <> '_RETURN'
			union all
			select 'EXTENSION', '-', e.extname, 0 from pg_extension e where e.oid >= 16384
		)
		select f.kind, f.schema, f.name, coalesce(n.nspname, ''), coalesce(c.relname, '')
		from found f left join pg_class c on c.oid = f.whose left join pg_namespace n on n.oid = c.relnamespace`)
	if err != nil {
		return err
	}
	var d Definition
	var whose repository.Name
	_, err = pgx.ForEachRow(rows, []any{&d.Kind, &d.Schema, &d.Name, &whose.Schema, &whose.Name}, func() error {
		c.defined = append(c.defined, ownedDefinition{d, whose})
		return nil
	})
	return err
}

// ownedDefinition is a Definition with the table that it goes with, where there is one.
type ownedDefinition struct {
	Definition
	whose repository.Name
}

// Defined returns what the schema must define.
func (c *Catalog) Defined() []Definition {
	leftOut := map[repository.Name]bool{}
	for _, n := range c.Unreadable {
		leftOut[n] = true
	}
	var out []Definition
	for _, d := range c.defined {
		if !leftOut[d.whose] {
			out = append(out, d.Definition)
		}
	}
	return out
}
