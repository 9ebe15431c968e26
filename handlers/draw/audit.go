package draw

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// Audit draws a page of the trail that was asked for by q; verifies: the reader may verify the whole of it.
func Audit(shell views.Shell, page console.AuditPage, q url.Values, verifies bool, clock format.Clock) views.Audit {
	vm := views.Audit{Shell: shell, Filter: auditForm(q), Filtered: len(q) > 0, MayVerify: verifies}
	if verifies {
		vm.Verdict = auditVerdict(page.Verdict, clock)
	}
	for _, r := range page.Rows {
		vm.Entries = append(vm.Entries, auditEntry(r, clock))
	}
	vm.Count = format.Plural(int64(len(page.Rows)), "entry", "entries") + " on this page"
	return vm
}

// auditForm draws the filters of the trail as they are filled in.
func auditForm(q url.Values) views.AuditFilter {
	f := views.AuditFilter{
		Search:    q.Get("search"),
		Actor:     q.Get("actor"),
		WeddingID: q.Get("wedding"),
		Point:     q.Get("point"),
		Since:     q.Get("since"),
		Until:     q.Get("until"),
		Security:  q.Get("security") != "",
		Actions:   auditActions(q.Get("action")),
	}
	for _, o := range []views.AuditOption{{Text: "Any"}, {Value: "allowed", Text: "Allowed"},
		{Value: "refused", Text: "Refused"}, {Value: "failed", Text: "Failed"}} {
		o.Chosen = o.Value == q.Get("outcome")
		f.Outcomes = append(f.Outcomes, o)
	}
	f.Open = len(q) > 1 || len(q) == 1 && f.Search == ""
	return f
}

// auditEntry draws one entry of the trail.
func auditEntry(r audit.Row, clock format.Clock) views.AuditEntry {
	e := views.AuditEntry{
		ID:       fmt.Sprintf("entry-%d", r.ID),
		Text:     auditSentence(r),
		Security: r.Security,
		When:     clock.When(r.At),
		From:     r.Address,
		Facts:    auditFacts(r, clock),
	}
	switch r.Outcome {
	case audit.Refused:
		e.Outcome = &ui.Chip{Tone: ui.ToneWarn, Text: "Refused", Icon: "ban"}
	case audit.Failed:
		e.Outcome = &ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	}
	link := func(text, name, value string) {
		if value != "" {
			e.Links = append(e.Links, views.AuditLink{Href: "/audit?" + url.Values{name: {value}}.Encode(), Text: text})
		}
	}
	link("All by "+r.ActorName, "actor", r.ActorName)
	link("All "+r.Action, "action", r.Action)
	link("All about this wedding", "wedding", r.WeddingID)
	link("All about this recovery point", "point", r.Point)
	link("All of this request", "search", r.RequestID)
	return e
}

// sealedLate is the age of the newest seal from which on it is not only that a day has just begun.
const sealedLate = 48 * time.Hour

// sealedAhead is how far the clocks of two machines may differ before it is said.
const sealedAhead = time.Hour

// auditVerdict draws the newest verdict on the trail.
func auditVerdict(v *console.AuditVerdict, clock format.Clock) *ui.Notice {
	if v == nil {
		return &ui.Notice{
			Tone:  ui.ToneMute,
			Title: "Not verified yet",
			Text:  "A worker reads the whole trail once a day, and seals its end into the repository every hour.",
		}
	}
	checked := "Last verified " + clock.Relative(v.Checked) + "."
	n := &ui.Notice{Tone: ui.ToneOK, List: v.Missing}
	for _, s := range v.Earlier {
		n.List = append(n.List,
			fmt.Sprintf("An earlier trail of this repository ended with row %s; it was last sealed on %s.",
				format.Count(s.Row), s.At.Format(time.DateOnly)))
	}
	switch {
	case v.Replaced:
		n.Tone, n.Title = ui.ToneBad, "This is another trail than before"
		n.Text = Sentence(v.Problem) + " " + checked
	case !v.Intact:
		n.List = append(n.List, v.Words(clock.Now)...)
		n.Tone, n.Title = ui.ToneBad, "The trail is broken at row "+format.Count(v.Broken)
		n.Text = Sentence(v.Problem) + " " + checked + " Whoever owns the console database can do that; recovery points do " +
			"not lie there and are not affected. Export the trail before anything changes, and find out who did."
	case v.Unsealed != "":
		n.Tone, n.Title = ui.ToneWarn, "Intact in itself; the seals could not be read"
		n.Text = Sentence(v.Unsealed) + " " + checked
	case v.Sealed == nil:
		n.Tone, n.Title, n.Text = ui.ToneWarn, "Intact, not sealed yet",
			checked+" A worker seals its end into the repository every hour."
	default:
		n.Title = fmt.Sprintf("Intact, sealed up to row %s on %s", format.Count(v.Sealed.Row),
			v.Sealed.At.In(clock.Zone).Format("2 Jan 2006 15:04 MST"))
		n.Text = checked + " The seal lies in the repository, where whoever owns the console database cannot reach it."
		if since := v.Rows - v.Sealed.Row; since > 0 {
			n.Text += " " + format.Plural(since, "row since is", "rows since are") +
				" vouched for by the chain alone, until the next seal."
		}
		switch age := clock.Now.Sub(v.Sealed.At); {
		case age < -sealedAhead:
			n.Tone = ui.ToneWarn
			n.Text = checked + " That seal is dated ahead of this machine’s clock, so one of two clocks is wrong, and " +
				"whether a new seal is late cannot be told. Look at the clocks of console and workers: the seal that a worker " +
				"makes next has the right date again."
		case age > sealedLate:
			n.Tone = ui.ToneWarn
			n.Text = checked + " What was written after that seal could be rewritten unseen, and a new one is late: a worker " +
				"makes one every hour in which anything happens. Look whether one runs, and what its log says of the providers."
		}
	}
	return n
}

