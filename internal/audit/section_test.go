package audit_test

import (
	"testing"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
)

// TestAForgedSectionIsNone: an entry that only calls itself the beginning of a section breaks nothing; one as the
// database writes it does.
func TestAForgedSectionIsNone(t *testing.T) {
	t.Parallel()
	for as, intact := range map[string]bool{
		"outcome = 'refused', security = false":                                               true,
		"outcome = 'failed', security = true":                                                 true,
		"outcome = 'failed', security = true, actor_id = 'database', actor_role = 'database'": false,
	} {
		url := dbtest.Tables(t)
		d := dbtest.Open(t, url)
		for range 3 {
			if err := record(t.Context(), d, someone, "backup.start"); err != nil {
				t.Fatal(err)
			}
		}
		tamper(t, url, "update audit_log set action = 'audit.section', "+as+
			" where id = 3; update audit_log l set hash = audit_hash(l) where id = 3; update audit_head set hash = (select "+
			"hash from audit_log where id = 3)")
		if r, err := audit.Verify(t.Context(), d); err != nil || r.Intact != intact {
			t.Errorf("%s: %+v, %v", as, r, err)
		}
	}
}
