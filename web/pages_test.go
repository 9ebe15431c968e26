package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// locked is a log that the server's goroutines may write while a test reads.
type locked struct {
	mu sync.Mutex
	w  strings.Builder
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.String()
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func TestEveryPageNeedsASession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	// for everybody
	open := []string{"/sign-in", "/sign-in/code", "/sign-out", "/theme",
		"/healthz", "/readyz", "/static/*", "/api/docs", "/api/openapi.json"}
	tried := 0
	for _, r := range s.handler().Routes() {
		if r.Method == echo.RouteNotFound || slices.Contains(open, r.Path) {
			continue
		}
		tried++
		a := s.do(r.Method, strings.NewReplacer(":id", "x", "*", "x").Replace(r.Path), nil)
		if strings.HasPrefix(r.Path, "/api/") {
			a.want(http.StatusUnauthorized)
		} else if to := a.want(http.StatusSeeOther).header.Get("Location"); to != "/sign-in" &&
			!strings.HasPrefix(to, "/sign-in?") {
			t.Errorf("%s %s goes to %q", r.Method, r.Path, to)
		}
	}
	if tried < 80 {
		t.Errorf("%d routes were tried: the test proves nothing", tried)
	}
	s.get("/points", "HX-Request", "true").want(http.StatusUnauthorized)
	s.get("/operations/x/events", "Accept", "text/event-stream").want(http.StatusUnauthorized)
	if len(s.console.actors) != 0 {
		t.Errorf("the console was asked %d times for nobody", len(s.console.actors))
	}
}

func TestEveryPageCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	for _, path := range []string{"/", "/backups/new", "/operations", "/operations/op1", "/points",
		"/points/20261123T070500Z-aa", "/points/20261123T070500Z-aa/restore", "/nothing"} {
		a := s.get(path)
		csp := a.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") ||
			a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, a.header)
		}
		for n := range a.doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "style" || attr(n, "style") != "" ||
				(n.Data == "script" && (n.FirstChild != nil || attr(n, "src") == "")) {
				t.Errorf("%s has inline style or script in <%s>", path, n.Data)
			}
			for _, at := range n.Attr {
				if strings.HasPrefix(at.Key, "on") || ((at.Key == "src" || (at.Key == "href" && n.Data == "link")) &&
					!strings.HasPrefix(at.Val, "/static/")) {
					t.Errorf("%s: <%s %s=%q>", path, n.Data, at.Key, at.Val)
				}
			}
		}
		a.one("main", "id", "main")
		a.one("a", "href", "#main")
	}
}

func TestPagesLabelTheirFields(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for _, path := range []string{"/backups/new", "/points/20261123T070500Z-aa", "/points/20261123T070500Z-aa/restore",
		"/sign-in"} {
		a := s.get(path)
		labels := map[string]bool{}
		for _, l := range a.all("label", "", "") {
			labels[attr(l, "for")] = true
		}
		for _, name := range []string{"input", "select"} {
			for _, n := range a.all(name, "", "") {
				if kind := attr(n, "type"); kind != "hidden" && kind != "radio" && kind != "checkbox" && !labels[attr(n, "id")] {
					t.Errorf("%s: %s %q has no label", path, name, attr(n, "name"))
				}
			}
		}
		if len(a.all("h1", "", "")) != 1 && path != "/sign-in" {
			t.Errorf("%s has %d headings of the first level", path, len(a.all("h1", "", "")))
		}
	}
}

func TestDashboardSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/").want(http.StatusOK).says("Protected, but a provider fails", "12 min ago", "Priya & Tom", "1 day",
		"Execution", "Emergency", "403 from the bucket", "Fails")

	s.console.dashboard.Newest.Copies[2].Confirmed = false
	s.console.dashboard.Protection = keepsake.JudgeProtection(s.console.dashboard.Newest.Copies)
	s.console.dashboard.Alarm, s.console.dashboard.AlarmText = console.AlarmLate,
		"The newest recovery point is 2 days old."
	s.console.dashboard.Running = []console.Operation{runningBackup("op1")}
	stored := *s.console.dashboard.Newest
	stored.Copies = slices.Clone(stored.Copies)
	a := s.get("/").says("Not fully protected", "2 of 3 confirmed", "0 of 1 confirmed",
		"The newest recovery point is 2 days old.", "40 %")
	a.one("section", "sse-connect", "/operations/op1/events?after=7")

	s.console.dashboard = console.Dashboard{
		Now:             moment,
		Alarm:           console.AlarmNever,
		WeddingsMissing: "The platform does not answer.",
		Platform:        console.PlatformState{Kind: console.PlatformAway, Words: "The platform does not answer."},
	}
	s.get("/").says("There is no backup yet", "The platform does not answer. Backups must wait")

	// Under a banner that the platform is away nothing is simply protected, and nothing is said twice.
	stored.Copies[2].Confirmed = true
	away := "The platform does not answer: the platform's database did not answer within 5 s."
	s.console.dashboard = console.Dashboard{
		Now:             moment,
		Newest:          &stored,
		Protection:      keepsake.JudgeProtection(stored.Copies),
		WeddingsMissing: away + " Weddings are shown as the newest recovery point knows them.",
		Platform:        console.PlatformState{Kind: console.PlatformAway, Words: away},
	}
	a = s.get("/").says("What is stored is protected", "Nothing new has been stored since the newest recovery point",
		away+" Backups must wait", "Weddings are shown as")
	if strings.Contains(a.text(), "Everything is protected") || strings.Count(a.text(), "does not answer") != 1 {
		t.Errorf("%s", a.text())
	}
}

func TestStartBackup(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.get("/backups/new").says("What will be covered", "about 40 s", "38", "Left out")
	form := fields(a.one("form", "action", "/backups"))
	if form.Get("type") != "incremental" {
		t.Fatalf("the form starts with type %q", form.Get("type"))
	}
	form.Set("note", "before the move")
	to := s.post("/backups", form).want(http.StatusSeeOther).header.Get("Location")
	if to != "/operations/op1" || len(s.console.backups) != 1 || s.console.backups[0].Note != "before the move" {
		t.Fatalf("went to %q after %+v", to, s.console.backups)
	}
	if hx := s.post("/backups", form, "HX-Request", "true").want(http.StatusNoContent).header.Get(
		"HX-Redirect"); hx != "/operations/op1" {
		t.Errorf("htmx is sent to %q", hx)
	}
	for _, actor := range s.console.actors {
		if actor.Name != admin.Name || actor.Address == "" {
			t.Fatalf("the console was asked by %+v", actor)
		}
	}
}

func TestStartBackupRefusals(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	long := url.Values{"type": {"full"}, "note": {strings.Repeat("ü", 501)}}
	a := s.post("/backups", long).want(http.StatusUnprocessableEntity).says("501 characters")
	if note := a.one("input", "id", "note"); attr(note, "aria-invalid") != "true" ||
		attr(note, "value") != strings.Repeat("ü", 501) {
		t.Error("the note is not marked, or what was typed is lost")
	}
	s.post("/backups", url.Values{"type": {"wedding"}}).want(http.StatusUnprocessableEntity).says(
		"Choose one of these three")
	if len(s.console.backups) != 0 {
		t.Fatal("a refused form reached the console")
	}
	s.console.startErr = keepsake.Errorf(keepsake.CodeConflict, "a backup is already running")
	a = s.post("/backups", url.Values{"type": {"full"}}, "HX-Request", "true").want(http.StatusConflict).says(
		"a backup is already running.")
	a.one("div", "id", "backup-form")
	a.one("a", "href", "/operations/op1")
	if len(a.all("main", "", "")) != 0 {
		t.Error("htmx got a whole page instead of the form")
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	for code, want := range map[keepsake.Code]int{
		keepsake.CodeInvalid: 422, keepsake.CodeUnsupported: 422, keepsake.CodeNotFound: 404, keepsake.CodeConflict: 409,
		keepsake.CodeForbidden: 403, keepsake.CodeUnavailable: 503, keepsake.CodeInternal: 500, keepsake.CodeDamaged: 500,
		keepsake.CodeWrongKey: 500, keepsake.CodeUnknown: 503,
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			s := signedIn(t)
			s.console.listErr = keepsake.Errorf(code, "words for %s: %w", code, fmt.Errorf("password=hunter2"))
			a := s.get("/points").want(want)
			if code == keepsake.CodeInternal && strings.Contains(a.body, "hunter2") {
				t.Error("an internal cause reached the page")
			}
			if code != keepsake.CodeInternal {
				a.says("words for")
			}
			part := s.get("/points", "HX-Request", "true").want(want)
			if part.one("div", "id", "problem"); len(part.all("main", "", "")) != 0 {
				t.Error("htmx got a whole page")
			}
		})
	}
	s := newSite(t)
	s.get("/no/such/page").want(http.StatusNotFound).says("There is nothing at this address")
	s.do(http.MethodDelete, "/points", nil).want(http.StatusNotFound)
	if a := s.get("/healthz").want(http.StatusOK); a.body != "ok\n" {
		t.Errorf("healthz says %q", a.body)
	}
	s.do(http.MethodHead, "/healthz", nil).want(http.StatusOK) // what many monitors ask with
}

