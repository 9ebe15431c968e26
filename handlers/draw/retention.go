package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

const (
	shownMonths = 6  // of the calendar
	shownRows   = 25 // of each list
)

// RetentionRules are the rules by their names in a form and in the API.
var RetentionRules = []struct {
	Name, Label, Unit string
	Of                func(*policy.Retention) *int
}{
	{"last", "The newest", "points", func(r *policy.Retention) *int { return &r.Last }},
	{"hourly", "One an hour", "hours", func(r *policy.Retention) *int { return &r.Hourly }},
	{"daily", "One a day", "days", func(r *policy.Retention) *int { return &r.Daily }},
	{"weekly", "One a week", "weeks", func(r *policy.Retention) *int { return &r.Weekly }},
	{"monthly", "One a month", "months", func(r *policy.Retention) *int { return &r.Monthly }},
	{"yearly", "One a year", "years", func(r *policy.Retention) *int { return &r.Yearly }},
	{"milestone_days", "Of milestones, until", "days after",
		func(r *policy.Retention) *int { return &r.MilestoneDays }},
}

// WithinRule is the name of the rule that is a time, in hours.
const WithinRule = "within_hours"

// Retention draws which recovery points stay, and why.
func Retention(shell views.Shell, s console.RetentionState, clock format.Clock) views.Retention {
	vm := views.Retention{Shell: shell, Known: s.Known}
	if !s.Known {
		vm.Notices = []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "Nothing is ever removed",
			Text:  "This console was told of no rules.",
		}}
		return vm
	}
	vm.Notices = retentionNotices(s)
	switch {
	case !s.Rules.On:
		vm.Never = "None begins by itself"
	case s.Next.IsZero() || !s.Next.After(clock.Now):
		vm.Never = "Within minutes"
	default:
		vm.Next = clock.When(s.Next)
	}
	if s.Last != nil {
		vm.LastURL, vm.State = OperationURL(s.Last.ID), OperationState(*s.Last)
	}
	rules := s.Rules.Retention
	for _, r := range RetentionRules {
		vm.Rules = append(vm.Rules, views.RetentionRule{Name: r.Name, Label: r.Label, Unit: r.Unit,
			Value: strconv.Itoa(*r.Of(&rules))})
	}
	vm.Rules = slices.Insert(vm.Rules, 1, views.RetentionRule{Name: WithinRule, Label: "All younger than",
		Unit: "hours", Value: strconv.Itoa(int(rules.Within.Hours()))})
	vm.Plan = retentionPlan(s, clock)
	return vm
}

func retentionNotices(s console.RetentionState) (list []ui.Notice) {
	if !s.Rules.On {
		list = append(list, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "No recovery point goes by itself",
			Text: "The configuration says retention.automatic: false. Somebody can let a retention run here or at the command " +
				"line.",
		})
	}
	if s.Plan.Held != "" {
		list = append(list, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: "Nothing is removed at the moment",
			Text:  Sentence(s.Plan.Held) + " What is marked already stays until this is over.",
		})
	}
	return list
}

