// Package dbtest gives tests a migrated console database of their own, owned by a role that row-level security binds.
package dbtest

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// Empty returns the URL of a database without any tables, for the role that owns it.
func Empty(t testing.TB) keepsake.Secret {
	t.Helper()
	admin := testenv.DB(t)
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	database := u.Path[1:]
	owned, err := db.Provision(t.Context(), keepsake.Secret(admin), database, "keepsake_"+database, "a password of the test's")
	if err != nil {
		t.Fatalf("make the console's role: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "alter database "+pgx.Identifier{database}.Sanitize()+" owner to "+pgx.Identifier{"keepsake_" + database}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	return owned
}

// URL returns the URL of a migrated console database.
func URL(t testing.TB) keepsake.Secret {
	t.Helper()
	url := Empty(t)
	if err := db.Migrate(t.Context(), url); err != nil {
		t.Fatalf("migrate the console database: %v", err)
	}
	return url
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
