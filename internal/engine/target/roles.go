package target

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// MissingExtensions returns those that the target's server cannot install.
func (t *Target) MissingExtensions(ctx context.Context, wanted []repository.Extension) ([]string, error) {
	rows, err := t.Conn.Query(ctx, "select name from pg_available_extensions union select extname from pg_extension")
	if err != nil {
		return nil, err
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, e := range wanted {
		if !slices.Contains(have, e.Name) {
			missing = append(missing, e.Name)
		}
	}
	return missing, nil
}

// Roles says which of the wanted roles the target lacks, and which are there but cannot be given ownership by the
// connecting role.
func (t *Target) Roles(ctx context.Context, wanted []string) (missing, foreign []string, err error) {
	rows, err := t.Conn.Query(ctx, "select rolname, pg_has_role(current_user, oid, 'member') from pg_roles where rolname = any($1)", wanted)
	if err != nil {
		return nil, nil, err
	}
	have := map[string]bool{}
	var name string
	var member bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &member}, func() error { have[name] = member; return nil }); err != nil {
		return nil, nil, err
	}
	for _, w := range wanted {
		member, there := have[w]
		switch {
		case !there:
			missing = append(missing, w)
		case !member:
			foreign = append(foreign, w)
		}
	}
	return missing, foreign, nil
}

// Try runs statements one by one. One that names a missing role, or breaks a foreign key because the other table's rows
// were not restored, is returned as not carried; any other failure is an error.
func (t *Target) Try(ctx context.Context, kind string, statements []string) ([]keepsake.NotCarried, error) {
	var left []keepsake.NotCarried
	for _, q := range statements {
		_, err := t.Conn.Exec(ctx, q)
		if err == nil {
			continue
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != stateUndefinedObject && pg.Code != stateForeignKey && pg.Code != statePrivilege {
			return left, err
		}
		left = append(left, keepsake.NotCarried{Kind: kind, Name: strings.Join(strings.Fields(q), " "), Reason: pg.Message})
	}
	return left, nil
}
