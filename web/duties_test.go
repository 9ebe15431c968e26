package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// TestDutiesPage says of each duty how it last ended, and when it is done next: in how long, and in which zone.
func TestDutiesPage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	ended := moment.Add(-4 * time.Minute)
	s.console.duties = []console.DutyState{
		{
			Name:  "check_providers",
			Does:  "check the providers",
			Every: 30 * time.Second,
			Who:   operation.EachProcess,
			Ended: ended,
		},
		{
			Name:  "keep_access",
			Does:  "keep who may sign in",
			Every: time.Hour,
			Who:   operation.OneHolder,
			Ended: ended,
			Next:  moment.Add(3 * time.Hour),
		},
		{
			Name:    "seal_audit",
			Does:    "seal the trail",
			Every:   time.Hour,
			Who:     operation.OneHolder,
			Ended:   ended,
			Failed:  true,
			Message: "the store is <away>",
			Next:    moment.Add(time.Minute),
		},
		{
			Name:  "sweep",
			Does:  "remove sessions",
			Every: time.Hour,
			Who:   operation.OneHolder,
			Ended: ended,
			Next:  moment.Add(-time.Hour),
		},
		{Name: "new", Does: "do what is new", Every: time.Hour, Who: operation.OneHolder},
		{Name: "busy", Does: "do it long", Every: time.Hour, Who: operation.OneHolder, Running: true, Next: moment},
		{
			Name:  "due",
			Does:  "look after the months",
			Every: time.Hour,
			Who:   operation.OneHolder,
			Ended: ended,
			Next:  moment.Add(-time.Second),
		},
	}
	a := s.get("/duties").says("Check the providers", "every 30 s", "Each worker does it", "4 min ago", "in 3 h",
		"UTC", "Failed", "the store is <away>", "Late: see that a worker runs",
		"Not yet", "When a worker runs", "Running", "Now", "Due now")
	if strings.Contains(a.body, "<away>") {
		t.Error("what a store said is markup")
	}
	s.get("/operations").one("a", "href", "/duties")
	s.console.listErr = keepsake.Errorf(keepsake.CodeForbidden, "It concerns the whole platform.")
	s.get("/duties").want(http.StatusForbidden)
}
