package target

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Functions behind rules, indexes, generated columns and materialized views may name others that only a search path
// finds: the database's, or that of the role that works with them. pg_restore has none.

// searchPaths are the search paths under which the platform's sessions found things, the database's own first.
func (o Options) searchPaths() []string {
	own := `"$user", public`
	for _, setting := range o.Source.Settings {
		if value, ok := strings.CutPrefix(setting, "search_path="); ok {
			own = value
		}
	}
	paths := []string{own}
	for _, p := range o.SearchPaths {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// unfound reports whether the server may have looked for something under the wrong search path: a name that it does not
// know, or a function that ended with an error.
func unfound(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (slices.Contains(notFound, pg.Code) || strings.Contains(pg.Where, "function "))
}

// notFound are the SQLSTATEs of names that nothing has.
var notFound = []string{pgerrcode.UndefinedFunction, pgerrcode.UndefinedTable, pgerrcode.UndefinedObject,
	pgerrcode.UndefinedColumn, pgerrcode.InvalidSchemaName}

const setPath = "select pg_catalog.set_config('search_path', $1, false)"

// find runs a statement of a recovery point, again under each of the platform's search paths while something that it
// needs is not found. The error is the first.
func (t *Target) find(ctx context.Context, statement string) error {
	err := t.Run(ctx, statement)
	if !unfound(err) || AboutServer(ctx, err) {
		return err
	}
	defer func() { _, _ = t.conn.Exec(ctx, setPath, t.options.settings()["search_path"]) }()
	for _, path := range t.options.searchPaths() {
		if _, failed := t.conn.Exec(ctx, setPath, path); failed != nil {
			return failed
		}
		if again := t.Run(ctx, statement); again == nil || AboutServer(ctx, again) {
			return again
		}
	}
	return err
}

// Find calls do, which the session of the loader has done under the database's search path, again under the others
// while something that it needs is not found. The error is the first.
func (l *Loader) Find(ctx context.Context, do func() error) error {
	err := do()
	if !unfound(err) || AboutServer(ctx, err) {
		return err
	}
	defer func() { _, _ = l.conn.Exec(ctx, setPath, l.path) }()
	for _, path := range l.options.searchPaths() {
		if path == l.path {
			continue
		}
		if _, failed := l.conn.Exec(ctx, setPath, path); failed != nil {
			return failed
		}
		if again := do(); again == nil || AboutServer(ctx, again) {
			return again
		}
	}
	return err
}
