package console

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SealTarget checks the address of a server that a person typed, and seals it, so that it can go to a browser and
// come back. It sends nothing to the server, and looks up nothing but its name.
func (c *Console) SealTarget(ctx context.Context, actor keepsake.Actor, typed keepsake.Secret) (string, error) {
	server, err := c.typedTarget(ctx, actor, typed)
	if err != nil {
		return "", c.recordRefused(ctx, actor, audit.RestoreTarget, "", hostOf(server), err)
	}
	sealed, err := c.platforms[0].Engine.SealTarget(ctx, server.Typed())
	if err != nil {
		return "", c.recordRefused(ctx, actor, audit.RestoreTarget, "", hostOf(server), err)
	}
	return sealed, c.recordDone(ctx, actor, audit.RestoreTarget, "", hostOf(server))
}

// typedTarget judges the actor before what they typed, so that nobody learns what names resolve to without a proof of
// identity. Where the address was read and may not be used, it returns the server with the refusal.
func (c *Console) typedTarget(
	ctx context.Context, actor keepsake.Actor, typed keepsake.Secret,
) (address.Server, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return address.Server{}, err
	}
	if err := c.mustBeProven(actor); err != nil {
		return address.Server{}, err
	}
	server, err := address.Read(typed)
	if err == nil {
		_, err = c.typed.Check(ctx, server)
	}
	return server, err
}

// hostOf is what the trail keeps of a typed address.
func hostOf(s address.Server) map[string]any {
	if s.Host == "" {
		return nil
	}
	return map[string]any{"host": s.Host}
}

// targetOf returns a configured server, or the one at a sealed address. It is read and checked again, because the name
// may lead elsewhere by now and the configuration may have changed; from here on it leads where it led now.
func (c *Console) targetOf(ctx context.Context, p *platform, name, sealed string) (Target, error) {
	if sealed == "" {
		return p.target(name)
	}
	typed, err := c.platforms[0].Engine.OpenTarget(ctx, sealed)
	if err != nil {
		return Target{}, err
	}
	server, err := address.Read(typed)
	if err != nil {
		return Target{}, err
	}
	if server, err = c.typed.Check(ctx, server); err != nil {
		return Target{}, err
	}
	return Target{Name: server.Name(), URL: server.Checked(server.Database)}, nil
}

// databaseURL returns the connection string of a database on the target's server.
func (t Target) databaseURL(database string) (keepsake.Secret, error) {
	if _, err := address.Config(t.URL); err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid,
			"The connection URL of the server %q cannot be read; write it as postgres://role:password@host:port/database",
			t.Name)
	}
	return address.WithDatabase(t.URL, database)
}

// unreachable says what to do about a server that could not be used. For a typed address it tells only one case
// apart, a PostgreSQL server that refuses the role, so that nobody finds out what listens where.
func (t Target) unreachable(err error) error {
	check := "Check that it runs and that its address and password in the configuration are right."
	var pg *pgconn.PgError
	switch {
	case !address.IsChecked(t.URL):
	case errors.As(err, &pg) && (pg.Code == pgerrcode.InvalidPassword ||
		pg.Code == pgerrcode.InvalidAuthorizationSpecification):
		check = "It refuses the role or the password that you typed."
	default:
		check = "Check that a PostgreSQL server runs there and that the address is as you wanted to type it."
	}
	text := strings.TrimSpace(fmt.Sprintf("The server %q cannot be reached for the restore. Nothing was started. %s",
		t.Name, check))
	return &keepsake.Error{Code: keepsake.CodeUnavailable, Err: err, Message: text}
}
