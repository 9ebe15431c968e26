package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/operation"
)

// answerOf returns what the API answers to a GET, into a document.
func answerOf[T any](t *testing.T, s *site, path string) T {
	t.Helper()
	var to T
	if err := json.Unmarshal([]byte(s.asked(http.MethodGet, path).want(http.StatusOK).body), &to); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestAPointOfTheFutureIsTooOldInTheAPI: the platform's clock was ahead, so nobody knows how old the point is. A clock
// that is ahead by a minute is none of that.
func TestAPointOfTheFutureIsTooOldInTheAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := &s.console.dashboard
	d.MaxAge = 24 * time.Hour
	for age, old := range map[time.Duration]bool{
		-time.Hour: true, -time.Minute: false, time.Hour: false, 25 * time.Hour: true,
	} {
		d.Newest.Time, d.Age = d.Now.Add(-age), age
		got := answerOf[struct {
			TooOld          bool `json:"too_old"`
			ProtectedTooOld bool `json:"protected_too_old"`
		}](t, s, "/api/compliance")
		if got.TooOld != old || got.ProtectedTooOld != old {
			t.Errorf("of an age of %s: %+v", age, got)
		}
	}
}

// TestTheAPISaysThatADutyIsSilent, as the page does: its worker has gone in the middle of it.
func TestTheAPISaysThatADutyIsSilent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.duties = []console.DutyState{
		{Name: "sweep", Who: operation.OneHolder, Silent: true, Began: moment, Ended: moment.Add(-time.Hour)},
		{Name: "seal_audit", Who: operation.OneHolder, Running: true, Began: moment},
	}
	got := answerOf[struct {
		Duties []struct{ Running, Silent bool }
	}](t, s, "/api/duties")
	if len(got.Duties) != 2 || !got.Duties[0].Silent || got.Duties[0].Running || got.Duties[1].Silent {
		t.Errorf("%+v", got)
	}
}

// TestTheAPISaysWhichNewerPointsWerePassedBy: latest means an older point then, as the page says too.
func TestTheAPISaysWhichNewerPointsWerePassedBy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.console.preview = damagedWedding()
	preview := func() (passed []string, found bool) {
		var got struct{ Preview map[string]json.RawMessage }
		body := restoring(t, s, `{"wedding":"w 1/2","point":"latest"}`)
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Preview["fingerprint"] == nil {
			t.Fatalf("%s: %v", body, err)
		}
		list, found := got.Preview["passed"]
		if found {
			if err := json.Unmarshal(list, &passed); err != nil {
				t.Fatal(err)
			}
		}
		return passed, found
	}
	if passed, found := preview(); found {
		t.Errorf("none was passed by, and it says %v", passed)
	}
	want := []string{"The newer recovery point 20261123T070500Z-aa cannot be read, so an older one is taken."}
	s.console.preview.Passed = want
	if passed, _ := preview(); !slices.Equal(passed, want) {
		t.Errorf("passed by: %v", passed)
	}
}
