package views

import "github.com/wedsync/keepsake/views/ui"

// Weddings is the list of weddings with its search.
type Weddings struct {
	Explained   bool // the platform can be asked which tables belong to a wedding
	Shell       Shell
	Search      string
	Notices     []ui.Notice
	List        []WeddingRow
	First, Next string
	Count       string
	Newest      WeddingPoint // that covers all of them; without a URL there is none
	Searching   bool
	Days        []string // how days in the search have been read
}

// WeddingRow is one wedding in the list.
type WeddingRow struct {
	Wedding
	Matched []string // what a search has found when it was not the couple: "Vendor: Rose & Thistle"
}

// WeddingPoint is one recovery point as a wedding's pages show it.
type WeddingPoint struct {
	URL, Type, Note string
	When            ui.When
	State           ui.Chip
	Labels          []string
	// Where this wedding at that moment can be seen, compared and brought back from.
	ThenURL, ChangesURL, RestoreURL string
	NewURL                          string // into a new database
	DaysBefore                      string // "12 days before the wedding"
}

// WeddingPage is one wedding: its timeline, its recovery points and what can be done.
type WeddingPage struct {
	Shell                         Shell
	Wedding                       Wedding
	Notices                       []ui.Notice
	Timeline                      Timeline
	Points                        []WeddingPoint // newest first
	MorePoints                    string
	Figures                       []ui.Figure
	Offers                        WeddingOffers
	ChangesURL                    string
	Moments                       []PointOption // to compare two of
	Earlier                       []PointOption // those that are recovery points
	Milestones                    []MilestoneRow
	MilestonesURL, MilestoneError string
	MilestoneName, MilestoneDay   string // as typed, when refused
	BackupURL                     string
}

// MilestoneRow is one named day.
type MilestoneRow struct {
	Name, Value, Day, Away string
	Derived                bool // nobody can move it
}

// Timeline is a wedding's time as a drawing, in units of a 1000 wide canvas.
type Timeline struct {
	Label  string // what it shows, in words
	Bands  []TimelineBand
	Ticks  []TimelineTick
	Flags  []TimelineFlag
	Marks  []TimelineMark
	Height string
	Now    string // where today stands, as a share of the width
}

// TimelineBand is one phase.
type TimelineBand struct{ X, W, Center, Name, Class string }

// TimelineTick is one month's first day.
type TimelineTick struct{ X, Name string }

// TimelineFlag is today, the wedding day or a milestone.
type TimelineFlag struct{ X, TextX, TextY, Anchor, Name, Class string }

// TimelineMark is one recovery point, or several that lie too close together to be told apart.
type TimelineMark struct{ X, R, Class, URL, Title, Count string }

// WeddingChanges is what changed between two moments of a wedding.
type WeddingChanges struct {
	Shell                 Shell
	Name, BackURL, Action string
	From, To              []PointOption
	FromWhen, ToWhen      ui.When
	Now                   bool // To is the live platform
	Figures               []ui.Figure
	Tables                []PreviewTable
	Nothing               bool
	Same                  bool // From and To are one recovery point
	Notices               []ui.Notice
	Read                  string
}
