package web_test

import (
	"net/http"
	"testing"
)

// TestEmergencyAtMidnight: a wedding that was of today when it was looked for, and is of yesterday when the page
// is drawn, is still shown.
func TestEmergencyAtMidnight(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.dashboard.Weddings[0].DaysLeft = -1
	s.get("/emergency").want(http.StatusOK).says("Today: 1 wedding", s.console.dashboard.Weddings[0].Couple)
}
