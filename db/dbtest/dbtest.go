// Package dbtest gives tests a console database of their own, with the two roles of a real one: its owner, and the role
// that the console works as, which owns nothing and which row-level security binds.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

const password = "a password of the test's"

// Roles returns the URLs of a database without any tables and with roles of its own: for the role that owns it and for
// the one that the console works as.
func Roles(t testing.TB) (owner, server keepsake.Secret) {
	t.Helper()
	admin := testenv.DB(t)
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	database := u.Path[1:]
	owner, server, err = db.Provision(t.Context(), keepsake.Secret(admin),
		db.ProvisionInput{
			Database:      database,
			Owner:         ownerOf("keepsake_" + database),
			OwnerPassword: password,
			Server:        "keepsake_" + database,
			Password:      password,
		})
	if err != nil {
		t.Fatalf("make the console's roles: %v", err)
	}
	return owner, server
}

func ownerOf(server string) string { return "owner_of_" + server }

// Empty returns the URL of a database without any tables, for the role that owns it: a console with only one role.
func Empty(t testing.TB) keepsake.Secret {
	t.Helper()
	owner, _ := Roles(t)
	return owner
}

// URL returns the URL of a migrated console database, for the role that the console works as. The test fails when
// anything that must be on record was done past it.
func URL(t testing.TB) keepsake.Secret {
	t.Helper()
	server := Tables(t)
	t.Cleanup(func() {
		past := slices.DeleteFunc(Past(t, server), ofAnotherClock)
		if len(past) > 0 {
			t.Errorf("the database had to put on record itself: %q", past)
		}
	})
	return server
}

// ofAnotherClock is what a test's own clock, which runs ahead of the database's, looks like to it. Of a session only
// when it was used is looked at: from where may change with it.
func ofAnotherClock(past string) bool {
	return past == `sign_in_throttles {"did": "update", "columns": ["failures", "last_failure_at"]}` ||
		strings.HasPrefix(past, `sessions {"did": "update", `) &&
			(strings.HasSuffix(past, `"columns": ["last_seen_at"]}`) ||
				strings.HasSuffix(past, `"columns": ["last_address", "last_seen_at"]}`))
}

// Tables is URL for tests that write into tables themselves.
func Tables(t testing.TB) keepsake.Secret {
	t.Helper()
	_, server := Prepared(t)
	return server
}

// The database that Prepared copies, and the role that works in it and in every copy.
const (
	original    = "console_original"
	workingRole = "keepsake_console"
)

var (
	makingOriginal sync.Once
	errOriginal    = errors.New("the console database that tests copy was not made")
)

// Prepared returns the URLs of a migrated console database: for the role that owns it and for the one that the console
// works as. It is a copy of one that is migrated once in a test binary, with an audit trail of its own. The two roles
// are those of every copy: a test that changes a role uses Roles.
func Prepared(t testing.TB) (owner, server keepsake.Secret) {
	t.Helper()
	makingOriginal.Do(func() { errOriginal = makeOriginal(t) })
	if errOriginal != nil {
		t.Fatal(errOriginal)
	}
	admin := testenv.Copy(t, original)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatalf("connect to the copy: %v", err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	database := pgx.Identifier{conn.Config().Database}.Sanitize()
	for _, sql := range []string{
		"alter database " + database + " owner to " + pgx.Identifier{ownerOf(workingRole)}.Sanitize(),
		// A trail is known by its name: no two databases have the same.
		"set session_replication_role = replica",
		`update audit_head set trail = own.trail, hash = sha256(convert_to('keepsake audit v1 ' || own.trail, 'UTF8'))
			from gen_random_uuid() own (trail)`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("make the copy a console database of its own: %v", err)
		}
	}
	server = as(t, admin, workingRole)
	return Owner(t, server), server
}

// makeOriginal sets a console database up and shuts it, so that nobody is connected when it is copied.
func makeOriginal(t testing.TB) error {
	ctx := context.WithoutCancel(t.Context())
	admin := testenv.Original(t, original)
	owner, server, err := db.Provision(ctx, keepsake.Secret(admin), db.ProvisionInput{
		Database:      original,
		Owner:         ownerOf(workingRole),
		OwnerPassword: password,
		Server:        workingRole,
		Password:      password,
	})
	if err != nil {
		return fmt.Errorf("make the console's roles: %w", err)
	}
	if err := db.Prepare(ctx, owner, server, slog.New(slog.DiscardHandler)); err != nil {
		return fmt.Errorf("prepare the console database: %w", err)
	}
	conn, err := pgx.Connect(ctx, testenv.DB(t))
	if err != nil {
		return fmt.Errorf("connect to shut the database to copy: %w", err)
	}
	defer conn.Close(ctx)
	verifier, err := testenv.ScramVerifier(password)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"alter database " + original + " allow_connections false",
		"alter role " + pgx.Identifier{workingRole}.Sanitize() + " password '" + verifier + "'",
		"alter role " + pgx.Identifier{ownerOf(workingRole)}.Sanitize() + " password '" + verifier + "'",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("shut the database to copy: %w", err)
		}
	}
	return nil
}

// as returns the URL of the same database for another role.
func as(t testing.TB, database, role string) keepsake.Secret {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return keepsake.Secret(u.String())
}

// Past returns what the database put on record itself, because nobody else did: the table and what happened to it. It
// works in a cleanup too.
func Past(t testing.TB, server keepsake.Secret) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	d, err := db.Open(ctx, server)
	if err != nil {
		t.Fatalf("open the console database: %v", err)
	}
	defer d.Close()
	var past []string
	err = d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
		rows,
			_ := tx.PG.Query(ctx, "select target || ' ' || detail from audit_log where action = 'database.write' order by id")
		past, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatalf("read what the database put on record: %v", err)
	}
	return past
}

// Owner returns the URL of the same database for the role that owns it: what an administrator of the database could do.
func Owner(t testing.TB, server keepsake.Secret) keepsake.Secret {
	t.Helper()
	u, err := url.Parse(server.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return as(t, server.Reveal(), ownerOf(u.User.Username()))
}

// Open opens the database and closes it when the test ends.
func Open(t testing.TB, url keepsake.Secret) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("open the console database: %v", err)
	}
	t.Cleanup(d.Close)
	return d
}
