package handlers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

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
	case r.Wedding != "":
		if !w.Named {
			b.WriteString(" for")
		}
		b.WriteString(" wedding " + r.Wedding)
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
	add("Wedding", r.Wedding, true)
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