func TestPointsListAndEmptyState(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.get("/points").says("Protected", "before <b>the</b> change")
	if strings.Contains(a.body, "<b>the</b>") {
		t.Error("a note is not escaped")
	}
	if next := attr(a.one("a", "rel", "next"), "href"); next != "/points?cursor=older" {
		t.Errorf("older points are at %q", next)
	}
	if a = s.get("/points?cursor=older"); len(a.all("a", "rel", "next")) != 0 {
		t.Error("the last page has a next one")
	}
	s.console.points = nil
	s.get("/points").says("No recovery point yet", "Make the first backup")
}

func TestPointPage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.get("/points/20261123T070500Z-aa").want(http.StatusOK).says("Mon 23 Nov 2026, 07:05 UTC", "users", "60 %",
		"6 of 10 pieces", "clicks", "lives elsewhere", "0/5A3F2B8", "PostgreSQL 15.4", "Never tested")
	if len(a.all("abbr", "title", "00112233445566778899aabbccddeeff")) != 1 {
		t.Error("the whole checksum is not there")
	}
	form := fields(a.one("form", "action", "/points/20261123T070500Z-aa/verify"))
	form.Set("deep", "yes")
	s.post("/points/20261123T070500Z-aa/verify", form).want(http.StatusSeeOther)
	s.post("/points/verify", nil).want(http.StatusSeeOther)
	want := []console.StartVerifyInput{{Point: "20261123T070500Z-aa", Deep: true}, {}}
	if fmt.Sprint(s.console.verifies) != fmt.Sprint(want) {
		t.Errorf("verifications %+v, want %+v", s.console.verifies, want)
	}
	s.get("/points/other").want(http.StatusNotFound).says("There is no recovery point other.")
	a.says("no verification has counted them yet", "no whole restore has been measured yet")
	s.console.points[0].Proof = &engine.PointProof{
		RowsExpected: 599499,
		RowsFound:    599400,
		Integrity:    map[string]float64{"local": 1, "s3": 0.5},
		Tables:       []engine.TableProof{{Table: "public.users", RowsExpected: 480, RowsFound: 381}},
	}
	s.get("/points/20261123T070500Z-aa").want(http.StatusOK).says("599,400", "of 599,499 expected", "75 %",
		"only 381 found")
}

