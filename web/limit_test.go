package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAUsedUpLimitSaysWhenToTryAgain in words on the form and in headers, for people and for what htmx swaps.
func TestAUsedUpLimitSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	q := keepsake.Quota{Name: "full", Most: 2, Window: time.Hour, Reset: 42*time.Minute + 300*time.Millisecond}
	s.console.estimate.Quotas = map[keepsake.BackupType]keepsake.Quota{keepsake.BackupFull: q, keepsake.BackupIncremental: {Name: "incremental", Most: 12, Left: 11}}
	s.get("/backups/new").want(http.StatusOK).says("You can start 11 more of these within the hour; 12 are the most.")
	s.console.startErr = &keepsake.Error{Code: keepsake.CodeLimited, Err: q, Message: "You have started as many full backups as one person may within an hour: 2."}
	for _, header := range [][]string{nil, {"HX-Request", "true"}} {
		a := s.post("/backups", url.Values{"type": {"full"}}, header...).want(http.StatusTooManyRequests)
		a.says("as many full backups", "the next one can start in 42 min")
		a.sets(map[string]string{"Retry-After": "2521", "RateLimit-Policy": `"full";q=2;w=3600`, "RateLimit": `"full";r=0;t=2521`})
	}
	// Any other page answers alike: the error handler writes the same headers.
	s.post("/operations/op1/cancel", url.Values{}).want(http.StatusTooManyRequests).says("too often").sets(map[string]string{"Retry-After": "2521"})
}

// sets fails unless the answer has the headers.
func (a answer) sets(want map[string]string) {
	a.t.Helper()
	for name, value := range want {
		if got := a.header.Get(name); got != value {
			a.t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}
