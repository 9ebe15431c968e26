package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// pointsBeside is how many recovery points stand beside a timeline; its marks lead to all.
const pointsBeside = 12

type weddingReader interface {
	GetWedding(ctx context.Context, actor keepsake.Actor, id string) (console.WeddingTimeline, error)
}

// ShowWedding draws one wedding: its time, its recovery points and what can be done.
func ShowWedding(pages Pages, con weddingReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := weddingPage(c, pages, con)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.OneWeddingPage(vm))
	}
}

func weddingPage(c echo.Context, pages Pages, con weddingReader) (views.WeddingPage, error) {
	t, err := con.GetWedding(c.Request().Context(), actor(c), weddingParam(c))
	if err != nil {
		return views.WeddingPage{}, err
	}
	clock, base := pages.clock(), weddingURL(t.ID)
	vm := views.WeddingPage{
		Shell: pages.Shell(c, t.Couple, "weddings"), Wedding: weddingOf(t.Wedding),
		Notices: weddingNotices(t.Missing, false, ""), Timeline: timelineOf(t, clock),
		ChangesURL: base + "/changes", MilestonesURL: base + "/milestones",
		BackupURL: "/backups/new?" + url.Values{"type": {string(keepsake.BackupIncremental)}, "wedding": {t.ID}}.Encode(),
		Figures:   weddingFigures(t, clock),
	}
	vm.Offers = weddingOffers(vm.Shell, t.Platform, t.ID, cmp.Or(t.Newest, newestOf(t.Points)))
	vm.Offers.ContactsText, vm.Offers.RestoreText = "Vendor contacts", "Compare and bring back"
	if t.Platform.Writable() {
		vm.Moments = []views.PointOption{{Value: engine.Now, Text: "now, in the live platform"}}
	}
	for i, p := range t.Points {
		if i < pointsOffered {
			option := views.PointOption{Value: p.ID, Text: momentText(p.Time, clock)}
			vm.Earlier, vm.Moments = append(vm.Earlier, option), append(vm.Moments, option)
		}
		if i < pointsBeside {
			point := weddingPoint(t, p, clock)
			if i == 0 && !t.Platform.Writable() {
				point.ChangesURL = "" // nothing newer can be read
			}
			vm.Points = append(vm.Points, point)
		}
	}
	if more := len(t.Points) - pointsBeside; more > 0 {
		vm.MorePoints = fmt.Sprintf("%s more on the timeline.", format.Count(int64(more)))
	}
	for _, m := range t.Milestones {
		vm.Milestones = append(vm.Milestones, views.MilestoneRow{Name: format.Title(m.Name), Value: m.Name,
			Day: format.Date(m.Day), Away: away(keepsake.DaysBefore(m.Day, t.Now)), Derived: m.Derived})
	}
	return vm, nil
}

// newestOf is the newest of a wedding's recovery points, "" where there is none.
func newestOf(points []console.Point) string {
	if len(points) == 0 {
		return ""
	}
	return points[0].ID
}

func momentText(at time.Time, clock format.Clock) string {
	return clock.Second(at) + " (" + clock.Relative(at) + ")"
}

// away says how far off a day is: "in 12 days", "today", "3 days ago".
func away(days int) string {
	n, unit := format.Days(days)
	switch {
	case days == 0:
		return "today"
	case days > 0:
		return "in " + n + " " + unit
	default:
		return n + " " + unit
	}
}

// weddingPoint is a recovery point beside a wedding's timeline.
func weddingPoint(t console.WeddingTimeline, p console.Point, clock format.Clock) views.WeddingPoint {
	base, q := weddingURL(t.ID), "?point="+url.QueryEscape(p.ID)
	out := views.WeddingPoint{
		URL: pointURL(p.ID), Type: format.Title(p.Type), Note: p.Note, When: clock.When(p.Time), State: pointState(p),
		NewURL:  pointURL(p.ID) + "/restore?" + url.Values{"wedding": {t.ID}}.Encode(),
		ThenURL: base + "/then" + q, RestoreURL: base + "/restore" + q, ChangesURL: base + "/changes?from=" +
			url.QueryEscape(p.ID), DaysBefore: beforeWedding(t, p.Time),
	}
	out.Labels = append(out.Labels, marked(t.ID, p)...)
	for _, name := range sortedKeys(p.Labels) {
		out.Labels = append(out.Labels, name+" "+p.Labels[name])
	}
	return out
}

// marked are the reasons why a recovery point was made for a wedding.
func marked(wedding string, p console.Point) (out []string) {
	for _, m := range p.Weddings {
		switch {
		case m.Wedding != wedding:
		case m.Milestone != "":
			out = append(out, format.Title(m.Milestone))
		case m.Phase != "":
			out = append(out, "Entered "+strings.ToLower(format.Title(string(m.Phase))))
		default:
			out = append(out, "Made for this wedding")
		}
	}
	return out
}

// beforeWedding says where on a wedding's way a moment lies.
func beforeWedding(t console.WeddingTimeline, at time.Time) string {
	switch days := keepsake.DaysBefore(t.Date, at); {
	case t.Date.IsZero():
		return "before the wedding"
	case days == 0:
		return "on the wedding day"
	case days < 0:
		return format.Plural(int64(-days), "day", "days") + " after the wedding"
	default:
		return format.Plural(int64(days), "day", "days") + " before the wedding"
	}
}

func weddingFigures(t console.WeddingTimeline, clock format.Clock) []ui.Figure {
	out := []ui.Figure{{Label: "Days left", Value: format.Count(int64(t.DaysLeft)), Hint: format.Title(string(t.Phase))}}
	switch {
	case t.Date.IsZero():
		out[0] = ui.Figure{Label: "Wedding day", Value: "Open", Hint: format.Title(string(t.Phase))}
	case t.DaysLeft < 0:
		out[0] = ui.Figure{Label: "Days since", Value: format.Count(int64(-t.DaysLeft)), Hint: format.Title(string(t.Phase))}
	}
	if len(t.Points) == 0 {
		return append(out, ui.Figure{Label: "Recovery points", Value: "0", Hint: "nothing could be brought back"})
	}
	newest, protected := t.Points[0], 0
	for _, p := range t.Points {
		if p.Protected {
			protected++
		}
	}
	out = append(out,
		ui.Figure{Label: "Recovery points", Value: format.Count(int64(len(t.Points))),
			Hint: fmt.Sprintf("%s protected", format.Count(int64(protected)))},
		ui.Figure{Label: "Would lose", Value: format.Duration(t.Now.Sub(newest.Time)),
			Hint: "what was written since the newest one"},
		ui.Figure{Label: "Integrity", Value: format.Percent(integrity(newest)),
			Hint: "of the newest one's copies, confirmed and tested"})
	if t.Drill != nil {
		out = append(out, ui.Figure{Label: "Whole restore", Value: format.Seconds(t.Drill.Seconds),
			Hint: "measured " + clock.Relative(t.Drill.At)})
	}
	return out
}

// integrity is the share of a point's objects that the newest verification found sound; without one, half the share of
// its copies that were confirmed when they were stored.
func integrity(p console.Point) float64 {
	if p.Proof != nil {
		return p.Proof.Score()
	}
	if len(p.Copies) == 0 {
		return 0
	}
	confirmed := 0
	for _, cp := range p.Copies {
		if cp.Confirmed {
			confirmed++
		}
	}
	return float64(confirmed) / float64(len(p.Copies)) / 2
}
