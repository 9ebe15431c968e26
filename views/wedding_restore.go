package views

import "github.com/wedsync/keepsake/views/ui"

// WeddingPreview is what bringing a wedding back would change.
type WeddingPreview struct {
	Shell                    Shell
	BackURL, Action          string
	Name, Point, PointURL    string
	Mode, Fingerprint, Error string
	Missing                  bool // only what is missing comes back
	Nothing                  bool // there is nothing to do
	When                     ui.When
	Notices                  []ui.Notice
	Figures, Impact          []ui.Figure
	Tables                   []PreviewTable
	Points                   []PointOption // to choose from, newest first
	Read                     string
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
	// MoreURL leads to them; "": they are not shown anywhere else.
	MoreURL string
}

// WeddingRows is a page of one table's rows in a comparison.
type WeddingRows struct {
	Shell              Shell
	Name, BackURL      string
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

// WeddingRestore is what a restore into the live platform has changed.
type WeddingRestore struct {
	Shell                  Shell
	ID, Name, Title        string
	BackURL, Action, OfURL string
	Undo                   bool // it took another one back
	When                   ui.When
	Notices                []ui.Notice
	Figures                []ui.Figure
	Facts                  []ui.Fact
	Tables                 []PreviewTable
	LeftAlone              []string
}
