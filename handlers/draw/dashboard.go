package draw

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Dashboard draws the overview: is everything safe, and if not, what is missing.
func Dashboard(shell views.Shell, d console.Dashboard, clock format.Clock) views.Dashboard {
	vm := views.Dashboard{
		Shell:        shell,
		Verdict:      verdict(d, clock),
		Legs:         legs(d),
		Last:         lastBackup(d, clock),
		Live:         len(d.Running) > 0,
		WeddingsNote: d.WeddingsMissing,
	}
	if banner := platformBanner(d); banner != "" {
		vm.Shell.Banner = banner
		// the banner says the rest
		vm.WeddingsNote = strings.TrimSpace(strings.TrimPrefix(d.WeddingsMissing, d.Platform.Words))
	}
	if d.WeddingsMissing == "" && len(d.Weddings) == 0 {
		vm.WeddingsNote = "No wedding lies ahead."
	}
	if d.GoneUnknown {
		vm.WeddingsNote = strings.TrimSpace(vm.WeddingsNote + " " + goneUnknown)
	}
	if len(d.Suspects) > 0 {
		vm.Suspect = new(suspectNotice(d, clock))
	}
	if vm.Live {
		vm.Shell.Refresh = "5"
	}
	for _, o := range d.Running {
		vm.Running = append(vm.Running, Strip(o, Live(o, &Pace{})))
	}
	for _, p := range d.Providers {
		vm.Providers = append(vm.Providers, providerCard(p, clock))
	}
	shown := d.Weddings[:min(len(d.Weddings), overviewWeddings)]
	for _, w := range shown {
		vm.Weddings = append(vm.Weddings, Wedding(w))
	}
	vm.WeddingsMore = weddingsCut(d, len(shown))
	for _, o := range d.Recent {
		vm.Recent = append(vm.Recent, operationRow(o, clock))
	}
	return vm
}

// suspectNotice leads to the newest recovery point that latest passes by.
func suspectNotice(d console.Dashboard, clock format.Clock) ui.Notice {
	p := d.Suspects[0]
	n := ui.Notice{
		Tone:  ui.ToneWarn,
		Title: "The newest recovery point may show damage",
		Text:  "It is of " + clock.Exact(p.Time) + ". " + p.DoubtWords(),
		Href:  PointURL(p.ID),
		Link:  "Look at it, and say whether it can be trusted",
	}
	if d.Newest != nil && !d.Newest.Suspect() {
		n.Text += " Until somebody says that it can be trusted, what you bring back comes from the one of " +
			clock.Exact(d.Newest.Time) + "."
	}
	return n
}

// goneUnknown says that a list may lack weddings that the platform has lost.
const goneUnknown = "The platform and the recovery points could not be compared in time, so this list cannot say " +
	"which weddings were deleted from the platform. Reload this page in a minute."

// overviewWeddings is how many of the next weddings an overview shows.
const overviewWeddings = 8

// platformBanner says what is wrong with the platform that keeps backups or restores from working, or "" where
// nothing is.
func platformBanner(d console.Dashboard) string {
	switch d.Platform.Kind {
	case console.PlatformAway:
		return Sentence(d.Platform.Words) + " Backups must wait. Recovery points can still be read and restored to " +
			"another server."
	case console.PlatformRefuses:
		return Sentence(d.Platform.Words) + " Until that is put right, nothing can be backed up. Recovery points can still " +
			"be read and restored to another server."
	case console.PlatformSlow, console.PlatformReadOnly:
		return Sentence(d.Platform.Words)
	default:
		return d.Platform.Fault()
	}
}

// Strip draws a running operation in one line.
func Strip(o console.Operation, live views.Live) views.Strip {
	bar := live.Bar
	bar.Size = ""
	return views.Strip{
		ID:        o.ID,
		Title:     OperationTitle(o),
		Stage:     live.Headline,
		Left:      live.Sub,
		URL:       OperationURL(o.ID),
		Percent:   live.Percent,
		Bar:       bar,
		EventsURL: fmt.Sprintf("%s/events?after=%d", OperationURL(o.ID), o.EventID),
	}
}