func TestRestoreNeedsTheTypedName(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	base := "/points/20261123T070500Z-aa/restore"
	form := fields(s.get(base).want(http.StatusOK).one("form", "action", base))
	if form.Get("database") != "wedsync_restored_20261123_0717" || form.Get("target") != "platform" ||
		len(form["tier"]) != 3 {
		t.Fatalf("the form starts as %v", form)
	}
	for field, bad := range map[string]string{"database": "Wed Sync", "target": "elsewhere", "provider": "nobody"} {
		wrong := url.Values{}
		for k, v := range form {
			wrong[k] = v
		}
		wrong.Set(field, bad)
		s.post(base, wrong).want(http.StatusUnprocessableEntity).one("p", "id", field+"-error")
	}
	form.Set("database", "wedsync")
	s.post(base, form).want(http.StatusUnprocessableEntity).says("That is the platform's own database")
	form.Set("database", "wedsync_again")
	form["tier"] = []string{"critical"}
	confirm := fields(s.post(base, form).want(http.StatusOK).says("wedsync_again on platform", "critical").one("form",
		"action", base+"/confirm"))
	confirm.Set("confirm", "wedsync_agai")
	s.post(base+"/confirm", confirm).want(http.StatusUnprocessableEntity).says("That is not the name")
	if len(s.console.restores) != 0 {
		t.Fatal("a restore started without its confirmation")
	}
	confirm.Set("confirm", "wedsync_again")
	if to := s.post(base+"/confirm", confirm).want(http.StatusSeeOther).header.Get("Location"); to != "/operations/op3" {
		t.Errorf("went to %q", to)
	}
	got := s.console.restores[0]
	if got.Database != "wedsync_again" || got.Confirmation != "wedsync_again" || got.Target != "platform" ||
		got.Scope != keepsake.MustScope(keepsake.TierScope(keepsake.TierCritical)) {
		t.Errorf("restored %+v", got)
	}
	s.console.startErr = keepsake.Errorf(keepsake.CodeConflict, "the database wedsync_again is not empty")
	s.post(base+"/confirm", confirm).want(http.StatusConflict).says("the database wedsync_again is not empty.")
}

func TestCancelAsksFirst(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	a := s.get("/operations/op1/cancel").says("Cancel this backup?", "It is 40 % done.")
	a.one("form", "action", "/operations/op1/cancel")
	s.post("/operations/op1/cancel", nil).want(http.StatusSeeOther)
	if len(s.console.cancelled) != 1 {
		t.Fatal("not cancelled")
	}
	done := runningBackup("op1")
	done.State = console.StateCancelled
	s.console.operations["op1"] = done
	if a = s.get("/operations/op1/cancel").says("nothing to cancel"); len(
		a.all("form", "action", "/operations/op1/cancel")) != 0 {
		t.Error("an ended operation offers to be cancelled")
	}
}

// TestCancellingAsksForThePassword where it is somebody else's restore, and leads back to the question.
func TestCancellingAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = console.Operation{ID: "op1", Kind: console.KindRestore, State: console.StateRunning,
		RequestedByID: "b", CreatedAt: moment}
	s.auth.mu.Lock()
	for id, a := range s.auth.sessions {
		a.Session = id // which has proven nothing lately
		s.auth.sessions[id] = a
	}
	s.auth.mu.Unlock()
	s.get("/operations/op1/cancel").says("Give your password first", "somebody else’s restore")
	s.console.startErr = keepsake.Errorf(keepsake.CodeProof, "Give your password again first.")
	if to := s.post("/operations/op1/cancel", nil).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/prove?next=%2Foperations%2Fop1%2Fcancel" {
		t.Errorf("goes to %s", to)
	}
}

// TestASecondPersonApproves: who asked sees that somebody else decides, somebody else can, and their answer leads to
// the operation.
func TestASecondPersonApproves(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	o := console.Operation{
		ID:            "op1",
		Kind:          console.KindRestore,
		State:         console.StateProposed,
		Database:      "fresh",
		Target:        "platform",
		RequestedBy:   "bea@example.org",
		RequestedByID: "b",
		CreatedAt:     moment,
	}
	s.console.operations["op1"] = o
	a := s.get("/operations/op1").says("Waits for approval", "bea@example.org asks you to approve this",
		"fills a new database")
	a.one("form", "action", "/operations/op1/approve")
	a.one("div", "hx-trigger", "sse:decided")
	s.get("/operations/op1/cancel").says("Take this request back?")
	if to := s.post("/operations/op1/approve", nil).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/operations/op1" || len(s.console.approved) != 1 {
		t.Errorf("goes to %s, approved %v", to, s.console.approved)
	}
	for code, want := range map[keepsake.Code]string{keepsake.CodeProof: "/prove?next=%2Foperations%2Fop1",
		keepsake.CodeConflict: "/operations/op1"} {
		s.console.startErr = keepsake.Errorf(code, "not now")
		if to := s.post("/operations/op1/approve", nil).want(http.StatusSeeOther).header.Get("Location"); to != want {
			t.Errorf("%s goes to %s", code, to)
		}
	}
	s.console.startErr = keepsake.Errorf(keepsake.CodeForbidden, "You asked for this restore yourself.")
	s.post("/operations/op1/approve", nil).want(http.StatusForbidden).says("You asked for this restore yourself.")
	o.RequestedByID, o.Kind = admin.ID, console.KindScoped
	s.console.operations["op1"] = o
	if a = s.get("/operations/op1").says("Another super admin must approve this"); len(
		a.all("form", "action", "/operations/op1/approve")) != 0 {
		t.Error("who asked is offered to approve")
	}
}

