package target

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
)

// TestKeysThatAreNeverCheckedAreMadeAsTheyAre: a foreign key that the source did not check, or that is not enforced, is
// not checked on the target either.
func TestKeysThatAreNeverCheckedAreMadeAsTheyAre(t *testing.T) {
	t.Parallel()
	const key = "ALTER TABLE ONLY public.guests\n    ADD CONSTRAINT of_wedding FOREIGN KEY (wedding_id) REFERENCES " +
		"public.weddings(id)"
	for end, valid := range map[string]bool{"": true, " ON DELETE CASCADE DEFERRABLE": true, " NOT VALID": false,
		" NOT ENFORCED": false, " ON DELETE SET NULL NOT ENFORCED": false} {
		k, ok := parseForeignKey(pgtool.Entry{}, key+end)
		if !ok || k.valid != valid || k.name != "of_wedding" || k.referenced != "public.weddings" {
			t.Errorf("%q: %+v, %v, want valid %v", end, k, ok, valid)
		}
	}
}
