package target

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// there reports whether an SQLSTATE says that an object of this kind is there already (PostgreSQL, Appendix A:
// duplicate_…).
func there(kind, code string) bool {
	switch code {
	case pgerrcode.DuplicateObject, pgerrcode.DuplicateTable, pgerrcode.DuplicateFunction, pgerrcode.DuplicateSchema:
		return true
	case pgerrcode.UniqueViolation: // two configurations of one name are told by the catalog's index only
		return strings.HasPrefix(kind, "TEXT SEARCH ")
	case pgerrcode.ObjectNotInPrerequisiteState: // a column has its identity already
		return kind == "SEQUENCE"
	}
	return false
}

// leaky is the statement that makes a function which is not leakproof, what only a superuser may say of one. Other
// statements are as they were. pg_dump writes a function's attributes on one line before its body.
func leaky(statement string) string {
	at := attributes.FindStringIndex(statement)
	if at == nil {
		return statement
	}
	return statement[:at[0]] + strings.Replace(statement[at[0]:at[1]], " LEAKPROOF", "", 1) + statement[at[1]:]
}

var attributes = regexp.MustCompile(`(?m)^    LANGUAGE .*$`)

var setsOwner = regexp.MustCompile(`(?s)^ALTER .* OWNER TO \S`)

// Apply runs the statements of one entry of the archive, each on its own, and returns those that the target refused.
// made is false when the object that the entry is about is not there afterwards. Apply returns an error only for what
// is about the server and not about a statement, such as a broken session or a server that shuts down.
func (t *Target) Apply(ctx context.Context, s pgtool.Scripted) (lost []keepsake.Exception, made bool, err error) {
	grants := s.Kind == "ACL" || s.Kind == "DEFAULT ACL"
	made = true
	defined := false // the object was there before, with all of its definition
	for _, q := range s.Statements {
		owner := setsOwner.MatchString(q)
		if !made && !grants || defined && !owner {
			continue
		}
		err := t.find(ctx, q)
		switch code := state(err); {
		case err == nil:
		case AboutServer(ctx, err):
			return lost, made, err
		case code == pgerrcode.InsufficientPrivilege && leaky(q) != q && t.find(ctx, leaky(q)) == nil:
			lost = append(lost, failureOf(s.Entry, "leakproof", q, err).Exception())
		case !owner && !grants && there(s.Kind, code):
			defined = true
		case strings.HasPrefix(q, "REVOKE") && (code == pgerrcode.UndefinedObject ||
			code == pgerrcode.InvalidGrantOperation):
			// What a role that is not there was never granted need not be revoked.
		case grants && strings.HasPrefix(q, "SET SESSION AUTHORIZATION "):
			lost = append(lost, failureOf(s.Entry, "grantor", q, err).Exception())
		case strings.HasPrefix(q, "SET "), strings.HasPrefix(q, "RESET "):
			lost = append(lost, failureOf(s.Entry, kindOf(s.Kind), q, err).Exception())
		case owner:
			lost = append(lost, failureOf(s.Entry, "owner", q, err).Exception())
		default:
			lost = append(lost, failureOf(s.Entry, kindOf(s.Kind), q, err).Exception())
			made = grants // the first statement makes the object
		}
	}
	return lost, made, nil
}

// Run runs a statement that comes from a recovery point. Inside of a transaction one that fails leaves it as it was.
func (t *Target) Run(ctx context.Context, statement string) error {
	run := func(q string) error {
		_, err := t.conn.PgConn().Exec(ctx, q).ReadAll()
		return err
	}
	if t.conn.PgConn().TxStatus() == 'I' {
		return run(statement)
	}
	if err := run("savepoint statement"); err != nil {
		return err
	}
	err := run(statement)
	if err != nil && !AboutServer(ctx, err) {
		if back := run("rollback to savepoint statement"); back != nil {
			return back
		}
	}
	return err
}

// AboutServer reports whether an error means that the server can do nothing more, and not that one statement failed.
// Classes of codes are read by how they begin: a newer server may send one that no list here knows.
func AboutServer(ctx context.Context, err error) bool {
	var pg *pgconn.PgError
	return ctx.Err() != nil || !errors.As(err, &pg) || strings.HasPrefix(pg.Code, "08") ||
		strings.HasPrefix(pg.Code, "57P")
}

func failureOf(e pgtool.Entry, kind, sql string, err error) Failure {
	return Failure{Kind: kind, Object: ObjectOf(e), SQL: sql, Entry: e.ID(), Err: err}
}

// kinds are those of the archive's list that people would not know by that name.
var kinds = map[string]string{"ACL": "grant", "DEFAULT ACL": "default grant", "FK CONSTRAINT": "foreign key",
	"SERVER":       "foreign server",
	"ROW SECURITY": "row-level security", "INDEX ATTACH": "index", "TABLE ATTACH": "partition",
	"PUBLICATION TABLE": "publication"}

func kindOf(kind string) string {
	if k, ok := kinds[kind]; ok {
		return k
	}
	return strings.ToLower(kind)
}

// ObjectOf returns the name of the object that an entry is about.
func ObjectOf(e pgtool.Entry) string {
	switch {
	case e.Schema == "-" || e.Schema == "":
		return e.Name
	case slices.Contains([]string{"ACL", "DEFAULT ACL", "COMMENT", "SECURITY LABEL"}, e.Kind):
		return e.Name + " in schema " + e.Schema
	}
	return e.Schema + "." + e.Name
}

// LabelOf returns an entry's kind and object.
func LabelOf(e pgtool.Entry) string { return fmt.Sprintf("%s %s", kindOf(e.Kind), ObjectOf(e)) }
