package draw

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// OneWedding draws one wedding: its time, its recovery points and what can be done.
func OneWedding(shell views.Shell, t console.WeddingTimeline, clock format.Clock) views.WeddingPage {
	base := WeddingURL(t.ID)
	vm := views.WeddingPage{
		Shell:         shell,
		Wedding:       Wedding(t.Wedding),
		Notices:       weddingNotices(t.Missing, false, ""),
		Timeline:      timeline(t, clock),
		ChangesURL:    base + "/changes",
		MilestonesURL: base + "/milestones",
		BackupURL:     "/backups/new?" + url.Values{"type": {string(keepsake.BackupIncremental)}, "wedding": {t.ID}}.Encode(),
		Figures:       weddingFigures(t, clock),
	}
	vm.Offers = WeddingOffers(vm.Shell, t.Platform, t.ID, cmp.Or(t.Newest, newestOf(t.Points)))
	vm.Offers.ContactsText, vm.Offers.RestoreText = "Vendor contacts", "Compare and bring back"
	if t.Platform.Writable() {
		vm.Moments = []views.PointOption{{Value: engine.Now, Text: "now, in the live platform"}}
	}
	for i, p := range t.Points {
		if i < PointsOffered {
			option := views.PointOption{Value: p.ID, Text: MomentText(p.Time, clock)}
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
		vm.Milestones = append(vm.Milestones, views.MilestoneRow{
			Name:    format.Title(m.Name),
			Value:   m.Name,
			Day:     format.Date(m.Day),
			Away:    away(keepsake.DaysBefore(m.Day, t.Now)),
			Derived: m.Derived,
		})
	}
	return vm
}

// Weddings draws the weddings that a search finds, a page at a time.
func Weddings(shell views.Shell, page console.WeddingPage, search string, clock format.Clock) views.Weddings {
	vm := views.Weddings{
		Shell:     shell,
		Search:    search,
		Searching: search != "",
		Notices:   weddingNotices(page.Missing, page.From.IsZero(), ""),
	}
	for _, w := range page.Weddings {
		row := views.WeddingRow{Wedding: Wedding(w)}
		for _, m := range w.Matched {
			row.Matched = append(row.Matched, format.Title(string(m.Kind))+": "+m.Text)
		}
		vm.List = append(vm.List, row)
	}
	if page.Newest != nil {
		vm.Newest = views.WeddingPoint{
			URL:   PointURL(page.Newest.ID),
			When:  clock.When(page.Newest.Time),
			State: pointState(*page.Newest),
		}
	}
	vm.Count = format.Plural(int64(page.Total), "wedding", "weddings")
	if len(page.Weddings) < page.Total {
		vm.Count = format.Count(int64(len(page.Weddings))) + " of " + vm.Count + " on this page"
	}
	vm.Days = page.Days
	if page.GoneUnknown {
		vm.Notices = append(vm.Notices, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Weddings that were deleted may be missing below",
			Text:  goneUnknown,
		})
	}
	if page.VendorsMissing {
		vm.Notices = append(vm.Notices, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Vendors were not searched",
			Text:  "Who works at which wedding could not be read in time. Couples, organizations, places and days were.",
		})
	}
	return vm
}

const (
	// PointsOffered is how many recovery points a person can choose from here. A person reaches any other from its own
	// page.
	PointsOffered = 30
	// WeddingsNamed is how many of the weddings that it touches a preview names. It counts the others.
	WeddingsNamed = 10
)

// UnsureVendors says that vendors may be missing, because nobody could look whether a damage has removed some.
func UnsureVendors(err error, clock format.Clock) []ui.Notice {
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: NotLooked(err),
		Text:  "Vendors may be missing here: if one is, look at an older recovery point." + HintFailed(err, clock),
	}}
}

// LostVendors says which vendors the newest recovery point does not have, and from when the page shows them.
func LostVendors(w console.WeddingContacts, clock format.Clock) []ui.Notice {
	n := ui.Notice{
		Tone:  ui.ToneWarn,
		Title: "These vendors are from before the damage",
		Text: "The newest recovery point has lost " + format.Plural(int64(len(w.Lost)), "vendor", "vendors") +
			" of this wedding",
	}
	if len(w.Lost) < len(w.Contacts) {
		names := make([]string, len(w.Lost))
		for i, x := range w.Lost {
			names[i] = x.Name
		}
		n.Title = "Some of these vendors are from before the damage"
		n.Text += ": " + format.Names(names, 6)
	}
	n.Text += ". What you see of them is from the recovery point of " + clock.Second(w.LostFrom) + "."
	return []ui.Notice{n}
}

// Dialled keeps the characters that a telephone dials.
func Dialled(phone string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
}

// weddingNotices says when weddings are not the live platform's own.
func weddingNotices(missing string, nothing bool, restoreURL string) []ui.Notice {
	if missing == "" {
		return nil
	}
	n := ui.Notice{Tone: ui.ToneWarn, Title: "Not the live platform", Text: Sentence(missing)}
	if nothing {
		n.Tone = ui.ToneBad
	}
	if restoreURL != "" {
		n.Href, n.Link = restoreURL, "Compare and bring it back"
	}
	return []ui.Notice{n}
}

