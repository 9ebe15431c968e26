package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// locale is what decides how a database sorts and classifies text.
type locale struct{ provider, locale, rules, collate, ctype string }

// localeOf is that of a recovery point. One of before knows of libc only.
func localeOf(s repository.Source) locale {
	l := locale{provider: "libc", collate: s.Collate, ctype: s.CType}
	if p := s.Properties; p != nil {
		l.provider, l.locale, l.rules = p.Provider, p.Locale, p.Rules
	}
	return l
}

// spelled brings the ways to write one of libc's locales into one: en_US.UTF-8 is en_US.utf8.
func spelled(name string) string {
	name = strings.ToLower(name)
	if name == "posix" {
		return "c"
	}
	place, encoding, _ := strings.Cut(name, ".")
	return place + "." + strings.ReplaceAll(encoding, "-", "")
}

func (l locale) same(o locale) bool {
	return l.provider == o.provider && l.locale == o.locale && l.rules == o.rules &&
		spelled(l.collate) == spelled(o.collate) && spelled(l.ctype) == spelled(o.ctype)
}

// words names the locale as CREATE DATABASE takes it.
func (l locale) words() string {
	words := fmt.Sprintf("lc_collate %s, lc_ctype %s", quote(l.collate), quote(l.ctype))
	if l.locale != "" {
		words = fmt.Sprintf("%s locale %s, %s", l.provider, quote(l.locale), words)
	}
	if l.rules != "" {
		words += ", icu_rules"
	}
	return words
}

// clause is the part of CREATE DATABASE for a server of version num. The provider is said even where it is the usual
// one, because a server can be set up with another.
func (l locale) clause(num int) string {
	var b strings.Builder
	if num >= 150000 {
		b.WriteString(" locale_provider " + l.provider)
	}
	switch l.provider {
	case "icu":
		b.WriteString(" icu_locale " + quote(l.locale))
		if l.rules != "" {
			b.WriteString(" icu_rules " + quote(l.rules))
		}
	case "builtin":
		b.WriteString(" builtin_locale " + quote(l.locale))
	}
	b.WriteString(" lc_collate " + quote(l.collate) + " lc_ctype " + quote(l.ctype))
	return b.String()
}

// compareLocale refuses a database that sorts text in another way, and names what a hosting service decides.
func (t *Target) compareLocale(ctx context.Context) error {
	own, err := platform.ReadDatabase(ctx, t.conn)
	if err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	s := repository.Source{Properties: own}
	if err := t.conn.QueryRow(ctx, "select datcollate, datctype from pg_database where datname = current_database()").
		Scan(&s.Collate, &s.CType); err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	was, is := localeOf(t.options.Source), localeOf(s)
	switch {
	case was.same(is):
	case len(t.Managed) > 0:
		t.differs("locale", fmt.Sprintf("the platform's is %s, that of the hosting service's database %s: text may sort in "+
			"another order", was.words(), is.words()))
	default:
		return keepsake.Errorf(keepsake.CodeInvalid,
			"the target database has %s, the recovery point %s: text would sort in another order, and what partitions, "+
				"indexes and queries depend on would change; use a database with the same (--create makes one)",
			is.words(), was.words())
	}
	return nil
}

func (t *Target) differs(kind, reason string) {
	t.Named = append(t.Named, keepsake.NotCarried{Kind: kind, Name: "database " + t.Name, Reason: reason})
}

// createStatement makes the database with the source's encoding, locale and tablespace, or with the server's own where
// it lacks them. It returns what was lost.
func (t *Target) createStatement(ctx context.Context) (lost []keepsake.Exception, err error) {
	s := t.options.Source
	statement := "create database " + pgx.Identifier{t.Name}.Sanitize() + " template template0 encoding " +
		quote(s.Encoding)
	as, where := localeOf(s), ""
	if p := s.Properties; p != nil && p.Tablespace != "pg_default" {
		where = " tablespace " + pgx.Identifier{p.Tablespace}.Sanitize()
	}
	_, err = t.conn.Exec(ctx, statement+as.clause(t.Num)+where)
	if err != nil && where != "" {
		refused := err
		if _, err = t.conn.Exec(ctx, statement+as.clause(t.Num)); err == nil {
			lost = append(lost, Failure{Kind: "tablespace", Object: s.Properties.Tablespace, Err: refused}.Exception())
		}
	}
	// The server's system may lack the locale, or the server was built without ICU.
	switch state(err) {
	case pgerrcode.WrongObjectType, pgerrcode.InvalidParameterValue, pgerrcode.FeatureNotSupported:
		refused := err
		if _, err = t.conn.Exec(ctx, statement); err == nil {
			lost = append(lost, Failure{Kind: "locale", Object: as.words(), Err: refused}.Exception())
		}
	}
	return lost, err
}

// compareVersion names collations that are of another version than the platform's: what is the same locale may sort
// otherwise.
func (t *Target) compareVersion(ctx context.Context) error {
	p := t.options.Source.Properties
	if p == nil || p.CollationVersion == "" {
		return nil
	}
	own, err := platform.ReadDatabase(ctx, t.conn)
	if err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	if own.CollationVersion != "" && own.CollationVersion != p.CollationVersion {
		t.differs("collation version", fmt.Sprintf("the platform's collations are of version %s, the target's of %s: text "+
			"may sort in another order there. Every index was built on the target and is sound", p.CollationVersion,
			own.CollationVersion))
	}
	return nil
}

