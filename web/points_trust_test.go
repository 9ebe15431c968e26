package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestARecoveryPointIsTrustedOrNot: the page of a suspect one asks whether it is right, and that of another one whether
// it is not.
func TestARecoveryPointIsTrustedOrNot(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	p := &s.console.points[0]
	page := "/points/" + p.ID
	s.get(page).want(http.StatusOK).says("No, do not trust it")
	p.Doubts = []keepsake.Doubt{{Kind: keepsake.DoubtTable, Table: "public.guests", Before: 7200}}
	s.get("/points").want(http.StatusOK).says("Suspect", "Table public.guests no longer exists")
	s.get(page).want(http.StatusOK).says("Suspect", "This recovery point may show damage", "Table public.guests no "+
		"longer exists, and held 7,200 rows before.", "Yes, trust it").one("form", "action", page+"/trust")
	to := s.post(page+"/trust", url.Values{"trust": {"accepted"}}).want(http.StatusSeeOther).header.Get("Location")
	if got := s.console.saved; to != page || len(got) != 1 || *got[0].Trust != keepsake.TrustAccepted ||
		got[0].Note != nil || got[0].Labels != nil || got[0].Locked != nil {
		t.Errorf("%s, %+v", to, got)
	}
	p.Trust = keepsake.TrustAccepted
	s.get(page).want(http.StatusOK).says("Somebody said that it can be trusted", "No, do not trust it")
	p.Trust = keepsake.TrustDoubted
	s.get(page).want(http.StatusOK).says("Somebody said that it cannot be trusted.", "Yes, trust it")
	s.post(page+"/trust", url.Values{}).want(http.StatusUnprocessableEntity)
}
