package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// fakeWeddings answers with many weddings and with one timeline. What was asked of it is kept.
type fakeWeddings struct {
	missing    string
	searches   []console.WeddingsInput
	timeline   console.WeddingTimeline
	milestones []console.SaveMilestoneInput
	compared   [][2]string
}

func (f *fakeWeddings) ListWeddings(
	_ context.Context, _ keepsake.Actor, in console.WeddingsInput,
) (console.WeddingPage, error) {
	f.searches = append(f.searches, in)
	page := console.WeddingPage{FoundWeddings: console.FoundWeddings{Missing: f.missing}}
	if in.Search == "nobody" {
		return page, nil
	}
	if in.Cursor == "x" {
		return page, keepsake.Errorf(keepsake.CodeInvalid, "This page of the list does not exist: begin with the first.")
	}
	for i := range 50 {
		days := len(in.Cursor) + i
		page.Weddings = append(page.Weddings, console.Wedding{
			DaysLeft: days,
			Phase:    keepsake.PhaseOf(days),
			Urgency:  keepsake.UrgencyOf(days),
			Wedding: engine.Wedding{
				ID:           fmt.Sprintf("w %d/2", days),
				Couple:       "Zoë & <Łukasz>",
				Organization: "Rose & Oak",
				Date:         moment.AddDate(0, 0, days),
			},
		})
	}
	point := samplePoint("20261123T070500Z-aa")
	page.Next, page.Newest = "after&50", &point
	return page, nil
}

