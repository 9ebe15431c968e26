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
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// pointsBeside is how many recovery points stand beside a timeline; its marks lead to all.
const pointsBeside = 12

type weddingReader interface {
	GetWedding(ctx context.Context, actor keepsake.Actor, id string) (console.WeddingTimeline, error)
}

type milestoneSaver interface {
	weddingReader
	SaveMilestone(ctx context.Context, actor keepsake.Actor, in console.SaveMilestoneInput) error
}

type weddingChangesReader interface {
	pointLister
	platformKnower
	GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (engine.WeddingChanges, error)
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

// SaveMilestone sets or forgets a milestone of a wedding.
func SaveMilestone(pages Pages, con milestoneSaver) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := console.SaveMilestoneInput{Wedding: weddingParam(c), Name: c.FormValue("name")}
		var err error
		if c.FormValue("forget") == "" {
			if in.Day, err = time.Parse(time.DateOnly, c.FormValue("day")); err != nil {
				err = keepsake.Errorf(keepsake.CodeInvalid, "A milestone needs a day: write it like 2026-12-24.")
			}
		}
		if err == nil {
			err = con.SaveMilestone(c.Request().Context(), actor(c), in)
		}
		if err == nil {
			return redirect(c, weddingURL(in.Wedding))
		}
		if keepsake.CodeOf(err) != keepsake.CodeInvalid {
			return err
		}
		vm, failed := weddingPage(c, pages, con)
		if failed != nil {
			return failed
		}
		vm.MilestoneError, vm.MilestoneName, vm.MilestoneDay = sentence(keepsake.MessageOf(err)), c.FormValue("name"),
			c.FormValue("day")
		return Render(c, http.StatusUnprocessableEntity, views.OneWeddingPage(vm))
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

// ShowWeddingChanges shows what changed in a wedding between two moments.
func ShowWeddingChanges(pages Pages, con weddingChangesReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, clock, id := c.Request().Context(), pages.clock(), weddingParam(c)
		from, to := cmp.Or(c.QueryParam("from"), "latest"), c.QueryParam("to")
		platform := con.Platform(ctx)
		if to == "" && platform.Writable() {
			to = engine.Now
		}
		to = cmp.Or(to, "latest")
		if from == engine.Now {
			from, to = to, from
		}
		if from == engine.Now {
			return keepsake.Errorf(keepsake.CodeInvalid, "Choose two moments that differ: nothing changes between now and now.")
		}
		w, err := con.GetWeddingChanges(ctx, actor(c), id, from, to)
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusOK, err)
		}
		list, err := con.ListPoints(ctx, actor(c), console.PointsInput{Limit: pointsOffered})
		if err != nil {
			return err
		}
		vm := views.WeddingChanges{
			Shell: pages.Shell(c, "What changed", "weddings"), Name: cmp.Or(w.Name, id), BackURL: weddingURL(id),
			Action: weddingURL(id) + "/changes", FromWhen: clock.When(w.From), ToWhen: clock.When(w.To),
			Now: w.ToPoint == engine.Now, Read: "Read " + format.Count(w.ChunksRead) + " of " + format.Count(w.ChunksTotal) +
				" chunks.",
		}
		if platform.Writable() {
			vm.To = []views.PointOption{{Value: engine.Now, Text: "now, in the live platform",
				Selected: w.ToPoint == engine.Now}}
		} else {
			n, _ := platformNotice(platform.Kind)
			n.Tone, n.Text = ui.ToneWarn, "So what is there now cannot be compared: only recovery points can."
			vm.Notices = []ui.Notice{n}
		}
		for _, p := range list.Points {
			text := momentText(p.Time, clock)
			vm.From = append(vm.From, views.PointOption{Value: p.ID, Text: text, Selected: p.ID == w.FromPoint})
			vm.To = append(vm.To, views.PointOption{Value: p.ID, Text: text, Selected: p.ID == w.ToPoint})
		}
		var insert, update, remove int64
		for _, t := range w.Tables {
			i, u, d, _ := t.Counts()
			insert, update, remove = insert+i, update+u, remove+d
			if table, shown := previewTable(scope.TableChanges(t), nil, happened); shown {
				vm.Tables = append(vm.Tables, table)
			}
		}
		vm.Nothing, vm.Same = insert+update+remove == 0, w.FromPoint == w.ToPoint
		vm.Figures = []ui.Figure{{Label: "Added", Value: format.Count(insert)},
			{Label: "Changed", Value: format.Count(update)}, {Label: "Removed", Value: format.Count(remove)}}
		return Render(c, http.StatusOK, views.WeddingChangesPage(vm))
	}
}
