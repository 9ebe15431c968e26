package target

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestNoValueOfARowInAnException: what a server quotes of a row is not shown, however many quotes the value has itself,
// and names of the statement are.
func TestNoValueOfARowInAnException(t *testing.T) {
	t.Parallel()
	const index = `CREATE INDEX guests_table ON public.guests USING btree (((note)::integer))`
	for _, x := range []struct{ sql, code, message, want string }{
		{index, "22P02", `invalid input syntax for type integer: "Table 5"`, `invalid input syntax for type integer: "…"`},
		{index, "22P02", `invalid input syntax for type integer: "said "Jane Doe is late" twice"`,
			`invalid input syntax for type integer: "…"`},
		{index, "22P02", `malformed array literal: "{"Jane Doe"}"`, `malformed array literal: "…"`},
		{index, "22P02", `ungültige Eingabesyntax für Typ integer: »5 "Jane Doe" 6«`,
			`ungültige Eingabesyntax für Typ integer: "…"`},
		{"", "22003", `value ""Jane Doe"" is out of range for type integer`, `value "…" is out of range for type integer`},
		{index, "22P02", `invalid input syntax for type integer: "`, `invalid input syntax for type integer: "`},
		{index, "42703", `column "note" does not exist`, `column "note" does not exist`},
		{index, "42P01", `relation "guests" of schema "hidden" does not exist`,
			`relation "guests" of schema "…" does not exist`},
	} {
		e := Failure{
			Kind: "index",
			SQL:  x.sql,
			Err:  errors.Join(&pgconn.PgError{Code: x.code, Message: x.message}),
		}.Exception()
		if e.Error != x.want || strings.Contains(e.Error, "Jane") {
			t.Errorf("%s is said as %s, want %s", x.message, e.Error, x.want)
		}
	}
}

// TestARoleIsNamedAsItIs: whatever a role is called, what a server answers to a statement for it names that role, and
// the server's words for another thing name none.
func TestARoleIsNamedAsItIs(t *testing.T) {
	t.Parallel()
	names := rapid.StringMatching("[a-z]?[a-zA-Z_ .'\"\\\\“”»«‘%é-]{1,20}")
	refused := func(sql, message string) keepsake.Exception {
		return Failure{Kind: "grant", SQL: sql, Err: &pgconn.PgError{Code: "42704", Message: message}}.Exception()
	}
	rapid.Check(t, func(t *rapid.T) {
		name := names.Draw(t, "role")
		sql := "GRANT SELECT ON TABLE public.v TO " + pgx.Identifier{name}.Sanitize()
		for _, quotes := range []string{`"""`, `»"«`} {
			before, after, _ := strings.Cut(quotes, `"`)
			if quotes == `"""` {
				before, after = `"`, `"`
			}
			if e := refused(sql, "role "+before+name+after+" does not exist"); !NamesRole(e, name) {
				t.Errorf("%q is not named by %s", name, e.Error)
			}
		}
		if e := refused("", `server "…" does not exist`); NamesRole(e, name) {
			t.Errorf("%q is named by %s", name, e.Error)
		}
	})
	if e := refused(`GRANT SELECT ON TABLE public.v TO "weird ""role"`, `role "weird "role" does not exist`); e.Error !=
		`role "weird ""role" does not exist` {
		t.Errorf("said as %s", e.Error)
	}
}