// verdict returns the one sentence that a person in a panic reads.
func verdict(d console.Dashboard, clock format.Clock) views.Verdict {
	switch {
	case d.Newest == nil:
		return views.Verdict{
			Tone:  ui.ToneBad,
			Icon:  "shield-x",
			Title: "There is no backup yet",
			Text: "If the platform were lost now, nothing could be brought back. The first backup takes a few minutes and " +
				"changes nothing.",
		}
	case !d.Protection.Protected():
		return views.Verdict{
			Tone:  ui.ToneBad,
			Icon:  "shield-x",
			Title: "Not fully protected",
			Text: "The newest recovery point can be restored, but it would not survive every loss: " + d.Protection.Lacks() +
				".",
		}
	case d.Newest.Suspect():
		return views.Verdict{
			Tone:  ui.ToneBad,
			Icon:  "shield-x",
			Title: "Every recovery point may show damage",
			Text:  "The newest is taken, for want of another one. Look at it, and say whether it can be trusted.",
		}
	case d.Alarm == console.AlarmSuspect:
		return views.Verdict{
			Tone:  ui.ToneWarn,
			Icon:  "shield-half",
			Title: "Protected, and the newest recovery point may show damage",
			Text:  "A restore of the latest recovery point takes the one of " + clock.Exact(d.Newest.Time) + ".",
		}
	case d.Alarm != console.AlarmNone:
		return views.Verdict{
			Tone:  ui.ToneWarn,
			Icon:  "shield-half",
			Title: "Protected, but not up to date",
			Text:  "What was saved last is safe. What has changed since then is not; see below.",
		}
	case !d.Platform.Readable():
		return views.Verdict{
			Tone:  ui.ToneWarn,
			Icon:  "shield-half",
			Title: "What is stored is protected",
			Text: "Nothing new has been stored since the newest recovery point, " + clock.Exact(d.Newest.Time) +
				": the platform cannot be read now. What has changed there since then is not protected.",
		}
	case len(failing(d)) > 0:
		return views.Verdict{
			Tone:  ui.ToneWarn,
			Icon:  "shield-half",
			Title: "Protected, but a provider fails",
			Text: "The newest recovery point was confirmed there. The next one gets no copy where a provider fails now: " +
				strings.Join(slices.Sorted(maps.Keys(failing(d))), ", ") + ".",
		}
	default:
		return views.Verdict{
			Tone:  ui.ToneOK,
			Icon:  "shield-check",
			Title: "Everything is protected",
			Text: fmt.Sprintf("The newest recovery point is confirmed in %s, on %s, %d of them away from here.",
				format.Plural(int64(d.Protection.Copies), "place", "places"),
				format.Plural(int64(d.Protection.Media), "kind of storage", "kinds of storage"), d.Protection.Offsite),
		}
	}
}

// failing are the providers that fail now, whatever they held before.
func failing(d console.Dashboard) map[string]bool {
	fails := map[string]bool{}
	for _, p := range d.Providers {
		if p.Health() == console.HealthFails {
			fails[p.Name] = true
		}
	}
	return fails
}

// legs draws the 3-2-1 rule with what fills each number.
func legs(d console.Dashboard) []views.Leg {
	var copyPips, mediaPips, offsitePips []ui.Chip
	mediaAt := map[string]int{}
	fails := failing(d)
	for _, cp := range copiesOf(d) {
		chip := ui.Chip{Tone: ui.ToneBad, Text: cp.Provider}
		if cp.Confirmed {
			chip.Tone = ui.ToneOK
			if fails[cp.Provider] {
				chip.Tone = ui.ToneWarn
			}
		}
		copyPips = append(copyPips, chip)
		if cp.Offsite {
			offsitePips = append(offsitePips, chip)
		}
		at, seen := mediaAt[cp.Medium]
		if !seen {
			at = len(mediaPips)
			mediaAt[cp.Medium] = at
			mediaPips = append(mediaPips, ui.Chip{Tone: ui.ToneBad, Text: cp.Medium})
		}
		if cp.Confirmed {
			mediaPips[at].Tone = ui.ToneOK
		}
	}
	p := d.Protection
	return []views.Leg{
		leg("copies", 3, p.Copies, "confirmed", copyPips),
		leg("kinds of storage", 2, p.Media, "in use", mediaPips),
		leg("away from here", 1, p.Offsite, "confirmed", offsitePips),
	}
}

func leg(name string, need, have int, word string, pips []ui.Chip) views.Leg {
	l := views.Leg{
		Need:  fmt.Sprint(need),
		Name:  name,
		Tone:  ui.ToneOK,
		State: fmt.Sprintf("%d %s", have, word),
		Pips:  pips,
	}
	if have < need {
		l.Tone, l.State = ui.ToneBad, fmt.Sprintf("%d of %d %s", have, need, word)
	}
	return l
}

// copiesOf returns the copies of the newest recovery point. Where there is no point, it returns every provider
// without a copy.
func copiesOf(d console.Dashboard) []keepsake.Copy {
	if d.Newest != nil && len(d.Newest.Copies) > 0 {
		return d.Newest.Copies
	}
	out := make([]keepsake.Copy, len(d.Providers))
	for i, p := range d.Providers {
		out[i] = keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite}
	}
	return out
}

