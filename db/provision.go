package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ProvisionInput names a console database and its two roles.
type ProvisionInput struct {
	Database                string
	Owner, Server           string
	OwnerPassword, Password keepsake.Secret
}

// Provision makes a console database, the role that owns it and the role that the console works as, over a connection
// that may do so, and returns the URLs for console.owner_url and console.url. All may be there already: passwords are
// set anew, and what the server's role owned, in a console that had only one, becomes the owner's. Both are bound by
// row-level security. admin must be a postgres:// URL.
func Provision(ctx context.Context, admin keepsake.Secret, in ProvisionInput) (owner, server keepsake.Secret,
	err error) {
	u, err := url.Parse(admin.Reveal())
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", "", keepsake.Errorf(keepsake.CodeInvalid, "the administrator's connection is not a postgres:// URL")
	}
	conn, err := pgx.Connect(ctx, admin.Reveal())
	if err != nil {
		return "", "", explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := provisionRole(ctx, conn, in.Owner, in.OwnerPassword); err != nil {
		return "", "", err
	}
	if err := provisionRole(ctx, conn, in.Server, in.Password); err != nil {
		return "", "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", in.Database).Scan(
		&there); err != nil {
		return "", "", fmt.Errorf("look for the console database: %w", err)
	}
	verb := "alter database %s owner to %s"
	if !there {
		verb = "create database %s owner %s"
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf(verb, pgx.Identifier{in.Database}.Sanitize(),
		pgx.Identifier{in.Owner}.Sanitize())); err != nil {
		return "", "", fmt.Errorf("create the console database: %w", err)
	}
	u.Path, u.RawPath = "/"+in.Database, ""
	if err := handOver(ctx, u.String(), in); err != nil {
		return "", "", err
	}
	u.User = url.UserPassword(in.Owner, in.OwnerPassword.Reveal())
	owner = keepsake.Secret(u.String())
	u.User = url.UserPassword(in.Server, in.Password.Reveal())
	return owner, keepsake.Secret(u.String()), nil
}

// handOver makes the owner the owner of everything, and keeps the server's role from making anything.
func handOver(ctx context.Context, admin string, in ProvisionInput) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	owner, server := pgx.Identifier{in.Owner}.Sanitize(), pgx.Identifier{in.Server}.Sanitize()
	for _, s := range []string{"reassign owned by " + server + " to " + owner, "alter schema public owner to " + owner,
		"revoke create on schema public from public"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("give the console database to its owner: %w", err)
		}
	}
	return nil
}

func provisionRole(ctx context.Context, conn *pgx.Conn, role string, password keepsake.Secret) error {
	var exists, super bool
	var literal string
	err := conn.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1),
		(select rolsuper from pg_roles where rolname = current_user), quote_literal($2::text)`, role, password.Reveal()).Scan(
		&exists, &super, &literal)
	if err != nil {
		return fmt.Errorf("look for the console's role: %w", err)
	}
	verb := "create"
	if exists {
		verb = "alter"
	}
	name := pgx.Identifier{role}.Sanitize()
	if _, err := conn.Exec(ctx, verb+" role "+name+
		" login nosuperuser nobypassrls nocreaterole nocreatedb noreplication password "+literal); err != nil {
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
