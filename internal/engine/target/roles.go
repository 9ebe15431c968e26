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

// Extensions returns those that the database has.
func (t *Target) Extensions(ctx context.Context) ([]string, error) {
	rows, err := t.conn.Query(ctx, "select extname from pg_extension")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Roles says which of the wanted roles the target lacks, and which are there but cannot be given ownership by the
// connecting role.
func (t *Target) Roles(ctx context.Context, wanted []string) (missing, foreign []string, err error) {
	rows, err := t.conn.Query(ctx, `select rolname, pg_has_role(current_user, oid, case when $2 then 'set' else 'member' end)
		from pg_roles where rolname = any($1)`, wanted, t.Num >= 160000)
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

// SeesEverything reports whether row-level security can never hide rows from the connecting role.
func (t *Target) SeesEverything(ctx context.Context) (bool, error) {
	var sees bool
	err := t.conn.QueryRow(ctx, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&sees)
	return sees, err
}

// Try runs statements one by one. One that names a role which is missing, or needs rights that the connecting role lacks, is
// returned as not carried; one whose object is there already is left out; any other failure is an error.
func (t *Target) Try(ctx context.Context, kind string, statements []string) ([]keepsake.NotCarried, error) {
	var lost []keepsake.NotCarried
	for _, q := range statements {
		_, err := t.conn.PgConn().Exec(ctx, q).ReadAll()
		if grantor, ok := strings.CutPrefix(q, "SET SESSION AUTHORIZATION "); ok && (state(err) == stateInvalidParameter || state(err) == statePrivilege) {
			lost = append(lost, keepsake.NotCarried{Kind: "grantor", Name: grantor,
				Reason: reason(err) + ": the rights that it gave to others are given by the connecting role"})
			continue
		}
		switch state(err) {
		case stateUndefinedObject, statePrivilege, stateInvalidGrant:
			if !strings.HasPrefix(q, "REVOKE") && !strings.HasPrefix(q, "RESET") { // what nobody was granted need not be revoked
				lost = append(lost, keepsake.NotCarried{Kind: kind, Name: strings.Join(strings.Fields(q), " "), Reason: reason(err)})
			}
		case stateDuplicateObject:
		default:
			if err != nil {
				return lost, err
			}
		}
	}
	return lost, nil
}

// reason is what the server said, without the statement.
func reason(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message
	}
	return keepsake.MessageOf(err)
}
