package draw

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Operation draws one operation as actor sees it, with the lines of its log.
func Operation(shell views.Shell, o console.Operation, actor keepsake.Actor, lines []console.LogLine,
	clock format.Clock) views.Operation {
	vm := views.Operation{
		Shell:     shell,
		ID:        o.ID,
		Title:     OperationTitle(o),
		State:     OperationState(o),
		Note:      o.Note,
		Facts:     operationFacts(o, clock),
		Live:      Live(o, &Pace{}),
		Running:   o.State.Active(),
		CanCancel: o.State.Active() && !o.CancelRequested,
		EventsURL: fmt.Sprintf("%s/events?after=%d", OperationURL(o.ID), o.EventID),
		Log:       views.Log{Lines: LogLines(lines, clock)},
		Approval:  approval(o, actor, clock),
		Notices:   askedNotices(o, clock),
	}
	if vm.Running {
		vm.Shell.Refresh = "5"
	} else {
		vm.Result = result(o)
	}
	return vm
}

// approval returns who decides about a restore that waits for approval, or nil for one that does not wait.
func approval(o console.Operation, actor keepsake.Actor, clock format.Clock) *views.Approval {
	if o.State != console.StateProposed {
		return nil
	}
	vm := &views.Approval{
		ID:    o.ID,
		By:    o.RequestedBy,
		Until: clock.When(o.CreatedAt.Add(console.ApproveWithin)),
		Own:   o.RequestedByID == actor.ID,
		May:   actor.Organization == "",
		Proof: !actor.Proven(clock.Now),
	}
	vm.Text = drawingOf(o.Kind).proposed
	return vm
}

// Cancel draws the question before an operation is stopped.
func Cancel(shell views.Shell, o console.Operation) views.Cancel {
	vm := views.Cancel{Shell: shell, ID: o.ID, BackURL: OperationURL(o.ID)}
	switch {
	case !o.State.Active():
		vm.Ended, vm.Title, vm.Text = true, "There is nothing to cancel",
			[]string{"It has ended already: " + OperationState(o).Text + "."}
		return vm
	case o.State == console.StateProposed:
		vm.Title, vm.Text = "Take this request back?",
			[]string{"Nothing has started. It cannot be approved afterwards; it can be asked for again."}
		return vm
	}
	d := drawingOf(o.Kind)
	vm.Title = "Cancel this " + d.noun + "?"
	if o.Progress != nil {
		vm.Text = append(vm.Text, "It is "+format.Percent(o.Progress.Fraction())+" done.")
	}
	vm.Text = append(vm.Text, d.stopping...)
	return vm
}

// Operations draws a list of operations.
func Operations(shell views.Shell, list []console.Operation, clock format.Clock) views.Operations {
	vm := views.Operations{Shell: shell}
	for _, o := range list {
		vm.Rows = append(vm.Rows, operationRow(o, clock))
		if o.State.Active() {
			vm.Shell.Refresh = "15"
		}
	}
	return vm
}

// OperationState says where an operation stands. Green means proven: a backup that is not protected is not green.
func OperationState(o console.Operation) ui.Chip {
	switch {
	case o.State.Active() && o.CancelRequested:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Stopping"}
	case o.State == console.StateProposed:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Waits for approval"}
	case o.State == console.StateQueued:
		return ui.Chip{Tone: ui.ToneMute, Text: "Waiting"}
	case o.State == console.StateInterrupted:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Interrupted, starts again"}
	case o.Silence.For > 0:
		return ui.Chip{Tone: ui.ToneWarn, Text: "Worker silent"}
	case o.State == console.StateRunning:
		return ui.Chip{Tone: ui.ToneRun, Text: "Running"}
	case o.State == console.StateFailed:
		return ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	case o.State == console.StateCancelled:
		return ui.Chip{Tone: ui.ToneMute, Text: "Cancelled"}
	case o.Degraded():
		return drawingOf(o.Kind).degraded(o)
	default:
		return ui.Chip{Tone: ui.ToneOK, Text: "Done"}
	}
}

// Live draws the moving part of an operation.
func Live(o console.Operation, pc *Pace) views.Live {
	tone := ui.ToneRun
	if !o.State.Active() {
		tone = OperationState(o).Tone
	}
	live := buildLive(o.Kind, o.Progress, tone, pc)
	if o.State == console.StateProposed {
		live.Headline, live.Sub = "Waits for approval", "Another super admin must approve it before it starts."
		live.Tone, live.Bar.Tone, live.Status = ui.ToneWarn, ui.ToneWarn, "Waits for another super admin's approval"
	}
	if o.State == console.StateRunning && o.Progress == nil {
		live.Headline, live.Sub, live.Status = "Starting", "A worker has taken it and is getting ready.", "Starting"
	}
	if o.Silence.For > 0 {
		live.Headline, live.Sub = "Its worker stopped answering", silenceWords(o.Silence)
		live.Tone, live.Bar.Tone, live.Status = ui.ToneWarn, ui.ToneWarn, "Its worker stopped answering"
	}
	if o.State == console.StateInterrupted {
		live.Headline, live.Sub = "Interrupted",
			"The process that did this work went away. Another one starts it again by itself within a minute."
		live.Tone, live.Bar.Tone, live.Status = ui.ToneWarn, ui.ToneWarn, "Interrupted; it starts again by itself"
	}
	if o.State.Active() && o.CancelRequested {
		live.Sub, live.Status = "It stops at the next safe place.", "Stopping"
	}
	return live
}