// WeddingOffers returns what a person can do for a wedding while the platform stands as it does. newest is the id of
// the newest recovery point that holds the wedding, or "".
func WeddingOffers(shell views.Shell, platform console.PlatformState, wedding, newest string) views.WeddingOffers {
	base := WeddingURL(wedding)
	if newest == "" {
		o := views.WeddingOffers{Why: "No recovery point holds this wedding yet, so there is nothing to look at or " +
			"to bring back."}
		if shell.Whole() && platform.Readable() {
			o.BackupURL = "/backups/new"
		}
		return o
	}
	o := views.WeddingOffers{
		ContactsURL:  base + "/contacts",
		ContactsText: "Vendor contacts now",
		ThenURL:      base + "/then",
		RestoreText:  "Bring this wedding back",
	}
	switch {
	case shell.Standby:
	case platform.Writable():
		o.RestoreURL = base + "/restore"
		return o
	case shell.Whole():
		o.ElsewhereURL = PointURL("latest") + "/restore?" + url.Values{"wedding": {wedding}}.Encode() // the safe one
	}
	o.ExportURL = base + "/export?format=csv"
	o.ExportNote = "The ZIP is from the newest safe recovery point, as the look is. Its name says of when, in UTC, and " +
		"whether it may be from after a damage; a file in it says why."
	return o
}

// PlatformNotice says what is wrong with the platform. It does not name the server, because the reader may be anybody
// who is signed in. known is false where nothing is wrong.
func PlatformNotice(kind console.PlatformKind) (n ui.Notice, known bool) {
	n, known = map[console.PlatformKind]ui.Notice{
		console.PlatformAway: {
			Title: "The platform does not answer",
			Text:  "Nothing can be brought back into it until it does; everything else on this page works.",
		},
		console.PlatformRefuses: {
			Title: "The platform does not let Keepsake in",
			Text: "Its server is there, but refuses Keepsake's role, password or database: keepsake doctor says which. " +
				"Everything else on this page works.",
		},
		console.PlatformSlow: {
			Title: "The platform answers slowly",
			Text: "It takes Keepsake's connection, but does not answer in time. What comes from recovery points does " +
				"not wait for it.",
		},
		console.PlatformReadOnly: {
			Title: "The platform's server is a standby",
			Text: "It can be read and backed up, but nothing can be brought back into it until it is promoted, or " +
				"platform.url names the primary.",
		},
	}[kind]
	n.Tone = ui.ToneBad
	return n, known
}

// pointsBeside is how many recovery points are listed beside a timeline. The timeline's marks lead to all of them.
const pointsBeside = 12

// newestOf returns the newest of a wedding's recovery points, or "" where there is none.
func newestOf(points []console.Point) string {
	if len(points) == 0 {
		return ""
	}
	return points[0].ID
}

// MomentText names a moment among choices.
func MomentText(at time.Time, clock format.Clock) string {
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

// weddingPoint draws a recovery point beside a wedding's timeline.
func weddingPoint(t console.WeddingTimeline, p console.Point, clock format.Clock) views.WeddingPoint {
	base, q := WeddingURL(t.ID), "?point="+url.QueryEscape(p.ID)
	out := views.WeddingPoint{
		URL:        PointURL(p.ID),
		Type:       format.Title(p.Type),
		Note:       p.Note,
		When:       clock.When(p.Time),
		State:      pointState(p),
		NewURL:     PointURL(p.ID) + "/restore?" + url.Values{"wedding": {t.ID}}.Encode(),
		ThenURL:    base + "/then" + q,
		RestoreURL: base + "/restore" + q,
		ChangesURL: base + "/changes?from=" + url.QueryEscape(p.ID),
		DaysBefore: beforeWedding(t, p.Time),
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
		case m.WeddingID != wedding:
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

// weddingFigures says how a wedding stands.
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
		ui.Figure{
			Label: "Recovery points",
			Value: format.Count(int64(len(t.Points))),
			Hint:  fmt.Sprintf("%s protected", format.Count(int64(protected))),
		},
		ui.Figure{
			Label: "Would lose",
			Value: format.Duration(t.Now.Sub(newest.Time)),
			Hint:  "what was written since the newest one",
		},
		ui.Figure{
			Label: "Integrity",
			Value: format.Percent(integrity(newest)),
			Hint:  "of the newest one's copies, confirmed and tested",
		})
	if t.Drill != nil {
		out = append(out, ui.Figure{
			Label: "Whole restore",
			Value: format.Seconds(t.Drill.Seconds),
			Hint:  "measured " + clock.Relative(t.Drill.At),
		})
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

// ThenTable draws a table of a wedding as it was.
func ThenTable(t scope.TableRows) views.ThenTable {
	out := views.ThenTable{
		Name:   format.Title(format.TableOf(t.Table)),
		Count:  format.Plural(int64(len(t.Rows)), "row", "rows"),
		Shared: t.Belongs == scope.Shared,
	}
	if t.Note != "" {
		out.Count += ": " + t.Note
	}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, c.Name)
	}
	for i, row := range t.Rows {
		if i == RowsShown {
			out.More = format.Plural(int64(len(t.Rows)-RowsShown), "more row", "more rows")
			break
		}
		cells := make([]string, len(row))
		for j, v := range row {
			cells[j] = cellText(v)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}
