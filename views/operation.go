package views

import "github.com/wedsync/keepsake/views/ui"

// Operation is the page of one backup, verification or restore.
type Operation struct {
	Shell     Shell
	ID        string
	Title     string // "Full backup"
	State     ui.Chip
	Note      string
	Facts     []ui.Fact // who, when, target
	Notices   []ui.Notice
	Live      Live
	Log       Log
	Result    *Result
	CanCancel bool
	Stopping  bool
	Running   bool
	EventsURL string
	Approval  *Approval // nil where nobody has to decide
}

// Approval is what a second person decides about a restore.
type Approval struct {
	ID, By string
	Text   string // what the restore does
	Until  ui.When
	Own    bool // who looks has asked for it
	May    bool // who looks may approve restores of the whole platform
	Proof  bool // the password must be given first
}

// Live is the moving part of an operation's page: the whole state, so that any one of them is enough.
type Live struct {
	Tone      ui.Tone
	Headline  string // "Reading rows"
	Sub       string // "about 2 min left"
	Percent   string // "43 %"
	Bar       ui.Bar
	Figures   []ui.Figure
	Steps     []Step
	Tiers     []LiveTier
	Providers []LiveProvider
	// ProvidersTitle and ProvidersText head the table of providers: copies written, or copies read from.
	ProvidersTitle, ProvidersText string
	// Moved names what a provider's bytes were: "Sent" or "Read".
	Moved string
	// Status is the sentence that is read aloud when it changes.
	Status string
	Known  bool // false: queued, nothing to show yet
}

// Step is one stage of the operation: "done", "now", "failed" or "".
type Step struct{ Name, State string }

// LiveTier is the progress of one tier with its tables.
type LiveTier struct {
	ID, Name, Goal string
	Sum            string // "3 of 5 tables · 12,004 of 40,000 rows · 14.2 MiB/s · 20 s left"
	Bar            ui.Bar
	Open           bool
	Tables         []LiveTable
	More           string // "and 420 more tables"
}

// LiveTable is the progress of one table.
type LiveTable struct {
	Name                    string
	State                   ui.Chip
	Rows, Bytes, Rate, Left string
	RowsOf, BytesOf         string // "of about 600,000", while it is not done
	Bar                     ui.Bar
}

// LiveProvider is the progress at one provider.
type LiveProvider struct {
	Name      string
	State     ui.Chip
	Confirmed string
	Lag       string
	Bytes     string
	Error     string
}

// Log is the log of an operation, oldest first.
type Log struct {
	Lines []LogLine
	More  string // "The last 200 lines"
	URL   string // of the whole log
}

// LogLine is one line; ID is that of the event that brought it.
type LogLine struct {
	ID, Time, ISO, Level, Class, Text string
}

// Result is the report of an ended operation.
type Result struct {
	Tone       ui.Tone
	Title      string
	Text       string
	Figures    []ui.Figure
	Copies     []Copy
	Lacks      string
	Exceptions *Exceptions
	NotCarried []NotCarried
	Findings   []Finding
	TierTimes  []ui.Fact
	PointURL   string
	PointName  string
	Next       []NextStep
}

// NextStep is something to do after an operation.
type NextStep struct{ Text, URL string }

// Copy is the state of a recovery point at one provider.
type Copy struct {
	Provider, Medium, Place string
	Uploaded                string // by the operation; empty where it uploads nothing
	State                   ui.Chip
	Error                   string
}

// Exceptions is what a restore could not make.
type Exceptions struct {
	Count       string // "12 things"
	First, More []Exception
	Fold        string // "The other 240"
	Rest        string // about those that the page does not name; empty when it names all
}

// Exception is one thing that a restore could not make.
type Exception struct {
	Kind                ui.Chip
	Object, Error, Code string
	Because             string // what it depends on and could not be made either
	Means               string
	SQL, Note           string
}

// showsUploads reports whether the copies come from an operation that uploads.
func showsUploads(copies []Copy) bool { return len(copies) > 0 && copies[0].Uploaded != "" }

// NotCarried is one thing that did not come along.
type NotCarried struct{ Kind, Name, Reason string }

// Finding is one thing a verification found.
type Finding struct {
	Kind                      ui.Chip
	Provider, Object, Problem string
}

// OperationRow is one operation in a list.
type OperationRow struct {
	URL, Title, Note, By string
	State                ui.Chip
	When                 ui.When
	Took, Size, Result   string
}

// Operations is the list of operations.
type Operations struct {
	Shell       Shell
	DutiesURL   string // empty for who may not read them
	ScheduleURL string // the same
	Rows        []OperationRow
	First, Next string
	Count       string
}

// Duties are what is done without being asked for.
type Duties struct {
	Shell Shell
	Rows  []DutyRow
}

// DutyRow is one duty.
type DutyRow struct {
	Does, Every string
	State       ui.Chip // of its last run
	Message     string  // why that failed
	Last        ui.When // when that ended
	Next        ui.When
	NextText    string // in the place of Next
	Late        bool   // Next is over, and nobody has done it
}

// Cancel is the confirm page before an operation is stopped.
type Cancel struct {
	Shell   Shell
	Notices []ui.Notice
	ID      string
	Title   string
	Text    []string
	Ended   bool // nothing to cancel any more
	BackURL string
}
