package target

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// MissingExtensions returns those of the given extensions that the target's server cannot install.
func (t *Target) MissingExtensions(ctx context.Context, wanted []repository.Extension) ([]string, error) {
	rows, err := t.conn.Query(ctx, "select name from pg_available_extensions union select extname from pg_extension")
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

// MissingRoles returns those of the given roles that the target's server lacks.
func (t *Target) MissingRoles(ctx context.Context, wanted []string) ([]string, error) {
	rows, err := t.conn.Query(ctx, `select n from unnest($1::text[]) n
		where not exists (select from pg_roles where rolname = n) group by 1 order by 1`, wanted)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Extensions returns the extensions that the database has, each with its version.
func (t *Target) Extensions(ctx context.Context) (map[string]string, error) {
	rows, err := t.conn.Query(ctx, "select extname, extversion from pg_extension")
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	var name, version string
	_, err = pgx.ForEachRow(rows, []any{&name, &version}, func() error { versions[name] = version; return nil })
	return versions, err
}

// Superuser reports whether the connecting role is a superuser.
func (t *Target) Superuser(ctx context.Context) (super bool, err error) {
	err = t.conn.QueryRow(ctx, "select rolsuper from pg_roles where rolname = current_user").Scan(&super)
	return super, err
}

// SuperuserSettings returns the names of those settings, given as name=value, that only a superuser may set for a
// database.
func (t *Target) SuperuserSettings(ctx context.Context, settings []string) ([]string, error) {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i], _, _ = strings.Cut(s, "=")
	}
	// PostgreSQL hides some of them from everybody else.
	rows, err := t.conn.Query(ctx, `select n from unnest($1::text[]) n left join pg_settings s on s.name = n
		where s.context in ('superuser', 'superuser-backend') or s.name is null and n !~ '[.]' order by 1`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// SeesEverything reports whether row-level security can never hide rows from the connecting role.
func (t *Target) SeesEverything(ctx context.Context) (bool, error) {
	var sees bool
	err := t.conn.QueryRow(ctx, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&sees)
	return sees, err
}
