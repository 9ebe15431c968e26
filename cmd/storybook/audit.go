package main

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// auditStories are the audit trail in every state that its verdict and its filters can be in.
func auditStories() map[string]story {
	intact := ui.Notice{Tone: ui.ToneOK, Title: "Intact, sealed up to row 48,210 on 23 Nov 2026",
		Text: "Last verified 5 h ago. The seal lies in the repository, where whoever owns the console database " +
			"cannot reach it."}
	broken := ui.Notice{Tone: ui.ToneBad, Title: "The trail is broken at row 31,007",
		Text: "Its hash is not that of what it says. Last verified 1 min ago. Whoever owns the console database can do " +
			"that; recovery points do not lie there and are not affected. Export the trail before anything changes, and " +
			"find out who did."}
	unsealed := ui.Notice{Tone: ui.ToneWarn, Title: "Intact in itself; the seals could not be read",
		Text: "Provider offsite does not answer. Last verified 1 min ago."}
	return map[string]story{
		"audit":          func(t string) templ.Component { return views.AuditPage(auditPage(t, &intact, 5)) },
		"audit-broken":   func(t string) templ.Component { return views.AuditPage(auditPage(t, &broken, 5)) },
		"audit-unsealed": func(t string) templ.Component { return views.AuditPage(auditPage(t, &unsealed, 2)) },
		"audit-full":     func(t string) templ.Component { return views.AuditPage(auditPage(t, &intact, 50)) },
		"audit-empty":    func(t string) templ.Component { return views.AuditPage(auditPage(t, &intact, 0)) },
		"audit-filtered": func(t string) templ.Component {
			vm := auditPage(t, &intact, 0)
			vm.Filtered, vm.Filter.Open, vm.Filter.Security, vm.Filter.Search = true, true, true, "nobody of that name"
			return views.AuditPage(vm)
		},
		"audit-organization": func(t string) templ.Component { // its admin sees its own entries, and verifies nothing
			vm := auditPage(t, nil, 3)
			vm.MayVerify, vm.Shell.Bound = false, true
			return views.AuditPage(vm)
		},
	}
}

func auditPage(theme string, verdict *ui.Notice, n int) views.Audit {
	all := []views.AuditOption{{Text: "Any", Chosen: true},
		{Value: string(audit.RestoreStart), Text: "started a restore into a new database"}}
	vm := views.Audit{Shell: shell(theme, "Audit trail", "audit"), Verdict: verdict, MayVerify: true,
		Filter: views.AuditFilter{Actions: all, Outcomes: all[:1]},
		CSV:    "#csv", JSONL: "#jsonl", First: "#first", Next: "#next", Count: "5 entries on this page"}
	refused, failed := ui.Chip{Tone: ui.ToneWarn, Text: "Refused", Icon: "ban"}, ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	facts := []ui.Fact{{Label: "Action", Value: string(audit.RestoreStart), Mono: true},
		{Label: "Browser or program", Value: strings.Repeat("a-browser-without-a-space", 6)},
		{Label: "Hash", Value: strings.Repeat("0f1e2d3c", 8), Mono: true}}
	entries := []views.AuditEntry{
		{Text: "amelia.hart@wedsync.example signed in (0.1 s), from a device not seen before", Security: true,
			From: "192.0.2.17"},
		{Text: "an-extraordinarily-long-address-of-somebody-at-a-venue@subsidiary.of.a.large.hotel-group.example was " +
			"refused to restore wedding 7f3c1a52-8f0e-4e63-9d27-0b7a3c55e901", Security: true, Outcome: &refused,
			From: "2001:db8:85a3:8d3:1319:8a2e:370:7348"},
		{Text: "Somebody at the command line of console-1 tried to start a backup, and it did not work", Outcome: &failed},
		{Text: "amelia.hart@wedsync.example started a restore into a new database from recovery point 01K9Z3M8Q4W1",
			From: "192.0.2.17"},
		{Text: "amelia.hart@wedsync.example finished a backup (4 min)"},
	}
	for i := range n {
		e := entries[i%len(entries)]
		e.ID, e.When, e.Facts = fmt.Sprintf("entry-%d", n-i), when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), facts
		e.Links = []views.AuditLink{
			{Href: "#actor",
				Text: "All by an-extraordinarily-long-address-of-somebody@subsidiary.of.a.large.hotel-group.example"},
			{Href: "#request", Text: "All of this request"}}
		vm.Entries = append(vm.Entries, e)
	}
	return vm
}
