package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestARecoveryPointIsLabelledAndLocked(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	id := s.console.points[0].ID
	page := "/points/" + id
	s.get(page).want(http.StatusOK).says("Note and labels", "Keep it whatever the retention rules say")
	to := s.post(page, url.Values{"note": {" before the move "}, "labels": {"app=4.2, deploy = blue"},
		"locked": {"yes"}}).want(http.StatusSeeOther).header.Get("Location")
	if got := s.console.saved; to != page || len(got) != 1 || *got[0].Note != "before the move" ||
		got[0].Labels["deploy"] != "blue" || !*got[0].Locked {
		t.Errorf("%s, %+v", to, got)
	}
	s.console.points[0].Labels, s.console.points[0].Locked = map[string]string{"app": "4.2"}, true
	form := fields(s.get(page).one("form", "action", page))
	s.post(page, form).want(http.StatusSeeOther)
	form.Del("locked")
	s.post(page, form).want(http.StatusSeeOther)
	form.Set("labels", "")
	s.post(page, form).want(http.StatusSeeOther)
	// nothing was changed, so what others save meanwhile stays
	if got := s.console.saved[1:]; got[0].Note != nil || got[0].Labels != nil || got[0].Locked != nil ||
		got[1].Note != nil || got[1].Labels != nil || *got[1].Locked || got[2].Labels == nil || len(got[2].Labels) != 0 {
		t.Errorf("saved what nobody changed: %+v", got)
	}
	form.Set("labels", "nonsense")
	if again := fields(s.post(page, form).want(http.StatusUnprocessableEntity).one("form", "action", page)); again.Get(
		"labels_was") != "app=4.2" || again.Get("locked_was") != "yes" || again.Get("locked") != "" {
		t.Errorf("the form forgot what it was drawn with: %v", again)
	}
	s.post(page, url.Values{"labels": {"nonsense"}}).want(http.StatusUnprocessableEntity).says("is no label")
	s.post(page, url.Values{"note": {strings.Repeat("x", 501)}}).want(http.StatusUnprocessableEntity).says(
		"500 are the most")
}

// TestUnlockingAsksForThePassword, and what else was written is still there afterwards.
func TestUnlockingAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	page := "/points/" + s.console.points[0].ID
	s.console.startErr = keepsake.Errorf(keepsake.CodeProof, "Give your password again first.")
	form := fields(s.get(page).want(http.StatusOK).one("form", "action", page))
	form.Set("note", "not needed any more")
	form.Set("locked_was", "yes")
	form.Del("locked")
	prove, err := url.Parse(s.post(page, form).want(http.StatusSeeOther).header.Get("Location"))
	if err != nil || prove.Path != "/prove" {
		t.Fatalf("goes to %s, %v", prove, err)
	}
	s.console.startErr = nil
	back := s.get(prove.Query().Get("next")).want(http.StatusOK).says("This is not saved yet")
	again := fields(back.one("form", "action", page))
	if again.Get("note") != "not needed any more" || again.Get("locked") != "" {
		t.Errorf("what was written is gone: %v", again)
	}
	if len(s.console.saved) != 0 {
		t.Errorf("saved: %+v", s.console.saved)
	}
}