func TestOperationPages(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	s.console.logs["op1"] = []console.LogLine{{
		ID: 5, LogLine: engine.LogLine{Time: moment, Level: "warn", Message: "slow <provider>"}}}
	a := s.get("/operations/op1").says("Full backup", "40 %", "users", "0 of 1 table · 400 of about 1,000 rows",
		"403 from the bucket", "slow <provider>", "about 15 s left")
	a.one("div", "sse-connect", "/operations/op1/events?after=7")
	a.one("li", "id", "log-5")
	if !strings.Contains(a.body, `<noscript><meta http-equiv="refresh" content="5"></noscript>`) {
		t.Error("a live page does not reload itself without script")
	}
	done := runningBackup("op2")
	done.State, done.Lacks = console.StateDone, "no offsite copy"
	done.Backup = &engine.BackupResult{
		Point:       "p1",
		Tables:      2,
		Rows:        50,
		ChunksNew:   4,
		ChunksTotal: 10,
		Lacks:       "no offsite copy",
		NotCarried:  []keepsake.NotCarried{{Kind: "foreign table", Name: "clicks", Reason: "lives elsewhere"}},
	}
	s.console.operations["op2"] = done
	a = s.get("/operations/op2").says("Saved, but not fully protected", "no offsite copy", "clicks", "Not fully protected")
	if strings.Contains(a.body, "sse-connect") || strings.Contains(a.body, "http-equiv") {
		t.Error("an ended operation is still live")
	}
	a.one("a", "href", "/points/p1")
	failed := runningBackup("op3")
	failed.State, failed.ErrorMessage = console.StateFailed, "the platform closed the connection"
	s.console.operations["op3"] = failed
	s.get("/operations/op3").says("The backup failed", "the platform closed the connection. No recovery point was made")
	restored := console.Operation{
		ID:       "op4",
		Kind:     console.KindRestore,
		State:    console.StateDone,
		OK:       false,
		Database: "x",
		Restore:  &engine.RestoreResult{Point: "p1", TierSeconds: map[string]float64{"critical": 12}},
	}
	s.console.operations["op4"] = restored
	s.get("/operations/op4").says("Restored, but not proven", "Not proven", "12 s (promised within 15 min)")
	excepted := restored
	excepted.ID, excepted.Restore = "op5", &engine.RestoreResult{
		Point:    "p1",
		Verified: true,
		Outcome:  engine.OutcomeExceptions,
		Message:  "Restored with exceptions: 600 things could not be made.",
	}
	for i := range 600 {
		excepted.Restore.Exceptions = append(excepted.Restore.Exceptions,
			keepsake.Exception{
				Kind:    "grant",
				Object:  fmt.Sprintf("TABLE t%d <b>", i),
				Code:    "42704",
				Error:   `role "app" does not exist`,
				SQL:     "GRANT SELECT ON t TO app",
				Means:   "Nobody has this right.",
				Because: "table public.t",
				SQLNote: "keepsake schema POINT --entry 7 prints it.",
			})
	}
	s.console.operations["op5"] = excepted
	a = s.get("/operations/op5").says("Restored with exceptions", "600 things", "TABLE t0 <b>", "GRANT SELECT ON t TO app",
		"SQLSTATE 42704", "Because the table public.t could not be made.",
		"keepsake schema p1 --entry 7", "The other 490", "And 100 more")
	if strings.Contains(a.body, "Restored and proven") {
		t.Error("a restore with exceptions reads as plain success")
	}
	a = s.get("/operations").says("Full backup", "Restore to x", "Restored with exceptions", "600 exceptions")
	if next := attr(a.one("a", "rel", "next"), "href"); next != "/operations?cursor=older%26page" {
		t.Errorf("older operations are at %q", next)
	}
	s.get("/operations/nothing").want(http.StatusNotFound)
}
