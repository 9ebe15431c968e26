package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Provision makes a console database and the role that owns it, over a connection that may do so, and returns the URL for
// console.url. Both may be there already; the role's password is set anew. The role is bound by row-level security. admin
// must be a postgres:// URL.
func Provision(ctx context.Context, admin keepsake.Secret, database, role string, password keepsake.Secret) (keepsake.Secret, error) {
	u, err := url.Parse(admin.Reveal())
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "the administrator's connection is not a postgres:// URL")
	}
	conn, err := pgx.Connect(ctx, admin.Reveal())
	if err != nil {
		return "", explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := provisionRole(ctx, conn, role, password); err != nil {
		return "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", database).Scan(&there); err != nil {
		return "", fmt.Errorf("look for the console database: %w", err)
	}
	if !there {
		_, err := conn.Exec(ctx, "create database "+pgx.Identifier{database}.Sanitize()+" owner "+pgx.Identifier{role}.Sanitize())
		if err != nil {
			return "", fmt.Errorf("create the console database: %w", err)
		}
	}
	u.User = url.UserPassword(role, password.Reveal())
	u.Path, u.RawPath = "/"+database, ""
	return keepsake.Secret(u.String()), nil
}

func provisionRole(ctx context.Context, conn *pgx.Conn, role string, password keepsake.Secret) error {
	var exists, super bool
	var literal string
	err := conn.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1),
		(select rolsuper from pg_roles where rolname = current_user), quote_literal($2::text)`, role, password.Reveal()).Scan(&exists, &super, &literal)
	if err != nil {
		return fmt.Errorf("look for the console's role: %w", err)
	}
	verb := "create"
	if exists {
		verb = "alter"
	}
	name := pgx.Identifier{role}.Sanitize()
	if _, err := conn.Exec(ctx, verb+" role "+name+" login nosuperuser nobypassrls password "+literal); err != nil {
		return errors.New("the console's role could not be made: " + keepsake.MessageOf(err))
	}
	if super {
		return nil
	}
	// Only a member of the owning role may give it a database.
	if _, err := conn.Exec(ctx, "grant "+name+" to current_user"); err != nil {
		return fmt.Errorf("join the console's role: %w", err)
	}
	return nil
}
