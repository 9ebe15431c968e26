package platform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Relation is one table of the platform as the catalog describes it.
type Relation struct {
	OID       uint32
	Schema    string
	Name      string
	Root      string // "schema.table" of the topmost partitioned table, or of itself
	Partition bool
	Rows      int64 // the planner's estimate
	Pages     int64 // heap pages now
	Bytes     int64 // heap and TOAST
	Columns   []Column
	Format    string // repository.FormatBinary or FormatText
	Encoding  string // of texts, where it is known and not UTF8
	Layout    string
	Readable  bool // the role has SELECT
	Hidden    bool // row-level security would hide rows from the role
	HasKey    bool
	Access    string // the table access method, where it is not heap: what places mean there, nobody knows

	names string // digest of all names, where values of the table are written as some; empty: none are
}

// Column is one column with stored values.
type Column struct {
	Name    string
	Type    string
	TypeOID uint32
	Equal   string // how values are equal, where the type's name does not say it; see Form
}

// FullName returns the table's full name: see keepsake.TableName.
func (r Relation) FullName() string { return keepsake.TableName(r.Schema, r.Name) }

// Catalog describes what the platform holds, read under one snapshot.
type Catalog struct {
	Source      repository.Source
	BlockSize   int64
	Tables      []Relation // every table whose rows can be carried, largest first
	ForeignKey  []repository.ForeignKey
	Keys        map[string][]string // primary key columns by "schema.table"
	Sequences   []repository.Sequence
	MatViews    []repository.Name
	Objects     []repository.LargeObject
	Extensions  []repository.Extension
	Roles       []string
	SearchPaths []string // of roles, those of owners of tables first
	NotCarried  []keepsake.NotCarried
	Unreadable  []repository.Name // tables of managed schemas the role may not read; pg_dump must leave them out
	Standby     bool              // the server only replays another one's changes

	oids    []int64 // of all tables
	writing writing
	defined []ownedDefinition
}

// FullNameSQL is the TableName of a relation c in a namespace n, in SQL.
var FullNameSQL = keepsake.TableNameSQL("n.nspname", "c.relname")

// userSchema is the condition that a namespace n belongs to the platform and not to PostgreSQL.
const userSchema = `n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'`

// ofExtension is the condition that an object of class $1 is created by an extension.
const ofExtension = `exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
	and d.deptype = 'e')`

// ReadCatalog reads the catalog, with a number of queries that does not depend on the number of tables. conn should
// be inside the snapshot's transaction. Tables of managed schemas that the role may not read become NotCarried. Other
// tables that it may not read become an error later, in Judge.
func ReadCatalog(ctx context.Context, conn *pgx.Conn, managed []string) (*Catalog, error) {
	c := &Catalog{Keys: map[string][]string{}}
	steps := []struct {
		what string
		read func(context.Context, *pgx.Conn) error
	}{
		{"server facts", c.readSource},
		{"tables", c.readTables},
		{"types and names", c.readWriting},
		{"columns", c.readColumns},
		{"foreign keys", c.readForeignKeys},
		{"sequences", c.readSequences},
		{"materialized views", c.readMatViews},
		{"large objects", c.readLargeObjects},
		{"extensions and roles", c.readExtensionsAndRoles},
		{"what cannot be carried", c.readNotCarried},
		{"members of extensions", c.readMembers},
		{"what is defined", c.readDefined},
	}
	for _, s := range steps {
		if err := s.read(ctx, conn); err != nil {
			return nil, explainBytes(fmt.Errorf("read %s from the catalog: %w", s.what, err))
		}
	}
	c.dropUnreadable(managed)
	return c, nil
}

func (c *Catalog) readSource(ctx context.Context, conn *pgx.Conn) error {
	s := &c.Source
	row := conn.QueryRow(ctx, `
		select current_database(), current_setting('server_version'), current_setting('server_version_num')::int,
		       pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.oid::int8,
		       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text,
		       pg_current_snapshot()::text, pg_is_in_recovery(), current_setting('block_size')::int8,
		       coalesce((select array_agg(unnest) from pg_db_role_setting s, unnest(s.setconfig)
		                 where s.setdatabase = d.oid and s.setrole = 0), '{}')
		from pg_database d where d.datname = current_database()`)
	var oid int64
	err := row.Scan(&s.Database, &s.Server, &s.ServerNum, &s.Encoding, &s.Collate, &s.CType, &oid, &s.LSN, &s.Snapshot,
		&c.Standby, &c.BlockSize, &s.Settings)
	if err != nil {
		return err
	}
	s.Server, _, _ = strings.Cut(s.Server, " ")
	s.DatabaseOID = uint32(oid)
	if s.Properties, err = ReadDatabase(ctx, conn); err != nil {
		return err
	}
	var may bool
	err = conn.QueryRow(ctx, `select has_function_privilege('pg_control_system()', 'execute')
		and has_function_privilege('pg_control_checkpoint()', 'execute')`).Scan(&may)
	if err != nil || !may { // without the identity of the server an incremental trusts nothing and reads everything
		return err
	}
	// A server whose files are set back to a copy keeps identity and timeline, and one that crashes can lose commits that
	// were visible (synchronous_commit = off): both give transaction numbers and tuple places out again. Neither happens
	// within one run. The checkpointer is new after a crash that the postmaster survives. A role that may not see it
	// cannot tell one run from the next, and knows none.
	return conn.QueryRow(ctx, `select system_identifier::text, timeline_id,
		coalesce(pg_postmaster_start_time() || ' ' || (select backend_start from pg_stat_activity
			where backend_type = 'checkpointer'), '')
		from pg_control_system(), pg_control_checkpoint()`).Scan(&s.SystemID, &s.Timeline, &s.Run)
}

