package platform

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// readMembers names what somebody made a member of an extension: pg_dump leaves its definition to the extension, which
// does not make it on the target.
//
// Nothing in the catalog says so. But the transaction that made the extension, or updated it last, made the members
// that it brings. A member of another transaction comes from an earlier update or from ALTER EXTENSION … ADD, and then
// it was mostly there before it was a member. Where no member is of the first transaction, as after pg_upgrade, nothing
// can be told.
func (c *Catalog) readMembers(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		with extension as (
			select e.oid, e.extname, e.xmin::text as updated, (select d.xmin::text from pg_depend d
				where d.classid = 'pg_extension'::regclass and d.objid = e.oid
				and d.refclassid = 'pg_namespace'::regclass limit 1) as made
			from pg_extension e
		), member as (
			select e.oid, e.extname, e.made, e.updated, d.classid, d.objid, d.xmin::text as joined,
				age(d.xmin) as joined_before
			from extension e join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
				and d.deptype = 'e'
		), added as (
			select m.extname, o.type, o.identity, c.relkind
			from member m cross join lateral pg_identify_object(m.classid, m.objid, 0) o
			left join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
			left join pg_type t on m.classid = 'pg_type'::regclass and t.oid = m.objid
			left join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
			where m.joined not in (m.made, m.updated)
			  and exists (select from member x where x.oid = m.oid and x.joined = x.made)
			  and (c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') or t.typtype in ('d', 'e', 'r', 'b') and t.typelem = 0
				or age(p.xmin) > m.joined_before)
		)
		select 'definitions' || case when relkind = 'r' then ' and rows' when relkind = 'S' then ' and values' else '' end,
			type || ' ' || identity,
			'somebody made it a member of extension ' || extname || ', which does not make it on the target; if that is so, '
				|| 'take it out before the next backup: alter extension ' || quote_ident(extname) || ' drop ' || type || ' '
				|| identity
		from added order by 1, 2`)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keepsake.NotCarried])
	c.NotCarried = append(c.NotCarried, found...)
	return err
}
