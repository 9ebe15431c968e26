package pgtool

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSplitStatements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   []string
	}{
		"nothing":               {"", nil},
		"only white space":      {" \n;; \n;", nil},
		"the end needs no mark": {"GRANT a TO b", []string{"GRANT a TO b"}},
		"head of a script": {"--\n-- PostgreSQL database dump\n--\n\\restrict x;y'z\n" +
			"SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n" +
			"GRANT a TO b;\n\\unrestrict x\n",
			[]string{"GRANT a TO b"}},
		"session authorization": {"SET SESSION AUTHORIZATION 'a b';\nGRANT a TO b;\nRESET SESSION AUTHORIZATION;",
			[]string{"SET SESSION AUTHORIZATION 'a b'", "GRANT a TO b", "RESET SESSION AUTHORIZATION"}},
		"quoted name": {`GRANT SELECT ON "a;b -- c ' /* d" TO e; REVOKE f;`,
			[]string{`GRANT SELECT ON "a;b -- c ' /* d" TO e`, "REVOKE f"}},
		"doubled quotes":           {`GRANT "a"";b" TO 'c'';d'; x`, []string{`GRANT "a"";b" TO 'c'';d'`, "x"}},
		"newline in a name":        {"GRANT \"a\n-- b;\n\\c\" TO d; x", []string{"GRANT \"a\n-- b;\n\\c\" TO d", "x"}},
		"backslash is a character": {`SELECT 'a\'; SELECT "b\"; x`, []string{`SELECT 'a\'`, `SELECT "b\"`, "x"}},
		"backslash escapes":        {`SELECT E'a\';b', e'\\'; x`, []string{`SELECT E'a\';b', e'\\'`, "x"}},
		"a name that ends in E":    {`SELECT dateE'a\'; x`, []string{`SELECT dateE'a\'`, "x"}},
		"dollar quotes": {`SELECT $$a;'b$$, $x_1$c;$$;$y$ -- d$x_1$; x`,
			[]string{`SELECT $$a;'b$$, $x_1$c;$$;$y$ -- d$x_1$`, "x"}},
		"dollars with unicode": {"SELECT $größe$a;$größe$; x", []string{"SELECT $größe$a;$größe$", "x"}},
		"a dollar in a name":   {"SELECT a$b$; SELECT ü$b$; x", []string{"SELECT a$b$", "SELECT ü$b$", "x"}},
		"parameters":           {"SELECT $1; SELECT $2", []string{"SELECT $1", "SELECT $2"}},
		"nested comment":       {"SELECT /* a; /* b; */ ' c; */ 1; x", []string{"SELECT /* a; /* b; */ ' c; */ 1", "x"}},
		"comment between words": {"SELECT a -- it's; b\nFROM c; SELECT d--e\nFROM f",
			[]string{"SELECT a \nFROM c", "SELECT d\nFROM f"}},
		"comment at the very end":  {"x; -- it's over", []string{"x"}},
		"text that never ends":     {"x; SELECT 'a; b", []string{"x", "SELECT 'a; b"}},
		"name that never ends":     {`SELECT "a; b`, []string{`SELECT "a; b`}},
		"dollars that never end":   {"SELECT $a$b; c", []string{"SELECT $a$b; c"}},
		"comment that never ends":  {"SELECT /* a; /* b; */ c", []string{"SELECT /* a; /* b; */ c"}},
		"escape that never ends":   {`SELECT E'a\`, []string{`SELECT E'a\`}},
		"a set that is no setting": {"SETTLE x; UPDATE y SET z = 1", []string{"SETTLE x", "UPDATE y SET z = 1"}},
		"comment on a heading": {"--\n-- Name: TABLE \"a; b\"; Type: ACL; Schema: public; Owner: " +
			"it's\n--\n\nGRANT a TO b;", []string{"GRANT a TO b"}},
		"names outside of quotes": {"GRANT SELECT ON 宴会.größe TO élise; x",
			[]string{"GRANT SELECT ON 宴会.größe TO élise", "x"}},
		"carriage returns in texts": {"SELECT 'a\r\n;b';\r\nx;\r\n", []string{"SELECT 'a\r\n;b'", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := SplitStatements(c.script); !slices.Equal(got, c.want) {
				t.Errorf("%q\nis cut into %q\nwant          %q", c.script, got, c.want)
			}
		})
	}
}

// Whatever the script, statements are not empty, and cutting them again finds the same.
func FuzzSplitStatements(f *testing.F) {
	for _, s := range []string{"a;b", "'a;''b';\"c;\"", "$a$;$a$", "/*/**/;*/x", "E'\\';'", "--a\nb", "\\a\nb;c",
		"a--b\n/c", "SET a;b", "/--\n*;x", "-\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		got := SplitStatements(script)
		for _, s := range got {
			if strings.TrimSpace(s) == "" {
				t.Fatalf("an empty statement in %q", got)
			}
		}
		// White space that PostgreSQL takes for letters does not survive the trimming;
		// pg_restore puts none around statements.
		if !utf8.ValidString(script) || strings.ContainsFunc(script,
			func(r rune) bool { return r >= utf8.RuneSelf && unicode.IsSpace(r) }) {
			return
		}
		if again := SplitStatements(strings.Join(got, ";\n")); !slices.Equal(got, again) {
			t.Fatalf("%q\nis cut into %q\nand those into %q", script, got, again)
		}
	})
}

func TestStatementsWithSemicolonsInside(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][]string{
		"a rule's actions": {"CREATE RULE r AS ON DELETE TO t DO INSTEAD ( SELECT 1; SELECT 2; )", "x"},
		"a body": {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; " +
			"SELECT 2; END", "ALTER FUNCTION f() OWNER TO x"},
		"a body of a procedure": {"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END", "x"},
		"a table named begin":   {"CREATE TABLE public.begin (a int)", "x"},
		"no routine":            {"ALTER TABLE t ADD COLUMN begin int", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := SplitStatements(strings.Join(c, ";\n") + ";"); !slices.Equal(got, c) {
				t.Errorf("cut into %q, want %q", got, c)
			}
		})
	}
}
