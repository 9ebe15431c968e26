package views

import "github.com/wedsync/keepsake/views/ui"

// BackupForm is "Back up now": which type, why, what it will cover and how long it should take.
type BackupForm struct {
	Shell                Shell
	Types                []BackupChoice
	Note                 string
	NoteError            string
	Labels, LabelsError  string // "name=value, name=value"
	WeddingID, Milestone string // for which wedding it is made; may be empty
	TypeError            string
	Notices              []ui.Notice // refusals and warnings
	Plan                 BackupPlan
	Start                BackupStart
}

// BackupChoice is one backup type with its explanation.
type BackupChoice struct {
	Value, Name, Text, Hint string
	Limit                   string // when the next one can start, where the person's limit is reached
	Checked                 bool
}

// BackupStart is the button that starts the backup.
type BackupStart struct {
	Disabled     bool   // something forbids starting; Why or the form's Notices say what
	Why          string // the chosen type's limit is reached
	AgainSeconds int    // after which it is looked at again; 0: never
}

// BackupPlan is what the chosen type will cover, and the estimate.
type BackupPlan struct {
	Value   string // of the type
	Type    string
	Known   bool // the platform could be asked
	Missing string
	Figures []ui.Figure
	Tiers   []PlanTier
	Notes   []string
	Left    string // of the limit; may be empty
}

// PlanTier is what one tier will contribute.
type PlanTier struct {
	Name, Goal, Tables, Rows, Size string
	Covered                        ui.Chip
	Names                          string // of its largest tables
}