// lastBackup draws when the platform was saved last, and what is wrong with that backup.
func lastBackup(d console.Dashboard, clock format.Clock) views.LastBackup {
	last := views.LastBackup{Tone: ui.ToneOK}
	switch d.Alarm {
	case console.AlarmNever, console.AlarmLate:
		last.Tone = ui.ToneBad
	case console.AlarmFailed, console.AlarmSuspect:
		last.Tone = ui.ToneWarn
	}
	if d.Newest != nil {
		last.When, last.URL = clock.When(d.Newest.Time), PointURL(d.Newest.ID)
		last.Type, last.Size = format.Title(d.Newest.Type), format.Bytes(d.Newest.BytesRead)
	}
	switch {
	case d.NextBackup.IsZero():
	case len(d.Running) > 0 && !d.NextBackup.After(clock.Now):
		last.Next = "The next follows the one that runs"
	case !d.NextBackup.After(clock.Now):
		last.Next = "The next is due now"
	default:
		last.Next = "The next begins " + clock.Relative(d.NextBackup)
	}
	if d.Alarm == console.AlarmLate {
		last.Alarm = d.AlarmText
	}
	if d.Alarm == console.AlarmFailed {
		last.Failure, last.FailTitle = d.AlarmText, "The latest backup attempt did not finish"
		if d.LastBackup == nil || d.LastBackup.State != console.StateFailed {
			last.FailTitle = "The latest backup finished, and is not fully protected"
		}
		if d.LastBackup != nil {
			last.FailURL = OperationURL(d.LastBackup.ID)
		}
	}
	return last
}

// providerCard draws how a provider stands.
func providerCard(p console.ProviderState, clock format.Clock) views.ProviderCard {
	card := views.ProviderCard{
		Name:   p.Name,
		Medium: p.Medium,
		Place:  "here",
		Icon:   "database",
		Error:  format.Capital(p.Error),
		State:  ui.Chip{Tone: ui.ToneOK, Text: "Works"},
	}
	switch p.Medium {
	case "disk":
		card.Icon = "folder"
	case "s3", "gcs":
		card.Icon = "cloud"
	}
	var place []string
	if p.Region != "" {
		place = append(place, p.Region)
	}
	if p.Offsite {
		place = append(place, "away from here")
	}
	if len(place) > 0 {
		card.Place = strings.Join(place, ", ")
	}
	switch p.Health() {
	case console.HealthUnknown:
		card.State = ui.Chip{Tone: ui.ToneMute, Text: "Not checked yet"}
	case console.HealthFails:
		card.State = ui.Chip{Tone: ui.ToneBad, Text: "Fails"}
		if p.Behind {
			card.State.Text = "Fails, lacks the newest"
		}
		card.Repair = true
	case console.HealthBehind:
		card.State = ui.Chip{Tone: ui.ToneWarn, Text: "Works, lacks the newest"}
		card.Repair = true
	}
	if p.LastConfirmed.IsZero() {
		card.Lines = append(card.Lines, "No recovery point confirmed yet")
	} else {
		card.Lines = append(card.Lines, format.Plural(p.Points, "recovery point", "recovery points")+
			", the newest confirmed "+clock.Relative(p.LastConfirmed))
	}
	if !p.Checked.IsZero() {
		card.Lines = append(card.Lines, "Checked "+clock.Relative(p.Checked)+", "+clock.ToTheSecond(p.Checked))
	}
	if !p.Written.IsZero() {
		card.Lines = append(card.Lines, "Written to, and read back, "+clock.Relative(p.Written))
	}
	return card
}

// Wedding draws one wedding in a list.
func Wedding(w console.Wedding) views.Wedding {
	out := views.Wedding{
		URL:          WeddingURL(w.ID),
		Couple:       w.Couple,
		Organization: w.Organization,
		Date:         format.Date(w.Date),
		Phase:        format.Title(string(w.Phase)),
	}
	if out.Days, out.DaysUnit = format.Days(w.DaysLeft); w.Date.IsZero() {
		out.Days, out.DaysUnit = "Open", ""
	}
	out.Urgency = ui.Chip{Tone: ui.ToneMute, Text: format.Title(string(w.Urgency)), Icon: "calendar-heart"}
	if w.Gone {
		out.Gone = "Gone from the platform"
	}
	switch w.Urgency {
	case keepsake.UrgencyEmergency:
		out.Urgency.Tone, out.Urgency.Icon = ui.ToneBad, "alert-triangle"
	case keepsake.UrgencyUrgent:
		out.Urgency.Tone, out.Urgency.Icon = ui.ToneWarn, "clock"
	case keepsake.UrgencyElevated:
		out.Urgency.Tone, out.Urgency.Icon = ui.ToneRun, "clock"
	}
	return out
}

// weddingsCut says how many weddings of the next year are not among the first ones shown, or "" where all are.
func weddingsCut(d console.Dashboard, shown int) string {
	hidden := d.WeddingsAhead - shown
	switch {
	case hidden <= 0:
		return ""
	case d.WeddingsAhead > console.MostAhead:
		return fmt.Sprintf("More than %s other weddings lie ahead.", format.Count(int64(console.MostAhead-shown)))
	default:
		return fmt.Sprintf("%s within a year.", format.Plural(int64(hidden), "more wedding", "more weddings"))
	}
}
