package views

import "github.com/wedsync/keepsake/views/ui"

// Schedule says when backups begin by themselves.
type Schedule struct {
	Shell   Shell
	Notices []ui.Notice
	On      bool // the rest is empty otherwise
	Next    ScheduledBackup
	LastURL string  // of the operation that it began last
	State   ui.Chip // of that one
	Phases  []SchedulePhase
	Full    string // how often
	Counted string // when the platform said how many weddings there are
	Days    []ScheduledDay
	Ahead   string // how many there are within 30 days
}

// ScheduledBackup is a backup that will begin.
type ScheduledBackup struct {
	When ui.When
	Due  string // in the place of When: it begins now, or never
	Text string // its type, and why it begins
}

// ScheduledDay is how many backups begin on a day, and why.
type ScheduledDay struct{ Date, Backups, Why string }

// SchedulePhase is how often backups begin while a wedding is in a phase.
type SchedulePhase struct {
	Name, Means string
	Weddings    string
	Rhythm      string
	Decides     bool // of those that count today it has the next backup
}
