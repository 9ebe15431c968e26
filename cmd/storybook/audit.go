package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// auditStories are the audit trail in every state that its verdict and its filters can be in.
func auditStories() map[string]story {
	found := func(change func(*console.AuditVerdict)) *console.AuditVerdict {
		v := &console.AuditVerdict{
			Report:  audit.Report{Rows: 48_216, Intact: true, Sealed: &audit.Seal{Row: 48_210, At: began}},
			Checked: now.Add(-5 * time.Hour),
		}
		change(v)
		return v
	}
	intact := found(func(*console.AuditVerdict) {})
	broken := found(func(v *console.AuditVerdict) {
		v.Intact, v.Broken, v.Problem = false, 31_007, "its hash is not that of what it says"
	})
	unsealed := found(func(v *console.AuditVerdict) { v.Unsealed = "provider offsite does not answer" })
	page := func(v *console.AuditVerdict, n int) story {
		return func(t string) templ.Component { return views.AuditPage(trail(t, v, n, nil)) }
	}
	return map[string]story{
		"audit":          page(intact, 5),
		"audit-broken":   page(broken, 5),
		"audit-unsealed": page(unsealed, 2),
		"audit-full":     page(intact, 50),
		"audit-empty":    page(intact, 0),
		"audit-filtered": func(t string) templ.Component {
			return views.AuditPage(trail(t, intact, 0, url.Values{"security": {"1"}, "search": {"nobody of that name"}}))
		},
		"audit-organization": func(t string) templ.Component { // its admin sees its own entries, and verifies nothing
			vm := draw.Audit(shell(t, "Audit trail", "audit"), console.AuditPage{Rows: entries(3)}, nil, false, clock)
			vm.Shell.Bound = true
			return views.AuditPage(vm)
		},
	}
}

func trail(theme string, verdict *console.AuditVerdict, n int, q url.Values) views.Audit {
	vm := draw.Audit(shell(theme, "Audit trail", "audit"),
		console.AuditPage{Rows: entries(n), Verdict: verdict}, q, true, clock)
	vm.CSV, vm.JSONL, vm.First, vm.Next = "#csv", "#jsonl", "#first", "#next"
	return vm
}

// entries are the newest entries of a trail.
func entries(n int) (list []audit.Row) {
	each := []audit.Row{
		{
			Action:   string(audit.SessionStart),
			Security: true,
			Address:  "192.0.2.17",
			Took:     100 * time.Millisecond,
			Detail:   json.RawMessage(`{"new_device": true}`),
		},
		{
			ActorName: longPerson,
			Action:    string(audit.ScopeRestore),
			Outcome:   audit.Refused,
			Security:  true,
			WeddingID: "7f3c1a52-8f0e-4e63-9d27-0b7a3c55e901",
			Address:   "2001:db8:85a3:8d3:1319:8a2e:370:7348",
		},
		{
			ActorName: "command line",
			ActorRole: keepsake.RoleSystem,
			Action:    string(audit.BackupStart),
			Outcome:   audit.Failed,
			Address:   "console-1",
		},
		{Action: string(audit.RestoreStart), Point: pointID, Address: "192.0.2.17"},
		{Action: string(audit.BackupEnd), Took: 4 * time.Minute}}
	for i := range n {
		r := each[i%len(each)]
		if r.ActorName == "" {
			r.ActorName, r.ActorRole = admin.Name, admin.Role
		}
		if r.Outcome == "" {
			r.Outcome = audit.Allowed
		}
		r.ID, r.At, r.RequestID = int64(48_216-i), began, "01K9Z3M8Q4W1"
		r.UserAgent, r.Hash = strings.Repeat("a-browser-without-a-space", 6), []byte(strings.Repeat("0f1e", 8))
		list = append(list, r)
	}
	return list
}