func retentionPlan(s console.RetentionState, clock format.Clock) views.RetentionPlan {
	vm := views.RetentionPlan{Simulated: s.Simulated}
	if s.Plan.Large != "" && s.Plan.Held == "" && !s.Simulated {
		vm.Confirm, vm.Confirms = s.Fingerprint, Sentence(s.Plan.Large)
	}
	var stay, going int
	var freed int64
	next := time.Time{}
	goes, stays := alikes{}, alikes{}
	for _, v := range s.Plan.Verdicts {
		day := dayOf(v.Point.Time, s.Rules.Zone)
		if v.Keep {
			stay++
			if !v.ByRule {
				stays.add(v, day, "", s.Bytes[v.Point.ID])
			}
			continue
		}
		going++
		freed += s.Bytes[v.Point.ID]
		when := "Not marked yet"
		if at := s.Goes[v.Point.ID]; !at.IsZero() {
			when = "After " + clock.Exact(at)
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
		goes.add(v, day, when, s.Bytes[v.Point.ID])
	}
	vm.Going, vm.More = goes.draw()
	vm.Staying, vm.MoreStay = stays.draw()
	vm.Figures = []ui.Figure{
		{Label: "Recovery points", Value: format.Count(int64(stay + going))},
		{Label: "Stay", Value: format.Count(int64(stay))},
		{Label: "Go", Value: format.Count(int64(going)), Hint: goesHint(next, clock)},
		{Label: "They added", Value: format.Bytes(freed), Hint: "what others need of it stays"},
	}
	vm.Months, vm.Older = retentionMonths(s)
	return vm
}

// dayOf is the day of a moment in a zone, as a moment in UTC.
func dayOf(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.Local
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// alikes gathers recovery points of one day that stay, or go, for the same reason.
type alikes struct {
	order []*alike
	by    map[alikeKey]*alike
}

type alikeKey struct {
	day       time.Time
	why, goes string
}

type alike struct {
	alikeKey

	points int
	bytes  int64
	id     string // of the first
}

func (a *alikes) add(v policy.RetentionVerdict, day time.Time, goes string, bytes int64) {
	key := alikeKey{day, format.Capital(strings.Join(v.Why, "; ")) + ".", goes}
	g := a.by[key]
	if g == nil {
		if a.by == nil {
			a.by = map[alikeKey]*alike{}
		}
		g = &alike{alikeKey: key, id: v.Point.ID}
		a.by[key], a.order = g, append(a.order, g)
	}
	g.points++
	g.bytes += bytes
}

// draw returns the newest of them, and says how many there are where that is not all.
func (a *alikes) draw() (rows []views.RetentionPoints, more string) {
	for _, g := range a.order[:min(len(a.order), shownRows)] {
		row := views.RetentionPoints{
			Day:   g.day.Format("Mon 2 Jan 2006"),
			Count: format.Count(int64(g.points)),
			Why:   g.why,
			Added: format.Bytes(g.bytes),
			Goes:  g.goes,
		}
		if g.points == 1 {
			row.URL = PointURL(g.id)
		}
		rows = append(rows, row)
	}
	if len(a.order) > shownRows {
		more = fmt.Sprintf("The newest %d of %s lines", shownRows, format.Count(int64(len(a.order))))
	}
	return rows, more
}

func goesHint(next time.Time, clock format.Clock) string {
	if next.IsZero() {
		return ""
	}
	return "the first " + clock.Relative(next)
}

func dayWords(day time.Time, stay, gone int) string {
	words := day.Format("Mon 2 Jan 2006") + ": no recovery point stays"
	if stay > 0 {
		words = day.Format("Mon 2 Jan 2006") + ": " +
			format.Plural(int64(stay), "recovery point stays", "recovery points stay")
	}
	if gone > 0 {
		words += ", " + format.Plural(int64(gone), "goes", "go")
	}
	return words
}

// retentionMonths draws the newest months that have a recovery point, and says how much is older.
func retentionMonths(s console.RetentionState) (months []views.RetentionMonth, older string) {
	type count struct{ stay, gone int }
	days := map[time.Time]count{}
	var order []time.Time // first days of months, the newest first
	var stay, gone int
	for _, v := range s.Plan.Verdicts {
		day := dayOf(v.Point.Time, s.Rules.Zone)
		month := day.AddDate(0, 0, 1-day.Day())
		if !slices.Contains(order, month) {
			if len(order) == shownMonths {
				if v.Keep {
					stay++
				} else {
					gone++
				}
				continue
			}
			order = append(order, month)
		}
		c := days[day]
		if v.Keep {
			c.stay++
		} else {
			c.gone++
		}
		days[day] = c
	}
	for _, month := range order {
		m := views.RetentionMonth{Name: month.Format("January 2006")}
		for range (int(month.Weekday()) + 6) % 7 {
			m.Days = append(m.Days, views.RetentionDay{})
		}
		for day := month; day.Month() == month.Month(); day = day.AddDate(0, 0, 1) {
			c := days[day]
			d := views.RetentionDay{Number: strconv.Itoa(day.Day()), Some: c.stay > 0, All: c.gone > 0}
			if d.Some {
				d.Stay = format.Count(int64(c.stay))
			}
			if d.All {
				d.Go = format.Count(int64(c.gone))
			}
			d.Words = dayWords(day, c.stay, c.gone)
			m.Days = append(m.Days, d)
		}
		months = append(months, m)
	}
	if stay+gone > 0 {
		older = fmt.Sprintf("Of earlier ones %s and %s.", format.Plural(int64(stay), "stays", "stay"),
			format.Plural(int64(gone), "goes", "go"))
	}
	return months, older
}
