package engine_test

import (
	"fmt"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestOldDamageIsFound: ten backups after a damage, with daily work between them, the point before it is still found
// for the wedding, for the organization and for the whole tables. What the wedding lost first does not hide behind it.
func TestOldDamageIsFound(t *testing.T) {
	t.Parallel()
	// a queue is emptied every day
	w := newDamageWorld(t, 100, "create table outbox (id int primary key)",
		"insert into outbox select generate_series(1, 50)")
	w.point()
	w.run("update guests set name = 'Moved' where id = 2")
	safe := w.point()
	w.run("delete from guests where wedding_id = 1 and id % 4 = 0")
	for i := range 11 {
		w.point()
		w.run("delete from outbox", fmt.Sprintf("update guests set name = 'Today %d' where id %% 100 = %d", i, 2*i),
			fmt.Sprintf("insert into guests values (%d, 1 + %[1]d %% 2, 'New')", 1000+i))
	}
	for _, of := range []keepsake.Scope{
		ofWedding("1"),
		keepsake.MustScope(keepsake.OrganizationScope("1")),
		keepsake.Everything(),
	} {
		if d, found := w.find(of); !found || d.Point != safe || d.To.IsZero() || d.Gone != 25 {
			t.Errorf("%s: %+v, %v, want %s", of, d, found, safe)
		}
	}
}
