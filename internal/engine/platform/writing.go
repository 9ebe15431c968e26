package platform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// writing is what the text of stored values depends on beside the values. A row does not change where these do.
type writing struct {
	types string   // digest
	names []string // of everything, where values are written as names
}

// usedTypes are the types that the values of some tables have, with those inside of them: elements, what domains and
// ranges are of, and the attributes of composite types and of other tables' rows.
const usedTypes = `
	used(oid) as (
		select distinct a.atttypid from pg_attribute a
		where a.attrelid = any($1::int8[]::oid[]) and a.attnum > 0 and not a.attisdropped
		union
		select x.oid from used u join pg_type t on t.oid = u.oid cross join lateral (
			values (t.typelem), (t.typbasetype)
			union all select r.rngsubtype from pg_range r where r.rngtypid = t.oid or r.rngmultitypid = t.oid
			union all select a.atttypid from pg_attribute a
			where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
		) x(oid) where x.oid <> 0
	)`

// readWriting reads on what the values of tables depend, as it is for the session's transaction. What an output
// function prints follows what is committed at that moment, also inside of a snapshot.
func readWriting(ctx context.Context, conn *pgx.Conn, tables []int64, names bool) (w writing, err error) {
	// Labels may be renamed, domains altered, composite types and tables whose rows are values may get columns.
	err = conn.QueryRow(ctx, `
		with recursive `+usedTypes+`
		select encode(sha256(convert_to(concat_ws('|',
			(select string_agg(concat_ws(',', enumtypid, enumsortorder, enumlabel), ';' order by enumtypid, enumsortorder)
				from pg_enum where enumtypid in (select oid from used)),
			(select string_agg(concat_ws(',', t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typtypmod), ';'
				order by t.oid) from pg_type t join pg_namespace n on n.oid = t.typnamespace
			 where t.oid in (select oid from used)),
			(select string_agg(concat_ws(',', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped), ';'
				order by a.attrelid, a.attnum)
			 from pg_attribute a join pg_type t on t.typrelid = a.attrelid
			 where a.attnum > 0 and t.oid in (select oid from used)),
			(select string_agg(concat_ws(',', extname, extversion), ';' order by extname) from pg_extension)), 'UTF8')),
				'hex')`, tables).Scan(&w.types)
	if err != nil || !names {
		return w, err
	}
	rows, err := conn.Query(ctx, `
		with lasting(oid) as (select oid from pg_namespace where nspname !~ '^pg_(toast|temp)'),
		named(name) as (
			select concat_ws(',', 'schema', oid, nspname) from pg_namespace where oid in (select oid from lasting)
			union all select concat_ws(',', 'class', oid, relnamespace, relname) from pg_class
				where relnamespace in (select oid from lasting)
			union all select concat_ws(',', 'proc', oid, pronamespace, proname, proargtypes) from pg_proc
				where pronamespace in (select oid from lasting)
			union all select concat_ws(',', 'type', oid, typnamespace, typname) from pg_type
				where typnamespace in (select oid from lasting)
			union all select concat_ws(',', 'operator', oid, oprnamespace, oprname, oprleft, oprright) from pg_operator
			union all select concat_ws(',', 'configuration', oid, cfgnamespace, cfgname) from pg_ts_config
			union all select concat_ws(',', 'dictionary', oid, dictnamespace, dictname) from pg_ts_dict
			union all select concat_ws(',', 'collation', oid, collnamespace, collname) from pg_collation
			union all select concat_ws(',', '`+roleName+`', oid, rolname) from pg_roles
		)
		select name from named order by name collate "C"`)
	if err != nil {
		return w, err
	}
	w.names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return w, err
}

// roleName begins a role's name in the list. Roles belong to the server, and others than the platform's come and go.
const roleName = "role"

// moved reports whether anything is another now. What was made since is in no value; a role that was dropped is in none
// that could be restored.
func (w writing) moved(now writing) bool {
	there := make(map[string]bool, len(now.names))
	roles := map[string]bool{} // by number
	role := func(name string) (number string, is bool) {
		rest, is := strings.CutPrefix(name, roleName+",")
		number, _, _ = strings.Cut(rest, ",")
		return number, is
	}
	for _, n := range now.names {
		there[n] = true
		if number, is := role(n); is {
			roles[number] = true
		}
	}
	return w.types != now.types || slices.ContainsFunc(w.names, func(n string) bool {
		number, is := role(n)
		return !there[n] && (!is || roles[number])
	})
}

// readNaming finds the tables with values that stand for an object and are written as its name: regclass and its like,
// and grants. They may be inside of arrays, domains, ranges and rows.
func readNaming(ctx context.Context, conn *pgx.Conn) (map[uint32]bool, error) {
	rows, err := conn.Query(ctx, `
		with recursive naming(oid) as (
			select t.oid from pg_type t where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b'
				and (t.typname ~ '^reg[a-z]+$' or t.typname = 'aclitem')
			union
			select x.oid from naming h cross join lateral (
				select t.oid from pg_type t where t.typelem = h.oid or t.typbasetype = h.oid
				union all select unnest(array[r.rngtypid, r.rngmultitypid]) from pg_range r where r.rngsubtype = h.oid
				union all select t.oid from pg_attribute a join pg_type t on t.typrelid = a.attrelid
				where a.atttypid = h.oid and a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
			) x(oid)
		)
		select distinct a.attrelid::int8 from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384 and a.attnum > 0 and not a.attisdropped
		  and a.attgenerated = '' and a.atttypid in (select oid from naming)`)
	if err != nil {
		return nil, err
	}
	found := map[uint32]bool{}
	var oid int64
	_, err = pgx.ForEachRow(rows, []any{&oid}, func() error {
		found[uint32(oid)] = true
		return nil
	})
	return found, err
}

// readWriting notes on what, beside the rows, their text depends.
func (c *Catalog) readWriting(ctx context.Context, conn *pgx.Conn) error {
	naming, err := readNaming(ctx, conn)
	if err != nil {
		return err
	}
	for i := range c.Tables {
		c.oids = append(c.oids, int64(c.Tables[i].OID))
	}
	if c.writing, err = readWriting(ctx, conn, c.oids, len(naming) > 0); err != nil {
		return err
	}
	c.Source.TypesDigest = c.writing.types
	names := sha256.Sum256([]byte(strings.Join(c.writing.names, "\n")))
	for i := range c.Tables {
		if r := &c.Tables[i]; naming[r.OID] {
			r.names = hex.EncodeToString(names[:])
		}
	}
	return nil
}

// Moved reports whether anything that the text of stored values depends on is not as it was at the snapshot: rows that
// were read meanwhile may be written in two ways, and in another one than the schema knows.
func (s *Snapshot) Moved(ctx context.Context) (bool, error) {
	conn, err := Connect(ctx, s.url)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	was := s.Catalog.writing
	now, err := readWriting(ctx, conn, s.Catalog.oids, len(was.names) > 0)
	if err != nil {
		return false, fmt.Errorf("look whether types were changed meanwhile: %w", err)
	}
	return was.moved(now), nil
}
