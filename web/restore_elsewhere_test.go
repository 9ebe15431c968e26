package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
)

// TestRestoringAWeddingElsewhereWarnsOfItsDamage: a recovery point from after the damage does not hold what somebody
// wants to have back. The form of a restore into a new database says so, and leads to one that does.
func TestRestoringAWeddingElsewhereWarnsOfItsDamage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	form := "/points/20261123T070500Z-aa/restore?wedding=" + url.QueryEscape(s.console.preview.ID)
	if a := s.get(form).want(http.StatusOK); strings.Contains(a.text(), "from after the damage") {
		t.Error("a point from before the damage is said to be from after it")
	}
	s.console.damage = &engine.Damage{
		Point: "20261122T070500Z-bb",
		From:  moment.Add(-time.Hour),
		To:    moment,
		Rows:  95,
		Gone:  28,
		Safe:  true,
	}
	a := s.get(form).want(http.StatusOK).says("This recovery point is from after the damage", "28 of 95 rows vanished",
		"The newest safe one before that")
	a.one("a", "href", "/points/20261122T070500Z-bb/restore?wedding=w+1%2F2")
	s.console.damage.Safe = false
	if a := s.get(form).want(http.StatusOK).says("It is not fully protected, or a test of it failed"); strings.Contains(
		a.text(), "safe one") {
		t.Error("a point that is not protected is called safe")
	}
	if a := s.get("/points/20261123T070500Z-aa/restore").want(http.StatusOK); strings.Contains(a.text(), "damage") {
		t.Error("a restore of everything speaks of one wedding's damage")
	}
}

// TestTheSafePointOfAWeddingIsLookedForOnce: "Restore it elsewhere" shows the form of the safe point after one look for
// damage, which may take long.
func TestTheSafePointOfAWeddingIsLookedForOnce(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	a := s.get("/points/latest/restore?wedding=" + url.QueryEscape(s.console.preview.ID)).want(http.StatusOK)
	a.one("form", "action", "/points/20261123T070500Z-aa/restore")
	if looks := s.console.looks.Load(); looks != 1 || strings.Contains(a.text(), "from after the damage") {
		t.Errorf("%d looks: %s", looks, a.text())
	}
}

// TestNobodyIsAskedForDamageThatIsNotTheirs: who is bound to an organization is not put on record for opening a form.
func TestNobodyIsAskedForDamageThatIsNotTheirs(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	s.bind("org-1")
	const form = "/points/20261123T070500Z-aa/restore"
	for query, want := range map[string]int32{
		"": 0, "?tier=critical": 0, "?organization=org-1": 0, "?wedding=w+1%2F2": 1} {
		before := s.console.looks.Load()
		s.get(form + query).want(http.StatusOK)
		if looks := s.console.looks.Load() - before; looks != want {
			t.Errorf("%s: damage was looked for %d times, want %d", form+query, looks, want)
		}
	}
}

// TestAConfirmationKeepsTheChoice: whoever goes back from the confirmation to change something finds what was chosen,
// and not everything; and whether somebody else has to approve is asked of the very recovery point.
func TestAConfirmationKeepsTheChoice(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	base := "/points/20261123T070500Z-aa/restore"
	for _, choice := range []url.Values{{"wedding": {"w 1/2"}}, {"organization": {"o 1"}},
		{"tier": {"critical", "high"}}} {
		form := fields(s.get(base+"?"+choice.Encode()).want(http.StatusOK).one("form", "action", base))
		choice.Set("target", "spare") // and not the platform's own server
		choice.Set("provider", "offsite")
		form.Set("target", "spare")
		form.Set("provider", "offsite")
		confirm := s.post(base, form).want(http.StatusOK)
		back := confirm.all("a", "href", base+"?"+choice.Encode())
		if len(back) == 0 {
			t.Errorf("%v: nothing leads back to what was chosen", choice)
		}
		again := fields(s.get(base+"?"+choice.Encode()).want(http.StatusOK).one("form", "action", base))
		for name, values := range choice {
			if !slices.Equal(again[name], values) {
				t.Errorf("%v: the form has %v", choice, again)
			}
		}
	}
	for _, in := range s.console.judged {
		if in.Point != "20261123T070500Z-aa" {
			t.Errorf("asked of %+v", in)
		}
	}
	if len(s.console.judged) != 3 {
		t.Errorf("asked %d times", len(s.console.judged))
	}
}
