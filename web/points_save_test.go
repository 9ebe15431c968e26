package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestARecoveryPointIsLabelledAndLocked(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	id := s.console.points[0].ID
	page := "/points/" + id
	s.get(page).want(http.StatusOK).says("Note and labels", "Keep it whatever the retention rules say")
	to := s.post(page, url.Values{"note": {" before the move "}, "labels": {"app=4.2, deploy = blue"}, "locked": {"yes"}}).want(http.StatusSeeOther).header.Get("Location")
	if got := s.console.saved; to != page || len(got) != 1 || got[0].Note != "before the move" || got[0].Labels["deploy"] != "blue" || !got[0].Locked {
		t.Errorf("%s, %+v", to, got)
	}
	s.post(page, url.Values{"labels": {"nonsense"}}).want(http.StatusUnprocessableEntity).says("is no label")
	s.post(page, url.Values{"note": {strings.Repeat("x", 501)}}).want(http.StatusUnprocessableEntity).says("500 are the most")
}
