package views

import (
	"iter"
	"slices"

	"github.com/wedsync/keepsake/views/ui"
)

// Retention says which recovery points stay, which go, and when.
type Retention struct {
	Shell   Shell
	Known   bool // the rest is empty otherwise
	Notices []ui.Notice
	Mine    bool // the actor may take recovery points away
	Next    ui.When
	Never   string // in the place of Next: why none begins
	LastURL string // of the newest retention
	State   ui.Chip
	Rules   []RetentionRule
	Plan    RetentionPlan
}

// RetentionRule is one rule, to try others with.
type RetentionRule struct{ Name, Label, Unit, Value string }

// RetentionPlan is what rules do.
type RetentionPlan struct {
	Simulated bool
	Error     string // of the rules that were typed
	// Confirm names what would go, for a person who has to confirm it; Confirms says how much that is. "": nobody has to,
	// or may. Rules that are only tried are never confirmed.
	Confirm, Confirms string
	Figures           []ui.Figure
	Months            []RetentionMonth
	Older             string // how much is older than the months
	Going             []RetentionPoints
	More              string            // how much more goes
	Staying           []RetentionPoints // for a reason other than the rules that count
	MoreStay          string
}

// RetentionMonth is a month of the calendar: cells of days, empty ones before its first.
type RetentionMonth struct {
	Name string
	Days []RetentionDay
}

// RetentionDay is a day of the calendar. Number is "" before the month's first.
type RetentionDay struct {
	Number    string
	Words     string // "Tue 1 Dec 2026: 3 stay, 12 go"
	Stay, Go  string // how many; "": none
	Some, All bool   // some stay; points go
}

// RetentionPoints are recovery points of a day that stay, or go, for the same reason.
type RetentionPoints struct {
	URL   string // of the only one
	Day   string
	Count string
	Why   string
	Added string // bytes that they added when they were made
	Goes  string // when, of those that are marked
}

// weeks cuts the cells of a month into rows.
func weeks(days []RetentionDay) iter.Seq[[]RetentionDay] { return slices.Chunk(days, 7) }
