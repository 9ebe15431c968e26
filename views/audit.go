package views

import "github.com/wedsync/keepsake/views/ui"

// Audit is a page of the audit trail with what it is filtered by.
type Audit struct {
	Shell              Shell
	Filter             AuditFilter
	Filtered           bool // something is filtered: an empty page does not mean an empty trail
	Verdict            *ui.Notice
	MayVerify          bool
	Entries            []AuditEntry
	First, Next, Count string
	CSV, JSONL         string // addresses of the export of what is filtered
}

// AuditFilter is the form, as it was filled in.
type AuditFilter struct {
	Search, Actor, WeddingID, Point, Since, Until string
	Actions, Outcomes                             []AuditOption
	Security                                      bool
	Open                                          bool // more than the search is filled in
}

// AuditOption is one choice of a list.
type AuditOption struct {
	Value, Text string
	Chosen      bool
}

// AuditEntry is one entry in plain words.
type AuditEntry struct {
	ID       string // of the element
	Text     string
	Outcome  *ui.Chip // nil for what was allowed
	Security bool
	When     ui.When
	From     string // address, or ""
	Links    []AuditLink
	Facts    []ui.Fact
}

// AuditLink leads to the other entries about the same.
type AuditLink struct{ Href, Text string }