func (f *fakeWeddings) GetWedding(_ context.Context, _ keepsake.Actor, id string) (console.WeddingTimeline, error) {
	if id != f.timeline.ID {
		return console.WeddingTimeline{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
	}
	return f.timeline, nil
}

func (f *fakeWeddings) SaveMilestone(_ context.Context, _ keepsake.Actor, in console.SaveMilestoneInput) error {
	if in.Name == "" {
		return keepsake.Errorf(keepsake.CodeInvalid, "A milestone needs a name.")
	}
	f.milestones = append(f.milestones, in)
	return nil
}

func (f *fakeWeddings) GetWeddingChanges(_ context.Context, _ keepsake.Actor, _, from, to string) (
	engine.WeddingChanges, error) {
	f.compared = append(f.compared, [2]string{from, to})
	w := engine.WeddingChanges{
		Name:        "Zoë & <Łukasz>",
		From:        moment,
		FromPoint:   "20261123T070500Z-aa",
		ToPoint:     to,
		ChunksRead:  3,
		ChunksTotal: 9,
		Tables:      damagedWedding().Tables,
	}
	if to != engine.Now {
		w.To, w.Tables = moment, nil
	}
	return w, nil
}

func longTimeline(points int) console.WeddingTimeline {
	t := console.WeddingTimeline{Now: moment, Wedding: console.Wedding{
		DaysLeft: 40,
		Phase:    keepsake.PhasePlanning,
		Urgency:  keepsake.UrgencyNormal,
		Wedding: engine.Wedding{
			ID:           "w 1/2",
			Couple:       "Zoë & <Łukasz>",
			Organization: "Rose & Oak",
			Date:         moment.Truncate(24*time.Hour).AddDate(0, 0, 40),
		},
	}}
	t.Milestones = []console.Milestone{{Name: "contract_signed", Day: moment.AddDate(0, -3, 0)},
		{Name: "day_before_wedding", Day: t.Date.AddDate(0, 0, -1), Derived: true}}
	for i := range points {
		p := samplePoint(fmt.Sprintf("p%04d", i))
		p.Time = moment.Add(-time.Duration(i) * 12 * time.Hour)
		p.Labels = map[string]string{"deploy": "v1.2 <b>"}
		t.Points = append(t.Points, p)
	}
	return t
}

func TestWeddingsAreListedAndSearched(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	body := s.get("/weddings?search=+rose+").want(http.StatusOK).body
	for _, want := range []string{"Zoë &amp; &lt;Łukasz&gt;", `href="/weddings/w%203%2F2"`, "Emergency", "Preparation",
		`value="rose"`, "/weddings?from=after%2650&amp;search=rose"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	s.get("/weddings?from=after%2650").says("Back to the nearest")
	if last := s.console.searches[1]; last.Cursor != "after&50" || s.console.searches[0].Search != "rose" {
		t.Errorf("asked for %+v", s.console.searches)
	}
	s.get("/weddings?from=x").want(http.StatusUnprocessableEntity)
	s.get("/weddings?search=nobody").want(http.StatusOK).says("No wedding fits")
	s.console.missing = "The platform does not answer."
	s.get("/weddings").want(http.StatusOK).says("Not the live platform")
}

var outside = regexp.MustCompile(`\b(x|x1|x2|cx|width|r)="-`)

func TestAWeddingHasATimeline(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.timeline = longTimeline(300)
	body := s.get("/weddings/w%201%2F2").want(http.StatusOK).body
	for _, want := range []string{"<svg", "Wedding day", "Contract signed", "Planning", "recovery points from",
		"point=p0000", "deploy v1.2 &lt;b&gt;", "days before the wedding", "288 more on the timeline"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(body, "timeline__hit"); n < 5 || n > 40 {
		t.Errorf("%d marks for 300 recovery points", n)
	}
	// none of them may leave the canvas
	for _, x := range []struct{ days, points int }{{0, 0}, {0, 1}, {-400, 3}, {-1, 400}, {1000, 2}} {
		timeline := longTimeline(x.points)
		timeline.DaysLeft, timeline.Date = x.days, moment.Truncate(24*time.Hour).AddDate(0, 0, x.days)
		s.console.timeline = timeline
		if body := s.get("/weddings/w%201%2F2").want(http.StatusOK).body; strings.Contains(body, "NaN") ||
			outside.MatchString(body) {
			t.Errorf("%+v leaves the canvas: %s", x, outside.FindString(body))
		}
	}
	s.get("/weddings/nobody").want(http.StatusNotFound)

	to := s.post("/weddings/w%201%2F2/milestones", url.Values{"name": {"tasting"}, "day": {"2026-12-01"}}).want(
		http.StatusSeeOther).header.Get("Location")
	for _, page := range []string{"/weddings/w%201%2F2", "/sessions", "/tokens"} {
		asksOnce(t, page, s.get(page).want(http.StatusOK).body)
	}
	s.post("/weddings/w%201%2F2/milestones", url.Values{"name": {"tasting"}, "forget": {"yes"}}).want(http.StatusSeeOther)
	if got := s.console.milestones; to != "/weddings/w%201%2F2" || len(got) != 2 || got[0].WeddingID != "w 1/2" ||
		got[0].Day.Format(time.DateOnly) != "2026-12-01" || !got[1].Day.IsZero() {
		t.Errorf("%s, %+v", to, got)
	}
	s.post("/weddings/w%201%2F2/milestones", url.Values{"name": {"tasting"}, "day": {"soon"}}).want(
		http.StatusUnprocessableEntity).says("write it like")
	s.post("/weddings/w%201%2F2/milestones", url.Values{"day": {"2026-12-01"}}).want(http.StatusUnprocessableEntity).says(
		"needs a name")
}

func TestWhatChangedInAWedding(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/weddings/w%201%2F2/changes").want(http.StatusOK).says("1 added · 1 changed · 1 removed")
	s.get("/weddings/w%201%2F2/changes?from=now&to=p1").want(http.StatusOK)
	s.get("/weddings/w%201%2F2/changes?from=p1&to=p2").want(http.StatusOK).says("Nothing changed")
	s.get("/weddings/w%201%2F2/changes?from=now&to=now").want(http.StatusUnprocessableEntity)
	want := [][2]string{{"latest", "now"}, {"p1", "now"}, {"p1", "p2"}}
	if fmt.Sprint(s.console.compared) != fmt.Sprint(want) {
		t.Errorf("compared %v, want %v", s.console.compared, want)
	}
}

func TestTheEmergencyPage(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.dashboard.Weddings = []console.Wedding{{
		Wedding: engine.Wedding{ID: "w 1/2", Couple: "Zoë & <Łukasz>", Date: moment}, Urgency: keepsake.UrgencyEmergency}}
	body := s.get("/emergency").want(http.StatusOK).says("What do you need?",
		"Vendor contacts now", "Restore everything").body
	for _, want := range []string{`href="/weddings/w%201%2F2/contacts"`, `href="/weddings/w%201%2F2/restore"`,
		`href="/platform/restore?mode=missing&amp;tier=`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	s.console.dashboard.WeddingsMissing, s.console.dashboard.WeddingsFrom = "10.0.0.1:5432 refused", moment
	for kind, title := range map[console.PlatformKind]string{console.PlatformAway: "The platform does not answer",
		console.PlatformRefuses:  "The platform does not let Keepsake in",
		console.PlatformReadOnly: "The platform's server is a standby"} {
		s.console.dashboard.Platform = console.PlatformState{Kind: kind, Words: "10.0.0.1:5432 refused"}
		a := s.get("/emergency").want(http.StatusOK).says(title, "recovery point of", "Vendor contacts now",
			"Look at how it was", "Restore it elsewhere", "Download everything (ZIP)")
		for _, wrong := range []string{"10.0.0.1", "Bring this wedding back", "Bring the critical tables back"} {
			if strings.Contains(a.body, wrong) {
				t.Errorf("%s: the page says %q", title, wrong)
			}
		}
		if !strings.Contains(a.body, `/restore?wedding=w+1%2F2"`) {
			t.Errorf("%s: nothing leads into a database elsewhere", title)
		}
	}
	s.console.dashboard.Platform = console.PlatformState{Kind: console.PlatformSlow}
	s.get("/emergency").want(http.StatusOK).says("The platform answers slowly", "Bring this wedding back")
	s.console.dashboard.Platform = console.PlatformState{}
	s.get("/emergency").want(http.StatusOK).says("The weddings could not be read from the platform")
	s.console.dashboard = console.Dashboard{WeddingsMissing: "nothing answers", Weddings: s.console.dashboard.Weddings}
	empty := s.get("/emergency").want(http.StatusOK).says("Neither the platform nor a recovery point",
		"no recovery point that this console knows of", "Nothing is saved yet", "Back up now")
	if strings.Contains(empty.body, "w%201%2F2/contacts") {
		t.Error("before the first backup a button leads nowhere")
	}
}

func (f *fakeWeddings) ExplainScope(_ context.Context, _ keepsake.Actor, organization bool) (*scope.Plan, error) {
	p := &scope.Plan{
		Root: "public.weddings",
		Tables: []*scope.Table{{
			Name:    "public.weddings",
			Belongs: scope.Owned,
			Why:     "it is the root of the scope",
			Key:     []string{"id"},
		},
			{Name: "public.suppliers", Belongs: scope.Shared, Why: "rows of the scope point at it", Key: []string{"id"}},
			{Name: "crm.<logs>", Belongs: scope.Outside, Why: "no reference leads from it"}},
	}
	if organization {
		p.Root = "public.organizations"
	}
	return p, nil
}

func TestWhatBelongsToAWedding(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/weddings/scope").want(http.StatusOK).says("What belongs to a wedding", "public.weddings",
		"it is the root of the scope", "Used by it", "crm.<logs>", "compared as a whole")
	s.get("/weddings/scope?of=organization").want(http.StatusOK).says("What belongs to an organization",
		"public.organizations")
}

// TestAWeddingThatHasNoDayYet is drawn like the others, and nothing is said of a day that nobody knows.
func TestAWeddingThatHasNoDayYet(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.timeline = longTimeline(300)
	s.console.timeline.Date, s.console.timeline.DaysLeft, s.console.timeline.Phase = time.Time{}, 0, keepsake.PhasePlanning
	s.console.timeline.Milestones = nil
	body := s.get("/weddings/w%201%2F2").want(http.StatusOK).says("no date yet", "Open", "Planning").body
	for _, no := range []string{"Wedding day</text>", "Today</b>", "days after the wedding", "Jan 0001"} {
		if strings.Contains(body, no) {
			t.Errorf("the page says %q", no)
		}
	}
}
