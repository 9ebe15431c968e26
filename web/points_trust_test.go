package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
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

// TestEachPageOfARestoreSaysThatADoubtMayBeUnread: a provider did not list its notes.
func TestEachPageOfARestoreSaysThatADoubtMayBeUnread(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	const title = "Somebody may doubt this recovery point"
	point := "/points/" + s.console.points[0].ID
	if a := s.get(point).want(http.StatusOK); strings.Contains(a.text(), title) {
		t.Error("all notes were read, and it speaks of a doubt")
	}
	s.console.points[0].NotesUnread = []string{"Provider offsite could not be asked. It refuses."}
	form := s.get(point + "/restore")
	for _, a := range []answer{s.get(point), form,
		s.post(point+"/restore", fields(form.one("form", "action", point+"/restore")))} {
		a.want(http.StatusOK).says(title, "could not all be read", "Provider offsite could not be asked. It refuses.")
	}
	if !strings.Contains(s.asked(http.MethodGet, "/api/backups/recovery-points/"+s.console.points[0].ID).body,
		`"notes_unread":["Provider offsite`) {
		t.Error("the API does not say so")
	}
}

// TestEachPageOfARestoreSaysThatThePointIsSuspect, or that newer ones are: the form, its confirmation, the page of who
// approves it, the report, and the API.
func TestEachPageOfARestoreSaysThatThePointIsSuspect(t *testing.T) {
	t.Parallel()
	const (
		id     = "20261123T070500Z-aa"
		why    = "Table public.guests no longer exists, and held 7,200 rows before."
		damage = "This recovery point may show damage"
		newer  = "A newer recovery point may show damage"
		newest = "20261123T071000Z-bb"
		passed = "The newer recovery point " + newest + " of "
	)
	later := console.SuspectPoint{ID: newest, Time: moment.Add(-7 * time.Minute), Why: why}
	doubts := []keepsake.Doubt{{Kind: keepsake.DoubtTable, Table: "public.guests", Before: 7200}}
	for name, is := range map[string]struct {
		doubts   []keepsake.Doubt
		passed   []console.SuspectPoint
		suspects []console.SuspectPoint
		says     []string
		words    string
	}{
		"the point": {
			doubts:   doubts,
			suspects: []console.SuspectPoint{{ID: id, Time: moment, Why: why}},
			says:     []string{damage, why + " Until somebody says that it can be trusted"},
			words:    "This recovery point is suspect. " + why,
		},
		"a newer one": {
			passed:   []console.SuspectPoint{later},
			suspects: []console.SuspectPoint{later},
			says:     []string{newer, passed, " is suspect, so an older one is taken. " + why},
			words:    passed + "2026-11-23 07:10:00 UTC is suspect, so an older one is taken. " + why,
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signedIn(t)
			says := func(a answer) {
				t.Helper()
				a.want(http.StatusOK)
				if len(is.says) == 0 && (strings.Contains(a.text(), "may show damage") || strings.Contains(a.text(), passed)) {
					t.Error("it speaks of damage")
				}
				a.says(is.says...)
			}
			s.console.points[0].Doubts, s.console.passed = is.doubts, is.passed
			base := "/points/" + id + "/restore"
			form := s.get(base)
			says(form)
			says(s.post(base, fields(form.one("form", "action", base))))
			says(s.get("/points/" + id))
			o := console.Operation{
				ID:            "op1",
				Kind:          console.KindRestore,
				State:         console.StateProposed,
				Point:         id,
				RequestedByID: "b",
				CreatedAt:     moment,
				Asked:         &console.RestoreAsked{Suspects: is.suspects},
			}
			s.console.operations["op1"] = o
			says(s.get("/operations/op1"))
			var words []string
			if is.words != "" {
				words = []string{is.words}
			}
			type warned struct {
				Warnings []string `json:"point_warnings"`
				Passed   []string
			}
			if got := answerOf[warned](t, s, "/api/backups/op1").Warnings; !slices.Equal(got, words) {
				t.Errorf("the API says %q", got)
			}
			got := answerOf[warned](t, s, "/api/backups/recovery-points/"+id)
			if len(got.Passed) != len(is.passed) || len(got.Passed) > 0 && got.Passed[0] != is.words {
				t.Errorf("the API says of the point %q", got.Passed)
			}
			o.State = console.StateDone
			s.console.operations["op1"] = o
			if report := s.get("/operations/op1"); len(is.says) > 0 {
				says(report.says("When this restore was asked for:"))
			} else {
				says(report)
			}
		})
	}
}
