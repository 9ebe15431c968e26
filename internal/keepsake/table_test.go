package keepsake_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTableNameIsUnambiguous: no two tables have the same full name, and each is taken apart into what it was made of.
func TestTableNameIsUnambiguous(t *testing.T) {
	t.Parallel()
	part := rapid.StringMatching(`[a-bA ."]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		schema, table := part.Draw(t, "schema"), part.Draw(t, "table")
		full := keepsake.TableName(schema, table)
		if s, n := keepsake.SplitTableName(full); s != schema || n != table {
			t.Fatalf("%q and %q are %s, which is read as %q and %q", schema, table, full, s, n)
		}
		if again := keepsake.QualifiedName(full); again != full {
			t.Fatalf("%s is qualified to %s", full, again)
		}
	})
}

// TestTableNameOfBefore: names in recovery points and undo objects that quoted nothing lead to the table they led to.
func TestTableNameOfBefore(t *testing.T) {
	t.Parallel()
	for full, want := range map[string][2]string{"public.weddings": {"public", "weddings"}, "a.b.c": {"a", "b.c"},
		"My Schema.Guest List": {"My Schema", "Guest List"},
		`"x".y`:                {`"x"`, "y"}, `a.b"c`: {"a", `b"c`}, `"a.b".c`: {"a.b", "c"}, `a."b.c"`: {"a", "b.c"},
		`"..".x`: {"..", "x"}} {
		if schema, table := keepsake.SplitTableName(full); schema != want[0] || table != want[1] {
			t.Errorf("%s: %q and %q", full, schema, table)
		}
	}
	for typed, want := range map[string]string{"guests": "public.guests", "crm.guests": "crm.guests",
		`"Guest List"`: "public.Guest List", `"a.b"`: `public."a.b"`,
		`crm."Guests"`: "crm.Guests", "a.b.c": `a."b.c"`, `"a.b".c`: `"a.b".c`} {
		if got := keepsake.QualifiedName(typed); got != want {
			t.Errorf("%s is %s, not %s", typed, got, want)
		}
	}
}
