package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestRepairButton shows a provider that works and lacks the newest recovery point: its card says so, and a plain form
// repairs it. A backup that ended unprotected is not said to have failed.
func TestRepairButton(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	d := &s.console.dashboard
	for i := range d.Providers {
		d.Providers[i].Reachable, d.Providers[i].Error = true, ""
	}
	if a := s.get("/").want(http.StatusOK); len(a.all("form", "action", "/repairs")) != 0 {
		t.Error("a repair is offered where nothing is missing")
	} else {
		var offered []string
		for _, form := range a.all("form", "action", "/providers/check") {
			offered = append(offered, fields(form).Get("provider"))
		}
		var all []string
		for _, p := range d.Providers {
			all = append(all, p.Name)
		}
		if !slices.Equal(offered, all) {
			t.Errorf("a check is offered at %v, want each of %v: a provider that works may have been taken away a second ago",
				offered, all)
		}
	}
	last := len(d.Providers) - 1
	d.Providers[last].Behind = true
	d.Newest.Copies[2].Confirmed = false
	d.Protection = keepsake.JudgeProtection(d.Newest.Copies)
	d.LastBackup = &console.Operation{ID: "op9", Kind: console.KindBackup, State: console.StateDone}
	d.Alarm, d.AlarmText = console.AlarmFailed, "The newest recovery point does not meet the 3-2-1 rule."
	a := s.get("/").want(http.StatusOK).says("Works, lacks the newest",
		"The latest backup finished, and is not fully protected", "Repair")
	if strings.Contains(a.text(), "did not finish") {
		t.Error("what finished is said not to have finished")
	}
	s.post("/repairs", fields(a.one("form", "action", "/repairs"))).want(http.StatusSeeOther)
	if s.console.repairs != 1 {
		t.Errorf("%d repairs were started, want 1", s.console.repairs)
	}
	d.Providers[last].Error = "403 from the bucket"
	if a := s.get("/").want(http.StatusOK).says("Fails, lacks the newest", "403 from the bucket", "Check again"); len(
		a.all("form", "action", "/repairs")) != 1 {
		t.Error("no repair is offered for a provider that fails")
	} else {
		s.post("/providers/check", fields(a.all("form", "action", "/providers/check")[last])).want(http.StatusSeeOther)
	}
	if len(s.console.checks) != 1 || s.console.checks[0] != d.Providers[last].Name {
		t.Errorf("checked: %v", s.console.checks)
	}
}

// TestABadCopyIsRepairedFromItsPoint: the card of a provider that holds the newest point says nothing of an older one's
// bad copy.
func TestABadCopyIsRepairedFromItsPoint(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	page := "/points/" + s.console.points[0].ID
	for i := range s.console.points[0].Copies {
		s.console.points[0].Copies[i].Confirmed = true
	}
	if a := s.get(page).want(http.StatusOK); len(a.all("form", "action", "/repairs")) != 0 {
		t.Error("a repair is offered where every copy is sound")
	}
	s.console.points[0].Copies[0].Confirmed, s.console.points[0].Copies[0].Error = false, "A chunk is not what was stored."
	a := s.get(page).want(http.StatusOK).says("Start it after a repair at the command line, too")
	s.post("/repairs", fields(a.one("form", "action", "/repairs"))).want(http.StatusSeeOther)
	if s.console.repairs != 1 {
		t.Errorf("%d repairs were started, want 1", s.console.repairs)
	}
}

// TestFormSaysWhatStopsABackup tells a finding that stops a backup from one that leaves it without a copy.
func TestFormSaysWhatStopsABackup(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.estimate.Findings = []engine.CheckFinding{{
		Area:    "provider offsite",
		Level:   "error",
		Message: "403 from the bucket",
	}}
	a := s.get("/backups/new").want(http.StatusOK).says("A backup started now would not be fully protected",
		"403 from the bucket", "See the providers and repair")
	if strings.Contains(a.text(), "would stop at this") {
		t.Error("a failing provider is said to stop a backup")
	}
	s.console.estimate.Findings = []engine.CheckFinding{{
		Area:    "platform",
		Level:   "error",
		Message: "it may not be read",
		Action:  "let it be read",
	}}
	s.get("/backups/new").want(http.StatusOK).says("A backup started now would stop at this",
		"platform: It may not be read. Let it be read.")
}