// ApplyDatabase gives the database the settings, rights and whatever else the source's has beside what is in it. It
// returns what the target refuses.
func (t *Target) ApplyDatabase(ctx context.Context) ([]keepsake.Exception, error) {
	lost := t.ApplySettings(ctx)
	p := t.options.Source.Properties
	if p == nil {
		return lost, nil
	}
	own, err := platform.ReadDatabase(ctx, t.conn)
	if err != nil {
		return lost, fmt.Errorf("look at the target: %w", err)
	}
	name := pgx.Identifier{t.Name}.Sanitize()
	run := func(kind, object string, statements ...string) {
		for _, q := range statements {
			if err := t.Run(ctx, q); err != nil {
				lost = append(lost, Failure{Kind: kind, Object: object, SQL: q, Err: err}.Exception())
			}
		}
	}
	for _, r := range p.RoleSettings {
		for _, s := range r.Settings {
			key, value := settingSQL(s)
			run("role setting", r.Role+" "+key, fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET %s",
				pgx.Identifier{r.Role}.Sanitize(), name, value))
		}
	}
	if len(t.Managed) > 0 {
		if own.Owner != p.Owner || own.ACL != p.ACL || own.Comment != p.Comment || own.ConnectionLimit != p.ConnectionLimit {
			t.differs("owner, rights, comment and connection limit", "the hosting service decides them; they were left as "+
				"they are")
		}
		return lost, nil
	}
	object := "database " + t.Name
	if own.Comment != p.Comment {
		comment := "NULL"
		if p.Comment != "" {
			comment = quote(p.Comment)
		}
		run("comment", object, "COMMENT ON DATABASE "+name+" IS "+comment)
	}
	if own.Template != p.Template {
		run("database property", object, fmt.Sprintf("ALTER DATABASE %s IS_TEMPLATE %t", name, p.Template))
	}
	if own.ConnectionLimit != p.ConnectionLimit {
		run("database property", object, fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT %d", name, p.ConnectionLimit))
	}
	if !t.created && own.Tablespace != p.Tablespace {
		t.differs("tablespace", "it was there before, in "+own.Tablespace+"; the platform's was in "+p.Tablespace)
	}
	if p.NoPublic {
		run("schema", "public", "DROP SCHEMA IF EXISTS public RESTRICT")
	}
	if own.Owner != p.Owner {
		run("owner", object, "ALTER DATABASE "+name+" OWNER TO "+pgx.Identifier{p.Owner}.Sanitize())
	}
	if own, err = platform.ReadDatabase(ctx, t.conn); err != nil {
		return lost, fmt.Errorf("look at the target: %w", err)
	}
	if own.ACL != p.ACL {
		run("grant", object, databaseGrants(name, own, p)...)
	}
	return lost, nil
}

// databaseRights are the letters of a database's rights in an ACL.
var databaseRights = []struct{ letter, words string }{{"C", "CREATE"}, {"T", "TEMPORARY"}, {"c", "CONNECT"}}

// databaseGrants are the statements that make the rights on a database what they were.
func databaseGrants(name string, is, was *repository.Database) []string {
	role := func(name string) string {
		if name == "" {
			return "PUBLIC"
		}
		return pgx.Identifier{name}.Sanitize()
	}
	from := []string{"", is.Owner}
	for _, item := range splitACL(is.ACL) {
		if !slices.Contains(from, item.grantee) {
			from = append(from, item.grantee)
		}
	}
	var statements []string
	for _, grantee := range from {
		statements = append(statements, fmt.Sprintf("REVOKE ALL ON DATABASE %s FROM %s CASCADE", name, role(grantee)))
	}
	if was.ACL == "" { // the default
		return append(statements, fmt.Sprintf("GRANT ALL ON DATABASE %s TO %s", name, role(is.Owner)),
			fmt.Sprintf("GRANT TEMPORARY, CONNECT ON DATABASE %s TO PUBLIC", name))
	}
	for _, item := range splitACL(was.ACL) {
		var plain, further []string
		for _, r := range databaseRights {
			if _, after, has := strings.Cut(item.rights, r.letter); has && strings.HasPrefix(after, "*") {
				further = append(further, r.words)
			} else if has {
				plain = append(plain, r.words)
			}
		}
		other := item.grantor != was.Owner
		if other {
			statements = append(statements, "SET SESSION AUTHORIZATION "+role(item.grantor))
		}
		if plain != nil {
			statements = append(statements, fmt.Sprintf("GRANT %s ON DATABASE %s TO %s", strings.Join(plain, ", "), name,
				role(item.grantee)))
		}
		if further != nil {
			statements = append(statements, fmt.Sprintf("GRANT %s ON DATABASE %s TO %s WITH GRANT OPTION",
				strings.Join(further, ", "), name, role(item.grantee)))
		}
		if other {
			statements = append(statements, "RESET SESSION AUTHORIZATION")
		}
	}
	return statements
}
