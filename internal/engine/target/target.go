// Package target writes a recovery point into a new PostgreSQL database. It makes sure that the database is empty and
// its own, loads rows by COPY, and reads them back to prove them. It never touches a database that holds anything
// else.
package target

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

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func state(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// lockKey is the advisory lock, in the target database, of the one restore that may run into it: "keepsake" in ASCII.
const lockKey = 0x6b65657073616b65

// lockWait is how long the lock is waited for: the server may need a moment to notice that a killed restore is gone.
const lockWait = "5s"

// Options says how to open a target.
type Options struct {
	URL     keepsake.Secret
	Create  bool // make the database if it is not there
	Source  repository.Source
	Managed []string // schemas that the hosting service may have made
	Point   string   // for the mark
	Prover  Prover   // for the mark; Look needs none
	// Waits, when set, makes Open wait for the lock, however long another restore has it. It is called once, when the lock
	// is not free.
	Waits func()

	SearchPaths []string // of roles of the platform

	Reserved []Reserved
	Sessions int // that a restore opens at once
}

// Target is the database that a restore writes. From Begin to Close its session holds the lock that keeps a second
// restore out. One goroutine uses it.
type Target struct {
	Name    string
	Server  string                // version, "15.4"
	Num     int                   // server_version_num
	Managed []string              // schemas that the hosting service made and that stay as they are
	Named   []keepsake.NotCarried // in what the database differs from the platform's

	options Options
	conn    *pgx.Conn // to the database, or to another one of the server while it is absent
	absent  bool      // to be created
	created bool      // by this restore
	marked  bool      // it has the mark of an unfinished restore

	judged   string          // the recovery point of the mark that was judged
	expected map[string]bool // what its restore may have made

	identity  identity
	computing map[string]string // the platform's settings that decide what values come out as

	off  []eventTrigger // switched off until Finish
	Loud []string       // event triggers of the target that the role may not switch off
}

// settings of the sessions that write.
func (o Options) settings() map[string]string {
	s := platform.ReadSettings()
	s["default_transaction_read_only"] = "off"
	s["application_name"] = pgtool.Application
	s["synchronous_commit"] = "off" // a crash during a restore starts it over anyway; Finish makes everything durable
	s["check_function_bodies"] = "off"
	s["maintenance_work_mem"] = "256MB"
	return s
}

// Open connects to the target, and returns an error for a database that no restore may be written into. It writes
// nothing. The caller closes the Target.
func Open(ctx context.Context, o Options) (_ *Target, err error) {
	t := &Target{options: o}
	defer func() {
		if err != nil {
			t.Close(ctx)
		}
	}()
	if err := t.connect(ctx); err != nil {
		return nil, err
	}
	if !t.absent {
		if o.Waits != nil { // what another session is still writing cannot be judged
			if err := t.lock(ctx); err != nil {
				return nil, err
			}
		}
		if err := t.refuseUse(ctx); err != nil {
			return nil, err
		}
	}
	if err := t.inspect(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// inspect reads what decides whether the target can take the recovery point.
func (t *Target) inspect(ctx context.Context) error {
	var encoding string
	var standby, may bool
	err := t.conn.QueryRow(ctx, `
		select split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int,
		       pg_encoding_to_char(d.encoding), pg_is_in_recovery(),
		       case when $1 then (select rolsuper or rolcreatedb from pg_roles where rolname = current_user)
		            else has_database_privilege(d.oid, 'create') end
		from pg_database d where d.datname = current_database()`, t.absent).
		Scan(&t.Server, &t.Num, &encoding, &standby, &may)
	if err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	source := t.options.Source
	switch {
	case t.Num/10000 < source.ServerNum/10000:
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the recovery point is from PostgreSQL %s, the target runs %s: an older server cannot take it; use %d or newer",
			source.Server, t.Server, source.ServerNum/10000)
	case standby:
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the target server is a standby and cannot be written: use the primary's address")
	case !may && t.absent:
		return keepsake.Errorf(keepsake.CodeForbidden,
			"the role may not create databases on the target: give it CREATEDB or make the database %q by hand", t.Name)
	case !may:
		return keepsake.Errorf(keepsake.CodeForbidden,
			"the role may not write the target: grant create on database %q to it", t.Name)
	case !t.absent && encoding != source.Encoding:
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the target database is encoded in %s, the recovery point in %s: text would change; use a database made with "+
				"encoding %s (--create makes one)",
			encoding, source.Encoding, source.Encoding)
	case !t.absent:
		return t.compareLocale(ctx)
	}
	return nil
}

// Begin takes the lock, creates the database where that was asked for, clears what a killed run left, and marks the
// database as unfinished. From then on the database is this restore's own.
func (t *Target) Begin(ctx context.Context) ([]keepsake.Exception, error) {
	var lost []keepsake.Exception
	var err error
	if t.absent {
		if lost, err = t.create(ctx); err != nil {
			return nil, err
		}
	}
	if err := t.lock(ctx); err != nil {
		return nil, err
	}
	known := t.judged
	if err := t.conn.QueryRow(ctx, "select to_regnamespace('keepsake_restore') is not null").Scan(&t.marked); err != nil {
		return nil, fmt.Errorf("look for the mark of an unfinished restore: %w", err)
	}
	now := ""
	if known != "" {
		if now, err = t.MarkedPoint(ctx); err != nil {
			return nil, err
		}
	}
	if t.marked && (known == "" || now != known) {
		return nil, keepsake.Errorf(keepsake.CodeConflict,
			"another restore into database %q began and ended just now: nothing was written; start again", t.Name)
	}
	if t.marked {
		if err := t.judge(ctx); err != nil { // somebody may have made something since
			return nil, err
		}
		if err := t.recall(ctx); err != nil {
			return nil, err
		}
		if err := t.clear(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, keepsake.Errorf(keepsake.CodeConflict,
				"database %q holds an unfinished restore that could not be cleared: drop the database, make it again and start "+
					"the restore again: %w", t.Name, err)
		}
	}
	// Between Open and the lock another restore may have come and gone.
	if t.Managed, err = t.existing(ctx, t.options.Managed); err != nil {
		return nil, err
	}
	if err := t.refuseContent(ctx); err != nil {
		return nil, err
	}
	if err := t.compareVersion(ctx); err != nil {
		return nil, err
	}
	if err := t.learnComputing(ctx); err != nil {
		return nil, err
	}
	return lost, t.mark(ctx)
}

func (t *Target) lock(ctx context.Context) error {
	err := t.tryLock(ctx)
	if state(err) == pgerrcode.LockNotAvailable && t.options.Waits != nil {
		t.options.Waits()
		for state(err) == pgerrcode.LockNotAvailable {
			err = t.tryLock(ctx)
		}
	}
	if state(err) == pgerrcode.LockNotAvailable {
		return keepsake.Errorf(keepsake.CodeConflict,
			"another restore is running into database %q: nothing was written; wait for it or choose another database", t.Name)
	}
	if err != nil {
		return fmt.Errorf("lock the target: %w", err)
	}
	return t.exec(ctx, "set lock_timeout = 0")
}

// tryLock returns LockNotAvailable where another session has the lock for longer than lockWait.
func (t *Target) tryLock(ctx context.Context) error {
	if err := t.exec(ctx, "set lock_timeout = '"+lockWait+"'"); err != nil {
		return err
	}
	_, err := t.conn.Exec(ctx, "select pg_advisory_lock($1)", int64(lockKey))
	return err
}

// Fail writes into the mark why the restore ended, for people who look into the database.
func (t *Target) Fail(ctx context.Context, why string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "update keepsake_restore.run set state = $1", "failed: "+why)
}

