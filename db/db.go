// Package db reaches the console database. InTx is the one way to its rows: it sets who is asking for one transaction,
// and row-level security, forced on every table, shows nothing without it. The package never touches the platform
// database.
package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// connectTimeout bounds every attempt to reach the console database, so that a page never waits for a dead server.
const connectTimeout = 5 * time.Second

// DB is the console database. It is safe for concurrent use; Close ends it.
type DB struct {
	pool *pgxpool.Pool // carries no actor: every row is hidden until InTx says who asks
	jobs *pgxpool.Pool // River's: its connections are the system
	owns bool
}

// Open connects and refuses a role that row-level security does not bind. It migrates nothing.
func Open(ctx context.Context, url keepsake.Secret) (*DB, error) {
	pool, err := openPool(ctx, url, false, 16)
	if err != nil {
		return nil, err
	}
	role, err := roleOf(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, err
	}
	jobs, err := openPool(ctx, url, true, 8)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &DB{pool: pool, jobs: jobs, owns: role.Owns || role.Grants}, nil
}

// OwnsTables reports whether the role owns what it reads. Row-level security is forced on owners too, but an owner can
// switch it off: a console of that kind works, and says so.
func (d *DB) OwnsTables() bool { return d.owns }

// Close returns when every connection has been given back and closed.
func (d *DB) Close() {
	d.jobs.Close()
	d.pool.Close()
}

// Jobs is the pool for the job queue alone. Its connections act as the system, so nothing else may use it.
func (d *DB) Jobs() *pgxpool.Pool { return d.jobs }

// Ping reports whether the console database answers: nil, or an Error with CodeUnavailable.
func (d *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return explain(d.pool.Ping(ctx))
}

// Connect opens a connection of its own, for LISTEN. It carries no actor. The caller closes it.
func (d *DB) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.pool.Config().ConnConfig.Copy())
	return conn, explain(err)
}

// Tx is one transaction on behalf of an actor.
type Tx struct {
	*sqlcgen.Queries
	PG pgx.Tx // for the job queue, which enqueues inside the caller's transaction. Never commit or roll it back.
}

// InTx runs fn in one transaction as actor and commits when fn returns nil. What the actor may not see is not there: an
// Actor without a role sees nothing. An error from fn rolls back and is returned; a database that cannot be reached is
// an Error with CodeUnavailable. No network I/O belongs inside fn.
func (d *DB) InTx(ctx context.Context, actor keepsake.Actor, fn func(Tx) error) error {
	err := pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{BeginQuery: beginAs(actor)}, func(tx pgx.Tx) error {
		return fn(Tx{Queries: sqlcgen.New(tx), PG: tx})
	})
	return explain(err)
}

// beginAs begins a transaction and sets its actor with one message instead of two: every page begins several. The
// values are written as digits of their bytes, so that nothing in them can be read as SQL.
func beginAs(actor keepsake.Actor) string {
	set := func(name, value string) string {
		return fmt.Sprintf("set_config('keepsake.%s', convert_from(decode('%x', 'hex'), 'UTF8'), true)", name, value)
	}
	return "begin; select " + set("role", string(actor.Role)) + ", " + set("platform", actor.Platform) + ", " +
		set("organization", actor.Organization) + ", " + set("actor", actor.ID)
}

// IsState reports whether err is PostgreSQL's error with the SQLSTATE.
func IsState(err error, sqlstate string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == sqlstate
}

// IsConstraint reports whether err is the violation of the named constraint.
func IsConstraint(err error, name string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == name
}

// TakenSlot returns the name of the slot that err says somebody else has; "" where err says something else.
func TakenSlot(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.ConstraintName != "slots_one_holder" {
		return ""
	}
	return pg.ColumnName
}

// IsNoRows reports whether a query that wants one row found none.
func IsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// IsNoSuch reports whether a query that wants the row of an id found none, or was given what can be no id.
func IsNoSuch(err error) bool {
	return IsNoRows(err) || IsState(err, pgerrcode.InvalidTextRepresentation) || // such as an id that is no UUID
		IsState(err, pgerrcode.CharacterNotInRepertoire) // what is no text at all
}

// explain gives an unreachable database its code and its words; other errors pass.
func explain(err error) error {
	var known *keepsake.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	var connect *pgconn.ConnectError
	var network net.Error
	var pg *pgconn.PgError
	unreachable := errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, net.ErrClosed)
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "57", "53": // connection, operator intervention, insufficient resources
			unreachable = true
		case "55": // an object that is not in the state for it, or not free
			if pg.Code == pgerrcode.LockNotAvailable {
				return &keepsake.Error{
					Code: keepsake.CodeUnavailable,
					Err:  err,
					Message: "Something else holds what this needs of Keepsake's own database, so nothing was done. Your backups " +
						"are not affected, and the command line restores without it. " +
						"Try again in a moment; if it stays so, end the session that holds the lock there (pg_locks, pg_stat_activity).",
				}
			}
		default:
			unreachable = false
		}
	}
	if !unreachable {
		return err
	}
	return &keepsake.Error{
		Code: keepsake.CodeUnavailable,
		Err:  err,
		Message: "Keepsake's own database does not answer. Your backups are not affected, and the command line restores " +
			"without it. Check that its server runs, then try again.",
	}
}

func config(url keepsake.Secret) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		// The parser's own words may quote the URL, and with it the password.
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"console.url is not a PostgreSQL connection URL; write it as postgres://role:password@host:port/database")
	}
	c.ConnConfig.ConnectTimeout = connectTimeout
	c.ConnConfig.RuntimeParams["application_name"] = "keepsake"
	return c, nil
}

func openPool(ctx context.Context, url keepsake.Secret, system bool, atLeast int32) (*pgxpool.Pool, error) {
	c, err := config(url)
	if err != nil {
		return nil, err
	}
	c.MaxConns = max(c.MaxConns, atLeast)
	c.ConnConfig.RuntimeParams["statement_timeout"] = strconv.Itoa(int((30 * time.Second).Milliseconds()))
	c.ConnConfig.RuntimeParams["lock_timeout"] = strconv.Itoa(int((10 * time.Second).Milliseconds()))
	c.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.Itoa(
		int((60 * time.Second).Milliseconds()))
	if system {
		c.ConnConfig.RuntimeParams["keepsake.role"] = string(keepsake.RoleSystem)
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	return pool, explain(err)
}
