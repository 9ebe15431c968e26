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
	shownGoing  = 50 // recovery points of each list
)

// RetentionRules are the rules by their names in a form and in the API.
var RetentionRules = []struct {
	Name, Label, Unit string
	Of                func(*policy.Retention) *int
}{
	{"last", "The newest", "recovery points", func(r *policy.Retention) *int { return &r.Last }},
	{"hourly", "One an hour", "hours", func(r *policy.Retention) *int { return &r.Hourly }},
	{"daily", "One a day", "days", func(r *policy.Retention) *int { return &r.Daily }},
	{"weekly", "One a week", "weeks", func(r *policy.Retention) *int { return &r.Weekly }},
	{"monthly", "One a month", "months", func(r *policy.Retention) *int { return &r.Monthly }},
	{"yearly", "One a year", "years", func(r *policy.Retention) *int { return &r.Yearly }},
	{"milestone_days", "Of milestones, after the wedding", "days",
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
	if s.Plan.Large != "" && s.Plan.Held == "" && !s.Simulated {
		vm.Confirm, vm.Confirms = s.Fingerprint, Sentence(s.Plan.Large)
	}
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
	vm.Rules = slices.Insert(vm.Rules, 1, views.RetentionRule{Name: WithinRule, Label: "All that are younger than",
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
	var stay, going int
	var freed int64
	var staying []views.RetentionPoint
	var left int
	next := time.Time{}
	for _, v := range s.Plan.Verdicts {
		point := views.RetentionPoint{
			URL:   PointURL(v.Point.ID),
			When:  clock.When(v.Point.Time),
			Type:  format.Title(string(v.Point.Type)),
			Why:   format.Capital(strings.Join(v.Why, "; ")) + ".",
			Added: format.Bytes(s.Bytes[v.Point.ID]),
		}
		if v.Keep {
			stay++
			switch own := ownReasons(v); {
			case len(own) == 0:
			case len(staying) == shownGoing:
				left++
			default:
				point.Why = format.Capital(strings.Join(own, "; ")) + "."
				staying = append(staying, point)
			}
			continue
		}
		going++
		freed += s.Bytes[v.Point.ID]
		point.Goes = "Not marked yet"
		if at := s.Goes[v.Point.ID]; !at.IsZero() {
			point.Goes = "After " + clock.Exact(at)
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
		if len(vm.Going) < shownGoing {
			vm.Going = append(vm.Going, point)
		}
	}
	vm.Staying = staying
	if left > 0 {
		vm.MoreStay = "The newest " + format.Count(shownGoing) + " of " + format.Count(int64(shownGoing+left))
	}
	if going > len(vm.Going) {
		vm.More = "The newest " + format.Count(shownGoing) + " of " + format.Count(int64(going))
	}
	vm.Figures = []ui.Figure{
		{Label: "Recovery points", Value: format.Count(int64(stay + going))},
		{Label: "Stay", Value: format.Count(int64(stay))},
		{Label: "Go", Value: format.Count(int64(going)), Hint: goesHint(next, clock)},
		{Label: "They added", Value: format.Bytes(freed), Hint: "what others need of it stays"},
	}
	vm.Months, vm.Older = retentionMonths(s)
	return vm
}

func goesHint(next time.Time, clock format.Clock) string {
	if next.IsZero() {
		return ""
	}
	return "the first " + clock.Relative(next)
}

// ownReasons are the reasons of a point that stays which are about itself, and not about its place among others.
func ownReasons(v policy.RetentionVerdict) (own []string) {
	if v.ByRule {
		return nil
	}
	return v.Why
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
	zone := s.Rules.Zone
	if zone == nil {
		zone = time.Local
	}
	var order []time.Time // first days of months, the newest first
	var stay, gone int
	for _, v := range s.Plan.Verdicts {
		at := v.Point.Time.In(zone)
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
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