// Finish makes everything durable, removes the mark, has last make the event triggers of the recovery point, and
// switches those of the target on again. All of it is one transaction and nothing follows it, so that no event trigger
// sees a statement of the restore, not even one that is always enabled. keep gets to know the transaction before it is
// committed, and nothing is when keep returns an error: what it keeps tells Ended later how this ended. Finish returns
// CodeUnknown where nobody can say whether it was committed.
func (t *Target) Finish(ctx context.Context, last func() error,
	keep func(context.Context, report.RestoreEnd) error) error {
	t.silence(ctx)
	err := t.exec(ctx, "set synchronous_commit = on", "set client_min_messages = error", "begin",
		"drop schema keepsake_restore cascade")
	if err != nil {
		err = fmt.Errorf("take away the mark of the unfinished restore: %w", err)
	} else if err = last(); err == nil {
		err = t.switchOn(ctx)
	}
	var end report.RestoreEnd
	if err == nil {
		end, err = t.end(ctx)
	}
	if err == nil {
		err = keep(ctx, end)
	}
	if err == nil {
		err = t.makeFinal(ctx, end)
	}
	if err != nil {
		_, _ = t.conn.Exec(context.WithoutCancel(ctx), "rollback")
	}
	return err
}

// silence keeps the database's own triggers from firing in the control session, where the role may ask for it. A role
// that may not cannot have restored event triggers either.
func (t *Target) silence(ctx context.Context) {
	_, _ = t.conn.Exec(ctx, "set session_replication_role = replica")
}

// existing returns those of the given schemas that the target has.
func (t *Target) existing(ctx context.Context, schemas []string) ([]string, error) {
	rows, err := t.conn.Query(ctx, "select nspname from pg_namespace where nspname = any($1) order by 1", schemas)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Manages reports whether the hosting service made the schema on the target.
func (t *Target) Manages(schema string) bool { return slices.Contains(t.Managed, schema) }

// Close releases the lock.
func (t *Target) Close(ctx context.Context) {
	if t.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = t.conn.Close(ctx)
}

func (t *Target) exec(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := t.conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