// silenceWords says since when a worker has been silent, and what comes of it.
func silenceWords(s console.Silence) string {
	since := fmt.Sprintf("It last answered %s ago. ", format.Duration(s.For.Round(time.Second)))
	if s.TakeOver > 0 {
		return since + fmt.Sprintf("Unless it comes back, another worker takes over in at most %s. What was stored is kept.",
			format.Duration(s.TakeOver.Round(time.Second)+time.Second))
	}
	return since + "No other worker has taken over yet: see that one runs, keepsake serve or keepsake worker. What was " +
		"stored is kept."
}

// result draws the report of an operation that ended.
func result(o console.Operation) *views.Result {
	switch {
	case o.State == console.StateCancelled:
		return problemResult(o, "")
	case o.State == console.StateFailed:
		r := problemResult(o, Sentence(o.ErrorMessage))
		r.Next = []views.NextStep{drawingOf(o.Kind).again(o)}
		return r
	case o.State == console.StateDone:
		return drawingOf(o.Kind).result(o)
	default:
		return nil
	}
}

// operationFacts draws the facts that every operation has, and those of its kind.
func operationFacts(o console.Operation, clock format.Clock) []ui.Fact {
	facts := []ui.Fact{{Label: "Asked for by", Value: OrDash(o.RequestedBy)},
		{Label: "Asked for", Value: clock.Exact(o.CreatedAt)}}
	if o.ApprovedBy != "" {
		facts = append(facts, ui.Fact{Label: "Approved by", Value: o.ApprovedBy},
			ui.Fact{Label: "Approved", Value: clock.Exact(o.ApprovedAt)})
	}
	if !o.StartedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: "Started", Value: clock.Exact(o.StartedAt)})
	}
	if !o.FinishedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: "Ended", Value: clock.Exact(o.FinishedAt)})
	}
	if o.Attempt > 1 {
		facts = append(facts, ui.Fact{Label: "Attempt", Value: fmt.Sprintf("%d: it was started again after an interruption",
			o.Attempt)})
	}
	facts = append(facts, drawingOf(o.Kind).facts(o)...)
	if !drawingOf(o.Kind).makesPoint && o.Point != "" {
		facts = append(facts, ui.Fact{Label: "Recovery point", Value: o.Point, Mono: true})
	}
	for _, name := range sortedKeys(o.Labels) {
		facts = append(facts, ui.Fact{Label: name, Value: o.Labels[name]})
	}
	return append(facts, ui.Fact{Label: "Number", Value: o.ID, Mono: true})
}

// operationRow draws an operation in a list.
func operationRow(o console.Operation, clock format.Clock) views.OperationRow {
	row := views.OperationRow{
		URL:   OperationURL(o.ID),
		Title: OperationTitle(o),
		Note:  o.Note,
		By:    o.RequestedBy,
		State: OperationState(o),
		When:  clock.When(o.CreatedAt),
	}
	switch {
	case o.State == console.StateDone:
		row.Took, row.Size = format.Seconds(o.Seconds), format.Bytes(o.Bytes)
		row.Result = format.Capital(o.Lacks)
		if o.Restore != nil && len(o.Restore.Exceptions) > 0 {
			row.Result = format.Plural(int64(len(o.Restore.Exceptions)), "exception", "exceptions")
		}
	case !o.FinishedAt.IsZero() && !o.StartedAt.IsZero():
		row.Took = format.Duration(o.FinishedAt.Sub(o.StartedAt))
	case o.Progress != nil:
		row.Result = format.Percent(o.Progress.Fraction())
	}
	if o.State == console.StateFailed {
		row.Result = firstSentence(o.ErrorMessage)
	}
	return row
}

// LogLines draws the log of an operation.
func LogLines(lines []console.LogLine, clock format.Clock) []views.LogLine {
	out := make([]views.LogLine, len(lines))
	for i, l := range lines {
		out[i] = views.LogLine{
			ID:    strconv.FormatInt(l.ID, 10),
			Time:  clock.TimeOfDay(l.Time),
			ISO:   clock.When(l.Time).ISO,
			Level: l.Level,
			Class: "lv-" + l.Level,
			Text:  l.Message,
		}
	}
	return out
}

// Sentence ends a message with a full stop.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!") {
		return s
	}
	return s + "."
}

// firstSentence shortens a message for a list.
func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i > 0 {
		s = s[:i+1]
	}
	if r := []rune(s); len(r) > 140 {
		s = string(r[:139]) + "…"
	}
	return s
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
