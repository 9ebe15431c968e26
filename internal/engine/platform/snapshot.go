package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Snapshot is one transactionally consistent state of the platform. Two sessions hold it open. The locker keeps
// ACCESS SHARE on every table, so that no TRUNCATE or ALTER can slip between the snapshot and reading. The keeper
// exports the snapshot that the readers import. Both must stay reachable for as long as rows are read.
type Snapshot struct {
	ID      string // for SET TRANSACTION SNAPSHOT and pg_dump --snapshot
	Catalog *Catalog
	Time    time.Time // when it was taken, by the platform's clock

	url    keepsake.Secret
	locker *pgx.Conn
	keeper *pgx.Conn
}

const (
	lockTimeout      = "30s"
	snapshotAttempts = 5
)

// TakeSnapshot locks every table, exports a snapshot and reads the catalog under it. When somebody creates or drops a
// table meanwhile, it starts over, a few times.
func TakeSnapshot(ctx context.Context, url keepsake.Secret, managed []string) (_ *Snapshot, err error) {
	s := &Snapshot{url: url}
	defer func() {
		if err != nil {
			s.Close(ctx)
		}
	}()
	if s.locker, err = Connect(ctx, url); err != nil {
		return nil, err
	}
	if s.keeper, err = Connect(ctx, url); err != nil {
		return nil, err
	}
	for range snapshotAttempts {
		done, err := s.attempt(ctx, managed)
		if err != nil {
			return nil, err
		}
		if done {
			return s, nil
		}
		if err := execAll(ctx, s.keeper, "rollback"); err != nil {
			return nil, err
		}
		if err := execAll(ctx, s.locker, "rollback"); err != nil {
			return nil, err
		}
	}
	return nil, keepsake.Errorf(keepsake.CodeUnavailable,
		"tables are being created or dropped all the time on the platform: a consistent snapshot was not possible; try "+
			"again when the migration is over")
}

func (s *Snapshot) attempt(ctx context.Context, managed []string) (bool, error) {
	if err := execAll(ctx, s.locker, "begin", "set local lock_timeout = '"+lockTimeout+"'"); err != nil {
		return false, err
	}
	locked, err := s.lockTables(ctx)
	if errors.Is(err, errMoved) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := execAll(ctx, s.keeper, "begin isolation level repeatable read read only"); err != nil {
		return false, err
	}
	if err := s.keeper.QueryRow(ctx, "select pg_export_snapshot(), clock_timestamp()").Scan(&s.ID, &s.Time); err != nil {
		return false, fmt.Errorf("export the snapshot: %w", err)
	}
	if s.Catalog, err = ReadCatalog(ctx, s.keeper, managed); err != nil {
		return false, err
	}
	for _, t := range s.Catalog.Tables { // Judge says of a table that the role may not read that it may not
		if t.Schema != "pg_catalog" && t.Readable && !locked[t.OID] {
			return false, nil
		}
	}
	return true, nil
}

// errMoved says that a table that was listed is not there any more.
var errMoved = errors.New("a table was dropped while the tables were being locked")

// lockTables takes ACCESS SHARE on every table the role may read and returns their OIDs. VACUUM FULL must
// not move large objects either while their identities are compared.
func (s *Snapshot) lockTables(ctx context.Context) (map[uint32]bool, error) {
	rows, err := s.locker.Query(ctx, `
		select c.oid::int8, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where (c.relkind in ('r', 'p') and c.relpersistence = 'p' and `+userSchema+` and not `+ofExtension+`
		       or c.oid = 'pg_largeobject'::regclass)
		  and has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage') order by 1`)
	if err != nil {
		return nil, err
	}
	oids := map[uint32]bool{}
	var names []string
	var oid int64
	var schema, name string
	if _, err := pgx.ForEachRow(rows, []any{&oid, &schema, &name}, func() error {
		oids[uint32(oid)], names = true, append(names, "only "+pgx.Identifier{schema, name}.Sanitize())
		return nil
	}); err != nil {
		return nil, explainBytes(fmt.Errorf("list tables to lock: %w", err))
	}
	for batch := range slices.Chunk(names, 500) {
		if _, err := s.locker.Exec(ctx, "lock table "+strings.Join(batch, ", ")+" in access share mode"); err != nil {
			return nil, explainLock(err)
		}
	}
	return oids, nil
}

func explainLock(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case pgerrcode.LockNotAvailable:
			return keepsake.Errorf(keepsake.CodeUnavailable,
				"a migration or VACUUM FULL holds a table of the platform for more than %s: nothing was backed up; try again "+
					"when it is over", lockTimeout)
		case pgerrcode.UndefinedTable, pgerrcode.InvalidSchemaName, // dropped, also with its schema
			pgerrcode.WrongObjectType,  // something else has its name
			pgerrcode.DeadlockDetected: // a migration waits for what is locked already, and holds another
			return errMoved
		}
	}
	return fmt.Errorf("lock tables for reading: %w", err)
}

// NewReader opens one more session inside the snapshot.
func (s *Snapshot) NewReader(ctx context.Context) (*Reader, error) {
	conn, err := s.join(ctx)
	if err != nil {
		return nil, err
	}
	return NewReader(ctx, conn)
}

// join opens a session inside the snapshot.
func (s *Snapshot) join(ctx context.Context) (*pgx.Conn, error) {
	conn, err := Connect(ctx, s.url)
	if err != nil {
		return nil, err
	}
	// What is read is simple and long: compiling it or starting helpers costs more than it saves. Rows come in the order
	// of their places, also where the server reads a whole table.
	err = execAll(ctx, conn, "begin isolation level repeatable read read only", "set transaction snapshot '"+s.ID+"'",
		"set local jit = off", "set local max_parallel_workers_per_gather = 0", "set local synchronize_seqscans = off")
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("join the snapshot: %w", err)
	}
	return conn, nil
}

// Close ends the snapshot's sessions.
func (s *Snapshot) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, c := range []*pgx.Conn{s.keeper, s.locker} {
		if c != nil {
			_ = c.Close(ctx)
		}
	}
}

// ReadSequences reads every sequence again. Sequences are not part of a snapshot. A value that is read after the rows
// can only be ahead of them, which is safe. One that is read before could be behind.
func (s *Snapshot) ReadSequences(ctx context.Context) error {
	s.Catalog.Sequences = nil
	return s.Catalog.readSequences(ctx, s.keeper)
}

// heldTimeout is how long the locker may take to answer that it still has its locks.
const heldTimeout = 30 * time.Second

// Held returns an error when the locker has lost its locks. A reader locks a table only when it comes to it, so without
// the locker a table can have been emptied or rewritten before: the snapshot then shows it without rows. Whoever has
// read everything asks before any of it counts.
func (s *Snapshot) Held(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heldTimeout)
	defer cancel()
	_, err := s.locker.Exec(ctx, "select")
	if err == nil && s.locker.PgConn().TxStatus() == 'T' {
		return nil
	}
	return &keepsake.Error{
		Code: keepsake.CodeUnavailable,
		Err:  err,
		Message: "the session that keeps the platform's tables from being emptied or rewritten was ended while they were " +
			"read, so rows may be missing: nothing was backed up; back up again",
	}
}

func execAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, q := range statements {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// CheckDataMap compares a data map with the catalog under the snapshot.
func (s *Snapshot) CheckDataMap(ctx context.Context, m keepsake.DataMap) ([]Unmapped, error) {
	return CheckDataMap(ctx, s.keeper, m)
}
