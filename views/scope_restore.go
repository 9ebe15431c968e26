package views

import (
	"strconv"

	"github.com/wedsync/keepsake/views/ui"
)

// ScopeChoice asks what comes back into the live platform.
type ScopeChoice struct {
	Shell  Shell
	Action string
	Points []PointOption
	Tiers  []TierOption
}

// ScopePreview is what bringing something back into the live platform would change.
type ScopePreview struct {
	Shell                     Shell
	BackURL, BackText, Action string
	Noun                      string // "wedding", "organization", "tier" or "platform"
	Name, PointURL            string
	What                      string // Name as it stands in a title: "the critical tier"
	NameBare                  string // the ways to type Name without accents, one a line
	Fingerprint, Error        string
	Address                   string   // of this very comparison, for whoever reloads it
	Shown                     string   // which choice this comparison is of
	Scope                     []Field  // hidden fields that name what comes back
	Wide                      bool     // it is whole tables: comparing takes a while
	Button                    string   // what confirming does, in numbers
	Elsewhere                 []string // rows ticked off that this page does not show
	Touched                   []TouchedWedding
	TouchedMore               string
	Missing                   bool // only what is missing comes back
	Nothing                   bool // there is nothing to do
	NothingText               string
	When                      ui.When
	Notices                   []ui.Notice
	Figures, Impact           []ui.Figure
	Tables                    []PreviewTable
	Points                    []PointOption // to choose from, newest first
	Read                      string
}

// TouchedWedding is a wedding that a restore would change rows of.
type TouchedWedding struct {
	Wedding Wedding
	Rows    string
}

// PointOption is one recovery point to choose.
type PointOption struct {
	Value, Text string
	Selected    bool
}

// PreviewTable is one table of a preview.
type PreviewTable struct {
	Name   string
	Sum    string // "3 back · 1 changed · 0 removed"
	Shared bool   // used by other weddings too
	Notes  []string
	Rows   []PreviewRow
	More   string // "12 more rows"
	// MoreURL is where the form goes to see them; "": they are not shown anywhere else.
	MoreURL string
	// AllValue is the tick that leaves the whole table out.
	AllValue   string
	AllLeftOut bool
}

// ScopeRows is a page of one table's rows in a comparison.
type ScopeRows struct {
	Shell              Shell
	Name, Action       string
	Fields             []Field
	Elsewhere          []string
	Table              PreviewTable
	First, Next, Count string
}

// PreviewRow is one row that would change.
type PreviewRow struct {
	Value   string // of its tick
	Key     string
	What    ui.Chip
	Newer   bool // the live row was made or changed since
	Refused string
	LeftOut bool
	Cells   []PreviewCell
}

// PreviewCell is one value, now and then.
type PreviewCell struct {
	Column, Before, After string
	Changed               bool
}

// ScopeRestore is what a restore into the live platform has changed.
type ScopeRestore struct {
	Shell             Shell
	ID, Name, Title   string
	BackURL, BackText string
	UndoURL, UndoText string
	OfURL             string
	Undo              bool // it took another one back
	When              ui.When
	Notices           []ui.Notice
	Figures           []ui.Figure
	Facts             []ui.Fact
	Tables            []PreviewTable
	LeftAlone         []string
}

// UndoAsk asks whether a restore into the live platform is to be undone.
type UndoAsk struct {
	Shell           Shell
	Name, Title     string
	Button, Keep    string
	When            ui.When
	Notices         []ui.Notice
	Lines           []string // what becomes of which rows
	BackURL, Action string
}

// tickID names the tick of a row, so that the focus stays on it when the comparison is drawn anew; row -1 is the whole
// table.
func tickID(table, row int) string { return "skip-" + strconv.Itoa(table) + "-" + strconv.Itoa(row+1) }

// tickChoice says whether a tick compares anew by itself.
func tickChoice(wide bool) string {
	if wide {
		return "slow"
	}
	return "tick"
}
