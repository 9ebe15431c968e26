// Package dbtest gives tests a console database of their own, with the two roles of a real one: its owner, and the role that the
// console works as, which owns nothing and which row-level security binds.
package dbtest

import (
	"net/url"
	"testing"

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

// URL returns the URL of a migrated console database, for the role that the console works as.
func URL(t testing.TB) keepsake.Secret {
	t.Helper()
	owner, server := Roles(t)
	if err := db.Prepare(t.Context(), owner, server); err != nil {
		t.Fatalf("prepare the console database: %v", err)
	}
	return server
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
