// Package dbtest gives tests a console database of their own, with the two roles of a real one: its owner, and the role that the
// console works as, which owns nothing and which row-level security binds.
package dbtest

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

const password = "a password of the test's"

// Roles returns the URLs of a database without any tables: for the role that owns it and for the one that the console works as.
func Roles(t testing.TB) (owner, server keepsake.Secret) {
	t.Helper()
	admin := testenv.DB(t)
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	database := u.Path[1:]
	owner, server, err = db.Provision(t.Context(), keepsake.Secret(admin), db.ProvisionInput{Database: database, Owner: ownerOf(database), OwnerPassword: password,
		Server: "keepsake_" + database, Password: password})
	if err != nil {
		t.Fatalf("make the console's roles: %v", err)
	}
	return owner, server
}

func ownerOf(database string) string { return "keepsake_owner_" + database }

// Empty returns the URL of a database without any tables, for the role that owns it: a console with only one role.
func Empty(t testing.TB) keepsake.Secret {
	t.Helper()
	owner, _ := Roles(t)
	return owner
}

// URL returns the URL of a migrated console database, for the role that the console works as. The test fails when anything that must be
// on record was done past it.
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

// ofAnotherClock is what a test's own clock, which runs ahead of the database's, looks like to it. Of a session only when it was used is looked at: from
// where may change with it.
func ofAnotherClock(past string) bool {
	return past == `sign_in_throttles {"did": "update", "columns": ["failures", "last_failure_at"]}` || strings.HasPrefix(past, `sessions {"did": "update", `) &&
		(strings.HasSuffix(past, `"columns": ["last_seen_at"]}`) || strings.HasSuffix(past, `"columns": ["last_address", "last_seen_at"]}`))
}

// Tables is URL for tests that write into tables themselves.
func Tables(t testing.TB) keepsake.Secret {
	t.Helper()
	owner, server := Roles(t)
	if err := db.Prepare(t.Context(), owner, server, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("prepare the console database: %v", err)
	}
	return server
}

// Past returns what the database put on record itself, because nobody else did: the table and what happened to it. It works in a cleanup too.
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
		rows, _ := tx.PG.Query(ctx, "select target || ' ' || detail from audit_log where action = 'database.write' order by id")
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
	u.User = url.UserPassword(ownerOf(u.Path[1:]), password)
	return keepsake.Secret(u.String())
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
