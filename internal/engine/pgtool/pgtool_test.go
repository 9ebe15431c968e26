package pgtool

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The name of a database is never taken for connection parameters, and reaches libpq as it is.
func TestConninfoQuotesTheDatabase(t *testing.T) {
	t.Parallel()
	for url, name := range map[string]string{
		"postgres://u:p@h/plain": "plain", "postgres://u:p@h/host%3Devil%20port%3D1": "host=evil port=1",
		`host=h dbname='it\'s \\ odd'`: `it's \ odd`,
	} {
		info, err := conninfo(keepsake.Secret(url))
		if err != nil {
			t.Fatal(err)
		}
		config, err := pgx.ParseConfig(info + " host=there user=x")
		if err != nil || config.Database != name || config.Host != "there" {
			t.Errorf("%s is read as database %q at %q (%v), want %q", info, config.Database, config.Host, err, name)
		}
	}
}

func TestEnvironmentCarriesTheConnection(t *testing.T) {
	t.Parallel()
	env, err := environment("postgres://pl%40nner:it's%20%24ecret@db.example:5433/we%20dd?sslmode=require",
		[]string{"-c a=b"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PGHOST=db.example", "PGPORT=5433", "PGUSER=pl@nner", "PGPASSWORD=it's $ecret",
		"PGDATABASE=we dd", "PGSSLMODE=require"} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment has no %s: %q", want, env)
		}
	}
	if i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "PGOPTIONS=") }); i < 0 ||
		!strings.HasSuffix(env[i], " -c a=b") {
		t.Errorf("the options are not passed on: %q", env)
	}
	_, err = environment("postgres://u:topsecret@h:port/d", nil)
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("a URL that cannot be read: %v (%s)", err, keepsake.CodeOf(err))
	}
}

func TestErrorTellsTheFirstErrorAndItsEntry(t *testing.T) {
	t.Parallel()
	cause := errors.New("exit status 1")
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "pg_restore: exit status 1"},
		{[]string{"odd words"}, "pg_restore: odd words"},
		{[]string{"pg_restore: warning: careful", "pg_restore: error: first", "pg_restore: error: second"},
			"pg_restore: error: first"},
		{[]string{"pg_restore: while PROCESSING TOC:", `pg_restore: from TOC entry 7; 1 2 TABLE public "a b" boss`,
			"pg_restore: error: no"}, `pg_restore: error: no (entry 7; 1 2 TABLE public "a b" boss)`},
	} {
		err := &Error{Tool: "pg_restore", Lines: c.lines, Err: cause}
		if err.Error() != c.want || !errors.Is(err, cause) {
			t.Errorf("%q: %q, want %q", c.lines, err, c.want)
		}
	}
}

// What a tool says without end is kept only so far, and the tool is never held up by it.
func TestBoundedKeepsTheBeginning(t *testing.T) {
	t.Parallel()
	b := &bounded{limit: 8}
	for _, s := range []string{"one\n\n", "two\nthree", "four"} {
		if n, err := b.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("writing %q: %d, %v", s, n, err)
		}
	}
	if got := b.lines(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("kept %q", got)
	}
}
