package auth_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTheNoteIsOfOnePlatform: who is bound to an organization of another platform does not sign in by this one's
// repository, where an organization may have the same key.
func TestTheNoteIsOfOnePlatform(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	other, key, everybody := "other", "7", map[string]bool{"all@example.org": true}
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		for i, a := range []sqlcgen.InsertAccountParams{{Email: "all@example.org"},
			{Email: "bea@example.org", Platform: &other, Organization: &key}} {
			a.ID, a.Role = fmt.Sprintf("018f0000-0000-7000-8000-00000000000%d", i), string(keepsake.RoleSuperAdmin)
			a.PasswordHash = "$argon2id$x"
			if err := tx.InsertAccount(t.Context(), a); err != nil {
				return err
			}
			if err := audit.Record(t.Context(), tx, keepsake.System("test"),
				audit.Entry{Action: "account.create", Target: a.Email, Outcome: audit.Allowed}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for platform, want := range map[string]map[string]bool{keepsake.DefaultPlatform: everybody,
		other: {"all@example.org": true, "bea@example.org": true}} {
		note, err := auth.Verifiers(t.Context(), d, platform)
		var list []auth.Verifier
		if err == nil {
			err = json.Unmarshal(note, &list)
		}
		got := map[string]bool{}
		for _, v := range list {
			got[v.Email] = true
			if v.Organization != "" && v.Platform != other {
				t.Errorf("%s is of the organization %q of the platform %q", v.Email, v.Organization, v.Platform)
			}
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("platform %s keeps %v (%v), want %v", platform, got, err, want)
		}
	}
}
