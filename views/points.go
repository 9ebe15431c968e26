package views

import "github.com/wedsync/keepsake/views/ui"

// Points is the list of recovery points.
type Points struct {
	Shell       Shell
	Rows        []PointRow
	First, Next string
	Count       string
	// RetentionURL says which of them stay; empty for who may not see that.
	RetentionURL string
}

// PointRow is one recovery point in the list.
type PointRow struct {
	URL, Name, Type, Note string
	When                  ui.When
	State                 ui.Chip
	Lacks                 string
	Tables, Rows          string
	Size, New             string
}

// Point is one recovery point opened.
type Point struct {
	Shell      Shell
	ID         string
	Title      string // "Mon 23 Nov 2026, 14:05 UTC"
	When       ui.When
	Type, Note string
	State      ui.Chip
	Notices    []ui.Notice
	Figures    []ui.Figure
	Live       bool // the platform can be written into
	Copies     []Copy
	Lacks      string
	Repair     bool // a copy is missing or was found bad
	Tiers      []PointTier
	Facts      []ui.Fact // schema and source
	NotCarried []NotCarried
	Log        Log
	Tests      []PointTest // newest first
	// What people wrote to it, to be changed.
	EditNote, EditLabels, EditError string
	EditLocked                      bool
	Accept                          bool // it is suspect, and somebody may say that it is right
	Accepted                        bool // somebody has, in spite of what its backup found
	// What they were when the form was drawn: only what differs is saved.
	WasNote, WasLabels string
	WasLocked          bool
	// Missing says why tables and schema cannot be shown now.
	Missing string
}

// PointTest is one proof, or failure, of a recovery point.
type PointTest struct {
	Name, URL string
	State     ui.Chip
	When      ui.When
	Text      string
}

// PointTier is the tables of one tier.
type PointTier struct {
	ID, Name, Sum string
	Open          bool
	Tables        []PointTable
}

// PointTable is one table of a recovery point.
type PointTable struct {
	Name, Kind, Rows, Size, Stored, Shared, Chunks, Hash, HashShort string
	Lost                                                            string // "only 12 found"; "": all were
}

// RestoreForm asks where a recovery point goes.
type RestoreForm struct {
	Shell    Shell
	PointID  string
	Title    string
	Notices  []ui.Notice
	Facts    []ui.Fact
	Targets  []TargetOption // servers it may go to
	Database string
	Provider string
	Options  []ProviderOption
	Tiers    []TierOption
	Errors   map[string]string // by field name

	Other       string // the choice of a server that no configuration names
	OtherChosen bool
	Sealed      string // its address, when it was typed before

	Limit                     string // "only the wedding 7"; "": tiers are chosen
	WeddingID, OrganizationID string
}

// TargetOption is one server a restore may go to.
type TargetOption struct {
	Value, Name, Text string
	Checked           bool
}

// ProviderOption is one provider a restore may read from.
type ProviderOption struct{ Name, Text string }

// TierOption is one tier to restore.
type TierOption struct {
	Value, Name, Text string
	Checked           bool
}

// RestoreConfirm is the page with the typed confirmation.
type RestoreConfirm struct {
	Shell   Shell
	PointID string
	Title   string
	Notices []ui.Notice
	Word    string  // what must be typed
	Fields  []Field // the form so far, sent along
	Facts   []ui.Fact
	Lines   []string // what will happen
	Error   string
	BackURL string
}

// Field is one hidden field of a form.
type Field struct{ Name, Value string }

// Problem is an error page.
type Problem struct {
	Shell   Shell
	Status  string
	Title   string
	Text    string
	Action  string
	Href    string
	Request string // id to name when asking for help
}
