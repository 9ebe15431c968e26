package platform

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// sessionSettings make what COPY writes independent of the role's and the database's own settings, and keep the
// platform's time-outs from ending a long read. row_security = off turns rows hidden by a policy into an error instead
// of a silent zero.
var sessionSettings = map[string]string{
	"application_name":                    "keepsake",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "0",
	"idle_session_timeout":                "0",
	"transaction_timeout":                 "0",
	"row_security":                        "off",
	"datestyle":                           "ISO",
	"intervalstyle":                       "postgres",
	"timezone":                            "UTC",
	"bytea_output":                        "hex",
	"extra_float_digits":                  "3",
	"search_path":                         "pg_catalog",
	"lc_monetary":                         "C",
	"xmloption":                           "content",
	"array_nulls":                         "on",
	"default_transaction_read_only":       "on",
	// names travel as UTF-8; rows of another encoding are asked for with COPY's ENCODING
	"client_encoding": "UTF8",
}

// newerSettings are those that not every server has: transaction_timeout is there since PostgreSQL 17,
// idle_session_timeout since 14. An older server is refused in words of its own.
var newerSettings = []string{"transaction_timeout", "idle_session_timeout"}

// ComputingSettings are those of the settings above that decide what expressions of the platform come out as, such as
// generated columns, checks and materialized views. Whoever writes lets the platform's own ones hold meanwhile: values
// that were read under the settings above are taken for the same under any others.
var ComputingSettings = []string{"datestyle", "intervalstyle", "timezone", "bytea_output", "extra_float_digits",
	"search_path"}

// Connect opens a session for reading.
func Connect(ctx context.Context, url keepsake.Secret) (*pgx.Conn, error) {
	return ConnectWith(ctx, url, sessionSettings)
}

// ReadSettings returns a copy of the settings under which rows are read. Rows can be compared only when both were
// read with the same settings.
func ReadSettings() map[string]string {
	m := make(map[string]string, len(sessionSettings))
	for k, v := range sessionSettings {
		m[k] = v
	}
	return m
}

// ConnectWith opens a session with the given settings. For one that leads through a connection pooler it returns
// CodeInvalid, and has set nothing in that session.
func ConnectWith(ctx context.Context, url keepsake.Secret, settings map[string]string) (*pgx.Conn, error) {
	if url == "" {
		return nil, errNoURL
	}
	config, err := address.Config(url)
	if err != nil {
		return nil, err
	}
	configure(config, 15*time.Second)
	began := time.Now()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, explainConnect(err, config, "the database at "+where(config), time.Since(began))
	}
	if err := applySettings(ctx, conn, settings); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		if timedOut(err) {
			return nil, silent("the database at "+where(config), time.Since(began), err)
		}
		return nil, err
	}
	return conn, nil
}

var (
	// errNoURL stands before libpq's own rules, by which no URL is whatever server the environment or this machine offers.
	errNoURL = keepsake.Errorf(keepsake.CodeInvalid,
		"no platform database is configured: set platform.url or KEEPSAKE_PLATFORM_URL")
	// errURL never quotes the URL, which holds a password.
	errURL = keepsake.Errorf(keepsake.CodeInvalid,
		"the database URL cannot be read: it must look like postgres://user:password@host:5432/database")
)

// configure sets what all sessions have in common. patience is how long connecting may take where the URL does not say.
func configure(config *pgx.ConnConfig, patience time.Duration) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
}

// applySettings sets what the session needs, unless a pooler answers: that gives the server's sessions to others
// between statements, and what was set would stay behind and change what the platform reads and writes. A pooler tells
// a process id of its own when the session begins.
func applySettings(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	var names, values []string
	for k, v := range settings {
		names, values = append(names, k), append(values, v)
	}
	const set = `
		select case when s.name = any($4::text[]) and current_setting(s.name, true) is null then ''
			else set_config(s.name, s.value, false) end
		from unnest($1::text[], $2::text[]) as s(name, value)
		where pg_backend_pid()::bigint = $3`
	done, err := conn.Exec(ctx, set, names, values, int64(conn.PgConn().PID()), newerSettings)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeUnavailable, "prepare a session on %s: %w", where(conn.Config()), err)
	}
	if done.RowsAffected() != int64(len(settings)) {
		return keepsake.Errorf(keepsake.CodeInvalid,
			"%s is a connection pooler, which keeps neither a session's settings nor its snapshot or locks: use the "+
				"database's direct address (Supabase: port 5432, not 6543)",
			where(conn.Config()))
	}
	return nil
}