// auditSentence says an entry in plain words.
func auditSentence(r audit.Row) string {
	w := audit.WordsOf(audit.Action(r.Action))
	var b strings.Builder
	b.WriteString(auditWho(r))
	detail := detailOf(r)
	switch {
	case r.Outcome == audit.Refused:
		b.WriteString(" was refused to " + w.Do)
	case r.Outcome == audit.Failed:
		b.WriteString(" tried to " + w.Do)
	case detail["begun"] == true: // another entry says what became of it
		b.WriteString(" set out to " + w.Do)
	default:
		b.WriteString(" " + w.Did)
	}
	about := r.Target
	if scope, _ := detail["scope"].(string); scope != "" { // the target is the operation that does it
		about = scope
	}
	switch {
	case r.WeddingID != "":
		if !w.Named {
			b.WriteString(" for")
		}
		b.WriteString(" wedding " + r.WeddingID)
	case w.Named && about != "":
		b.WriteString(" " + about)
	}
	if r.Point != "" && r.Point != r.Target {
		b.WriteString(" from recovery point " + r.Point)
	}
	switch {
	case r.Outcome == audit.Failed:
		b.WriteString(", and it did not work")
	case r.Took > 0 && r.Outcome == audit.Allowed && detail["begun"] == nil:
		b.WriteString(" (" + format.Duration(r.Took) + ")")
	}
	if words := r.SuspectWords(); words != "" {
		b.WriteString(", and " + words)
	} else if r.FellShort() {
		b.WriteString(", which fell short of what it was for")
	}
	if detail["new_device"] == true {
		b.WriteString(", from a device not seen before")
	}
	return b.String()
}

func auditWho(r audit.Row) string {
	switch {
	case r.ActorRole == keepsake.RoleSystem && r.ActorName == "command line":
		if r.Address == "" {
			return "Somebody at the command line"
		}
		return "Somebody at the command line of " + r.Address
	case r.ActorRole == keepsake.RoleSystem:
		return "Keepsake’s " + r.ActorName
	case r.Action == string(audit.DatabaseWrite):
		return "Somebody with the database role " + r.ActorName
	case r.ActorName == "":
		return "Somebody"
	case r.Token != "":
		return r.ActorName + ", by a token,"
	}
	return r.ActorName
}

func detailOf(r audit.Row) map[string]any {
	var detail map[string]any
	_ = json.Unmarshal(r.Detail, &detail) // an entry that cannot be read has no details
	return detail
}

// auditFacts are everything that an entry says.
func auditFacts(r audit.Row, clock format.Clock) []ui.Fact {
	facts := []ui.Fact{{Label: "Entry", Value: format.Count(r.ID)}, {Label: "Action", Value: r.Action, Mono: true},
		{Label: "Outcome", Value: string(r.Outcome)},
		{Label: "At", Value: clock.Exact(r.At) + " (" + clock.TimeOfDay(r.At) + ")"}}
	add := func(label, value string, mono bool) {
		if value != "" {
			facts = append(facts, ui.Fact{Label: label, Value: value, Mono: mono})
		}
	}
	add("About", r.Target, true)
	add("Wedding", r.WeddingID, true)
	add("Recovery point", r.Point, true)
	add("Acting as", string(r.ActorRole), false)
	add("Organization", r.Organization, true)
	add("Browser or program", r.UserAgent, false)
	add("Session", r.Session, true)
	add("Token", r.Token, true)
	add("Request", r.RequestID, true)
	detail := detailOf(r)
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		add(format.Title(strings.ReplaceAll(name, "_", " ")), detailText(detail[name]), false)
	}
	add("Hash", fmt.Sprintf("%x", r.Hash), true)
	return facts
}

func detailText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// auditActions are the choices of the filter.
func auditActions(chosen string) []views.AuditOption {
	options := []views.AuditOption{{Text: "Any"}}
	known := chosen == ""
	for _, w := range audit.Actions() {
		action := string(w.Action)
		known = known || action == chosen
		text := format.Title(w.Did)
		if w.Named {
			text += "…"
		}
		options = append(options, views.AuditOption{Value: action, Text: text, Chosen: action == chosen})
	}
	if !known {
		options = append(options, views.AuditOption{Value: chosen, Text: chosen, Chosen: true})
	}
	return options
}