func (c *Catalog) readTables(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select c.oid::int8, n.nspname, c.relname, c.relispartition, greatest(c.reltuples, 0)::int8,
		       pg_relation_size(c.oid) / current_setting('block_size')::int8, pg_table_size(c.oid),
		       coalesce((select `+keepsake.TableNameSQL("rn.nspname", "r.relname")+
		` from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
		                 where c.relispartition and r.oid = pg_partition_root(c.oid)), `+FullNameSQL+`),
		       has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'), row_security_active(c.oid),
		       exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary),
		       coalesce((select a.amname from pg_am a where a.oid = c.relam and a.amname <> 'heap'), '')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and c.relpersistence = 'p' and `+userSchema+` and not `+ofExtension+`
		order by pg_table_size(c.oid) desc, n.nspname, c.relname`)
	if err != nil {
		return err
	}
	c.Tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Relation, error) {
		var r Relation
		var oid int64
		err := row.Scan(&oid, &r.Schema, &r.Name, &r.Partition, &r.Rows,
			&r.Pages, &r.Bytes, &r.Root, &r.Readable, &r.Hidden, &r.HasKey, &r.Access)
		r.OID = uint32(oid)
		return r, err
	})
	return err
}

func (c *Catalog) readColumns(ctx context.Context, conn *pgx.Conn) error {
	types, err := readTypes(ctx, conn)
	if err != nil {
		return err
	}
	byOID := make(map[uint32]*Relation, len(c.Tables))
	for i := range c.Tables {
		byOID[c.Tables[i].OID] = &c.Tables[i]
	}
	rows, err := conn.Query(ctx, `
		select a.attrelid::int8, a.attname, a.atttypid::int8, a.attcollation::int8,
			format_type(a.atttypid, a.atttypmod), a.attisdropped,
			a.attgenerated::text,
		       concat_ws(',', pg_relation_filenode(c.oid), a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped,
		                 a.attgenerated, a.atthasmissing, a.attmissingval)
		from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and c.relpersistence = 'p' and a.attnum > 0 and `+userSchema+`
		order by a.attrelid, a.attnum`)
	if err != nil {
		return err
	}
	layouts := map[uint32][]byte{}
	var oid, typ, collation int64
	var name, format, generated, layout string
	var dropped bool
	into := []any{&oid, &name, &typ, &collation, &format, &dropped, &generated, &layout}
	_, err = pgx.ForEachRow(rows, into, func() error {
		r := byOID[uint32(oid)]
		if r == nil {
			return nil
		}
		layouts[r.OID] = append(append(layouts[r.OID], layout...), '\n')
		if !dropped && generated == "" {
			r.Columns = append(r.Columns, Column{Name: name, Type: format, TypeOID: uint32(typ),
				Equal: types.equal(uint32(typ), uint32(collation))})
		}
		return nil
	})
	for i := range c.Tables {
		r := &c.Tables[i]
		if r.names != "" {
			layouts[r.OID] = append(layouts[r.OID], "names "+r.names...)
		}
		sum := sha256.Sum256(layouts[r.OID])
		r.Layout = hex.EncodeToString(sum[:16])
		r.Format = repository.FormatBinary
		// binary COPY would convert text to the session's encoding, and could lose characters
		if c.Source.Encoding != "UTF8" {
			r.Format = repository.FormatText
		}
		for _, col := range r.Columns {
			if !types.binaryStable(col.TypeOID) {
				r.Format = repository.FormatText
			}
		}
	}
	return err
}

// dropUnreadable takes tables of managed schemas that the role may not read out of the snapshot and reports each.
func (c *Catalog) dropUnreadable(managed []string) {
	c.Tables = slices.DeleteFunc(c.Tables, func(r Relation) bool {
		if r.Readable || !slices.Contains(managed, r.Schema) {
			return false
		}
		c.Unreadable = append(c.Unreadable, repository.Name{Schema: r.Schema, Name: r.Name})
		c.NotCarried = append(c.NotCarried, keepsake.NotCarried{
			Kind:   "table",
			Name:   r.FullName(),
			Reason: "the hosting service owns it and the role may not read it",
		})
		return true
	})
}