// where names a database without its password.
func where(c *pgx.ConnConfig) string {
	return net.JoinHostPort(c.Host, itoa(int(c.Port))) + "/" + c.Database
}

// explainBytes says what it means that a name cannot be read: only a database of encoding SQL_ASCII takes bytes that
// are no text in any one encoding, and a recovery point's names are UTF-8.
func explainBytes(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.CharacterNotInRepertoire {
		return keepsake.Errorf(keepsake.CodeUnsupported,
			"the platform's database is of encoding SQL_ASCII and has a table, column, enum label or setting whose name or "+
				"value is not UTF-8: nothing can be backed up until it is changed: %w", err)
	}
	return err
}

// timedOut reports that something was waited for in vain: while connecting, in the secure connection's own greeting, or
// for an answer.
func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &late) &&
		late.Timeout()
}

// silent says that a database did not answer. What the driver says of it is for logs: it names steps of its own, and
// would have people look for faults there.
func silent(name string, after time.Duration, err error) error {
	seconds := strconv.FormatFloat(max(0.1, after.Round(100*time.Millisecond).Seconds()), 'f', -1, 64)
	return &keepsake.Error{
		Code:    keepsake.CodeUnavailable,
		Message: name + " did not answer within " + seconds + " s",
		Err:     errors.Join(err, context.DeadlineExceeded),
	}
}

// innermost is what went wrong, without the steps around it that the driver names.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if several, is := err.(interface{ Unwrap() []error }); is && len(several.Unwrap()) > 0 {
			next = several.Unwrap()[0]
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// brokeInTLS reports that a server was reached and no secure connection to it came about. The driver and
// crypto/tls have no type for all of that: what it was is known by how the words of one error in the chain
// begin. Names of hosts and roles, which may hold the same letters, begin none.
func brokeInTLS(err error) bool {
	if err == nil {
		return false
	}
	if words := err.Error(); strings.HasPrefix(words, "tls error: ") || strings.HasPrefix(words, "tls: ") {
		return true
	}
	if several, is := err.(interface{ Unwrap() []error }); is {
		return slices.ContainsFunc(several.Unwrap(), brokeInTLS)
	}
	return brokeInTLS(errors.Unwrap(err))
}

// explainConnect says why there is no session; name is what the database is called where it only does not answer.
func explainConnect(err error, c *pgx.ConnConfig, name string, after time.Duration) error {
	at := where(c)
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
			return keepsake.Errorf(keepsake.CodeInvalid, "%s refuses user %q: check user and password in the URL", at, c.User)
		case pgerrcode.InvalidCatalogName:
			return keepsake.Errorf(keepsake.CodeNotFound, "there is no database %q at %s: check the URL", c.Database, at)
		case pgerrcode.TooManyConnections:
			return keepsake.Errorf(keepsake.CodeUnavailable, "%s has no free connection: raise max_connections or try again", at)
		}
		return keepsake.Errorf(keepsake.CodeUnavailable, "%s refuses the connection: %s", at, pg.Message)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var dns *net.DNSError
	switch {
	case timedOut(err):
		return silent(name, after, err)
	case errors.As(err, &dns):
		return keepsake.Errorf(keepsake.CodeUnavailable, "the host %q cannot be found: check the URL and the network", c.Host)
	case brokeInTLS(err):
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"%s: the secure connection failed: check sslmode and certificates: %w", at, innermost(err))
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"%s cannot be reached: is the server running and the address right?", at)
}
