package repository

import (
	"cmp"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Manifest says what one recovery point is and where its index begins. Its JSON form, packed and sealed, is the
// object manifests/<ID>. FORMAT.md describes every field.
type Manifest struct {
	Format     int                 `json:"format"` // 1
	Repository string              `json:"repository"`
	ID         string              `json:"id"`   // <time>-<random>, also the object's name
	Time       time.Time           `json:"time"` // of the snapshot, UTC
	Type       keepsake.BackupType `json:"type"`
	Note       string              `json:"note,omitempty"`
	Labels     map[string]string   `json:"labels,omitempty"`
	// Weddings says for which weddings the point was made. It covers the whole platform all the same.
	Weddings []keepsake.WeddingMark `json:"weddings,omitempty"`
	// Covers says which weddings and vendors the snapshot has. It is nil where the backup could not tell.
	Covers *keepsake.WeddingCoverage `json:"covers,omitempty"`
	Parent string                    `json:"parent,omitempty"` // the point whose unchanged page ranges were taken over
	// Compared is the point whose tables were compared with these; "" where nobody could. Doubts is what that showed.
	Compared string           `json:"compared,omitempty"`
	Doubts   []keepsake.Doubt `json:"doubts,omitempty"`
	Tool     string           `json:"tool"` // version of keepsake that wrote it
	Source   Source           `json:"source"`
	Schema   []Chunk          `json:"schema"` // pg_dump's custom-format archive, cut into chunks
	Index    Index            `json:"index"`
	Stats    Stats            `json:"stats"`

	// What follows lies in index pages. Load reads it.

	Tables    []Table       `json:"-"`
	Sequences []Sequence    `json:"-"`
	Objects   []LargeObject `json:"-"` // every large object; their bytes are a Table of kind KindLargeObjects
	Facts     `json:"-"`
}

// Index says where the lists of a recovery point begin.
type Index struct {
	Tables    List `json:"tables"`
	Sequences List `json:"sequences"`
	Objects   List `json:"large_objects"`
	Facts     List `json:"facts"` // one document
}

// Facts are what a restore needs to know of the platform besides its tables. They seldom change.
type Facts struct {
	MatViews []Name `json:"materialized_views,omitempty"` // populated ones, in the order to refresh them
	// between the tables, by the names of the topmost partitioned ones
	Keys       []ForeignKey `json:"foreign_keys,omitempty"`
	Extensions []Extension  `json:"extensions,omitempty"`
	Roles      []string     `json:"roles,omitempty"` // every role that owners, grants and policies name
	// of roles, beside the database's own: functions behind rules and indexes may be found under these only
	SearchPaths []string              `json:"search_paths,omitempty"`
	NotCarried  []keepsake.NotCarried `json:"not_carried,omitempty"`
}

// Source says where a snapshot comes from. The server answers in the session that holds the snapshot, right after
// taking it.
type Source struct {
	Database  string `json:"database"`
	Server    string `json:"server"` // "15.4"
	ServerNum int    `json:"server_version_num"`
	Encoding  string `json:"encoding"` // of the database, and of every text in chunks and schema
	Collate   string `json:"collate"`
	CType     string `json:"ctype"`
	LSN       string `json:"lsn"`       // pg_current_wal_lsn() after the snapshot: no exact boundary of it
	Snapshot  string `json:"snapshot"`  // pg_current_snapshot(): xmin:xmax:xip
	SystemID  string `json:"system_id"` // pg_control_system()
	Timeline  int64  `json:"timeline"`
	// which run of the server: when its postmaster and its checkpointer started; "" where the role may not see that
	Run         string `json:"run,omitempty"`
	DatabaseOID uint32 `json:"database_oid"`
	// of the types that stored values have, and what is inside of them: output functions depend on them
	TypesDigest string   `json:"types_digest"`
	Settings    []string `json:"settings,omitempty"` // ALTER DATABASE … SET, as name=value
	// what else the server knows of the database; nil in recovery points of earlier builds
	Properties *Database `json:"properties,omitempty"`
}

// Database is what the server knows of a database beside what is in it.
type Database struct {
	Provider         string         `json:"locale_provider"`             // libc, icu, builtin
	Locale           string         `json:"locale,omitempty"`            // of icu and builtin
	Rules            string         `json:"icu_rules,omitempty"`         // of icu
	CollationVersion string         `json:"collation_version,omitempty"` // as the database was made with
	Owner            string         `json:"owner"`
	ACL              string         `json:"acl,omitempty"` // as an array of aclitem; "": the default rights
	Comment          string         `json:"comment,omitempty"`
	ConnectionLimit  int            `json:"connection_limit"` // -1: none
	Template         bool           `json:"template,omitempty"`
	Tablespace       string         `json:"tablespace"`
	NoPublic         bool           `json:"no_public,omitempty"` // it has no schema public
	RoleSettings     []RoleSettings `json:"role_settings,omitempty"`
	Computing        []string       `json:"computing,omitempty"` // what sessions had of such settings, as name=value
}

// RoleSettings are what ALTER ROLE … IN DATABASE … SET has set for one role, as name=value.
type RoleSettings struct {
	Role     string   `json:"role"`
	Settings []string `json:"settings"`
}

// Name is a qualified name.
type Name struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// The kinds of Table.
const (
	KindTable        = "table"
	KindPartition    = "partition"
	KindLargeObjects = "large objects" // columns loid, pageno, data of pg_largeobject
)

// The COPY formats of a table's chunks.
const (
	FormatBinary = "binary"
	FormatText   = "text"
)

// Table is the rows of one table at the moment of the snapshot. Ranges are in page order and cover the whole table.
type Table struct {
	Name
	Kind    string        `json:"kind"`
	Tier    keepsake.Tier `json:"tier"`
	Format  string        `json:"format"`
	Columns []Column      `json:"columns"` // those with stored values, in COPY order; generated ones are not among them
	// how values of a column are equal, where its type's name does not say it
	Equality map[string]string `json:"equality,omitempty"`
	Rows     int64             `json:"rows"`
	// of a partition: the full name (keepsake.TableName) of the topmost partitioned table
	Root       string   `json:"root,omitempty"`
	Key        []string `json:"key,omitempty"` // columns of the primary key
	Hash       RowHash  `json:"hash"`          // sum of the hashes of all rows
	RangePages uint32   `json:"range_pages"`
	// digest of what a tuple's meaning depends on: relation file, columns, missing values
	Layout     string     `json:"layout"`
	FilterKeys [][]string `json:"filter_keys,omitempty"` // the column lists that runs are about, in the same order
	Chunks     int64      `json:"chunks"`                // of all ranges; one that several share counts several times
	Bytes      int64      `json:"bytes"`                 // of their plaintexts
	Stored     int64      `json:"stored"`                // of their objects
	Ranges     List       `json:"ranges"`                // EachRange
	Slots      List       `json:"slots"`                 // OpenSlots
	Runs       List       `json:"runs"`                  // ReadRuns

	erasures *Erasures
	stored   *storedSums // Rows and Hash without these; nil: there are none
}

// Whole returns the full name (keepsake.TableName) of the table that it is a partition of, or its own.
func (t *Table) Whole() string { return cmp.Or(t.Root, keepsake.TableName(t.Schema, t.Name.Name)) }

// Column is one column as COPY wrote it.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // format_type()
}

