package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// maintenance are the databases from which another one can be created or dropped, the usual one first.
var maintenance = []string{"postgres", "template1"}

// connectElsewhere opens a session on another database of the same server.
func (t *Target) connectElsewhere(ctx context.Context) (*pgx.Conn, error) {
	var last error
	for _, name := range maintenance {
		if name == t.Name {
			continue
		}
		elsewhere, err := address.WithDatabase(t.options.URL, name)
		if err != nil {
			return nil, err
		}
		conn, err := platform.ConnectWith(ctx, elsewhere, t.options.settings())
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, keepsake.Errorf(keepsake.CodeOf(last),
		"database %q is to be created, but no other database of the server can be opened to do it from: make it by hand: %w",
		t.Name, last)
}

// create makes the database and connects to it.
func (t *Target) create(ctx context.Context) ([]keepsake.Exception, error) {
	lost, err := t.createStatement(ctx)
	switch state(err) {
	case pgerrcode.DuplicateDatabase: // another run was faster; the lock decides between the two
		err = nil
	case pgerrcode.InsufficientPrivilege:
		return nil, keepsake.Errorf(keepsake.CodeForbidden,
			"the role may not create database %q: give it CREATEDB or make the database by hand", t.Name)
	}
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "database %q could not be created: %w", t.Name, err)
	}
	t.created = err == nil
	return lost, t.reconnect(ctx)
}

// reconnect replaces the session by one on the target database itself.
func (t *Target) reconnect(ctx context.Context) error {
	conn, err := platform.ConnectWith(ctx, t.options.URL, t.options.settings())
	if err != nil {
		return err
	}
	t.Close(ctx)
	t.conn, t.absent = conn, false
	return nil
}

// recreate drops the database with everything that still hangs on it, and makes it again.
func (t *Target) recreate(ctx context.Context) error {
	elsewhere, err := t.connectElsewhere(ctx)
	if err != nil {
		return err
	}
	// ends our own session too
	_, err = elsewhere.Exec(ctx, "drop database "+pgx.Identifier{t.Name}.Sanitize()+" with (force)")
	if err != nil {
		_ = elsewhere.Close(context.WithoutCancel(ctx))
		return fmt.Errorf("drop the unfinished database: %w", err)
	}
	t.Close(ctx)
	t.conn, t.off = elsewhere, nil
	if _, err := t.create(ctx); err != nil {
		return err
	}
	return t.lock(ctx)
}

// listSettings are those whose value is a list that must not be quoted as one string (GUC_LIST_QUOTE in guc_tables.c).
var listSettings = []string{"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries",
	"shared_preload_libraries", "unix_socket_directories"}

// settingSQL is the part after SET of a setting that the catalog has as name=value.
func settingSQL(setting string) (name, sql string) {
	name, value, _ := strings.Cut(setting, "=")
	if !slices.Contains(listSettings, strings.ToLower(name)) {
		value = quote(value)
	} else if value == "" {
		value = "''"
	}
	return name, pgx.Identifier(strings.Split(name, ".")).Sanitize() + " TO " + value
}

// ApplySettings repeats the source's ALTER DATABASE … SET. It returns what the target refuses.
func (t *Target) ApplySettings(ctx context.Context) []keepsake.Exception {
	var lost []keepsake.Exception
	for _, s := range t.options.Source.Settings {
		key, value := settingSQL(s)
		q := "ALTER DATABASE " + pgx.Identifier{t.Name}.Sanitize() + " SET " + value
		if err := t.Run(ctx, q); err != nil {
			lost = append(lost, Failure{Kind: "database setting", Object: key, SQL: q, Err: err}.Exception())
		}
	}
	return lost
}
