package platform_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestAnOrganizationsWeddingsAreCountedHoweverItsKeyIsWritten, of whatever type it is.
func TestAnOrganizationsWeddingsAreCountedHoweverItsKeyIsWritten(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), testenv.DB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for n, c := range []struct{ kind, key, written string }{
		{"uuid", "018f0000-0000-7000-8000-00000000abcd", "018F0000-0000-7000-8000-00000000ABCD"},
		{"uuid", "018f0000-0000-7000-8000-00000000abcd", "{018f000000007000800000000000abcd}"},
		{"bigint", "42", "042"}, {"text", "org-1", "org-1"},
	} {
		table := fmt.Sprint("weddings_", n)
		_, err := conn.Exec(t.Context(), fmt.Sprintf(
			"create table %s (id int, org %s); insert into %[1]s values (1, '%[3]s'), (2, '%[3]s'), (3, null)", table, c.kind,
			c.key))
		if err != nil {
			t.Fatal(err)
		}
		m := keepsake.DataMap{Wedding: keepsake.RootTable{Table: table, Organization: "org"}}
		if all, theirs, err := platform.CountWeddings(t.Context(), conn, m, c.written); err != nil || all != 3 ||
			theirs != 2 {
			t.Errorf("%s %s: %d of %d, %v", c.kind, c.written, theirs, all, err)
		}
		if all, theirs, err := platform.CountWeddings(t.Context(), conn, m, ""); err != nil || all != 3 || theirs != 0 {
			t.Errorf("%s, none: %d of %d, %v", c.kind, theirs, all, err)
		}
	}
}
