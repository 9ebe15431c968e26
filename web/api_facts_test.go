package web_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
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