// ForeignKey is one reference from a table to another. Tables have their full names (keepsake.TableName). Of a
// partition it is the topmost table's name.
type ForeignKey struct {
	Child         string   `json:"child"`
	Columns       []string `json:"columns"`
	Parent        string   `json:"parent"`
	ParentColumns []string `json:"parent_columns"`
	// An inheritance parent of the child declares the reference. PostgreSQL does not hold the child's own rows to it.
	Inherited bool `json:"inherited,omitempty"`
	// The last column is a period, which those of the parent's rows must cover together.
	Period bool `json:"period,omitempty"`
}

// Sequence is the value of a sequence. Sequences are not transactional, so it is the value just after the snapshot
// and never an older one.
type Sequence struct {
	Name
	Last   int64 `json:"last"`
	Called bool  `json:"called"`
}

// LargeObject is the existence, owner and grants of one large object.
type LargeObject struct {
	OID     uint32 `json:"oid"`
	Owner   string `json:"owner"`
	ACL     string `json:"acl,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// Extension is one installed extension.
type Extension struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Schema  string `json:"schema"`
}

// Stats are the figures of the backup that wrote the manifest.
type Stats struct {
	Tables      int     `json:"tables"`
	Rows        int64   `json:"rows"`
	BytesRead   int64   `json:"bytes_read"`   // plaintext of every chunk of the point
	BytesStored int64   `json:"bytes_stored"` // sealed bytes of every chunk of the point
	BytesNew    int64   `json:"bytes_new"`    // sealed bytes of chunks and index pages that this backup added
	Chunks      int64   `json:"chunks"`
	ChunksNew   int64   `json:"chunks_new"`
	Seconds     float64 `json:"seconds"` // from the start of the operation to this manifest
}
