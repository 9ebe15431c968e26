package views

import "github.com/wedsync/keepsake/views/ui"

// Dashboard is the overview: is everything safe, and if not, what is missing.
type Dashboard struct {
	Shell     Shell
	Verdict   Verdict
	Legs      []Leg // of the 3-2-1 rule
	Last      LastBackup
	Suspect   *ui.Notice // the newest recovery point may show damage
	Running   []Strip
	Providers []ProviderCard
	Weddings  []Wedding
	// WeddingsNote says why there are none to show.
	WeddingsNote string
	WeddingsMore string // how many are not shown; empty: none
	Recent       []OperationRow
	Live         bool // something runs: its end refreshes the page, otherwise a slow poll does
}

// Verdict is the one sentence a person in panic reads.
type Verdict struct {
	Tone  ui.Tone
	Icon  string
	Title string
	Text  string
}

// Leg is one number of the 3-2-1 rule.
type Leg struct {
	Need  string // "3"
	Name  string // "copies"
	State string // "3 of 3 confirmed"
	Tone  ui.Tone
	Pips  []ui.Chip // which provider, medium or place fills it
}

// LastBackup is the newest recovery point and how old it is.
type LastBackup struct {
	When    ui.When
	Age     string // "3 h"
	Tone    ui.Tone
	Type    string
	Size    string
	URL     string
	Next    string // when the next begins by itself; "": none does
	Alarm   string // why the age is an alarm; "" when it is not
	Failure string // the last attempt failed, or left something unprotected: what it said
	// FailTitle tells the two apart.
	FailTitle string
	FailURL   string
}

// Strip is a running operation in one line.
type Strip struct {
	ID, Title, Stage, Left string
	URL                    string
	EventsURL              string
	Bar                    ui.Bar
	Percent                string
}

// ProviderCard is one storage target.
type ProviderCard struct {
	Name, Medium, Place string
	Icon                string
	State               ui.Chip
	Lines               []string
	Error               string
	Repair              bool // something can be copied there now
}

// Wedding is one of the next weddings.
type Wedding struct {
	URL                  string
	Couple, Organization string
	Date                 string // "Sat 28 Nov 2026"
	Days                 string // "5"
	DaysUnit             string // "days"
	Phase                string // "Preparation"
	Urgency              ui.Chip
	Gone                 string // set: it is gone from the platform, in words
}
