package platform

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// databaseQuery reads what PostgreSQL knows of the current database beside what is in it. The row is read as JSON,
// because its columns differ by version: ICU's locale has two names, the provider came with 15, its rules with 16.
const databaseQuery = `
	select coalesce(j->>'datlocprovider', 'c'), coalesce(j->>'datlocale', j->>'daticulocale', ''),
		coalesce(j->>'daticurules', ''), coalesce(j->>'datcollversion', ''), pg_get_userbyid(d.datdba), d.datacl is not null,
		coalesce(d.datacl::text, ''), coalesce(shobj_description(d.oid, 'pg_database'), ''), d.datconnlimit, d.datistemplate,
		s.spcname, not exists (select from pg_namespace where nspname = 'public')
	from pg_database d, to_jsonb(d) j, pg_tablespace s
	where d.datname = current_database() and s.oid = d.dattablespace`

// providers are the words for pg_database.datlocprovider, as CREATE DATABASE takes them.
var providers = map[string]string{"c": "libc", "i": "icu", "b": "builtin"}

// ReadDatabase reads what PostgreSQL knows of the session's database beside what is in it.
func ReadDatabase(ctx context.Context, conn *pgx.Conn) (*repository.Database, error) {
	d := &repository.Database{}
	var provider string
	var granted bool
	if err := conn.QueryRow(ctx, databaseQuery).Scan(&provider, &d.Locale, &d.Rules, &d.CollationVersion, &d.Owner,
		&granted, &d.ACL, &d.Comment, &d.ConnectionLimit, &d.Template, &d.Tablespace, &d.NoPublic); err != nil {
		return nil, err
	}
	d.Provider = providers[provider]
	if granted && d.ACL == "" {
		d.ACL = "{}"
	}
	rows, err := conn.Query(ctx, `select r.rolname, s.setconfig from pg_db_role_setting s
		join pg_roles r on r.oid = s.setrole
		where s.setdatabase = (select oid from pg_database where datname = current_database()) order by 1`)
	if err != nil {
		return nil, err
	}
	var role string
	var settings []string
	if _, err = pgx.ForEachRow(rows, []any{&role, &settings}, func() error {
		d.RoleSettings = append(d.RoleSettings, repository.RoleSettings{Role: role, Settings: slices.Clone(settings)})
		return nil
	}); err != nil {
		return nil, err
	}
	// What this session has set for itself shows as it was before.
	rows, err = conn.Query(ctx, `select name || '=' || reset_val from pg_settings
		where lower(name) = any($1) or name in ('default_text_search_config', 'lc_time', 'lc_numeric', 'xmlbinary')
		order by 1`, ComputingSettings)
	if err != nil {
		return nil, err
	}
	d.Computing, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return d, err
}
