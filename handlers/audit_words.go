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

// deed is an action in words: "somebody did", "somebody tried to do".
type deed struct {
	action, did, do string
	name            bool // the target says what it was about; otherwise it is an operation's id or nothing
}

// deeds are the actions that the trail has words for, in the order of the page's list. An action that is missing here
// is shown as it is called.
var deeds = []deed{
	{"session.start", "signed in", "sign in", false},
	{"session.end", "signed out, or ended a session", "sign out, or end a session", false},
	{"session.use", "used a session from another address than before", "use a session that is over", false},
	{"session.prove", "gave the password or a code again", "give the password or a code again", false},
	{"session.password", "gave the right password, and was asked for the second step", "give the password", false},
	{"second_step.begin", "began to set up a second step of signing in", "set up a second step of signing in", false},
	{"second_step.on", "switched the second step of signing in on", "switch the second step of signing in on", false},
	{"second_step.off", "switched the second step of signing in off for", "switch the second step of signing in off for",
		true},
	{"second_step.codes", "made new recovery codes", "make new recovery codes", false},
	{"second_step.recovery_code", "signed in with a recovery code", "sign in with a recovery code", false},
	{"second_step.read", "looked at the second step of signing in", "look at the second step of signing in", false},
	{"session.list", "listed sessions", "list sessions", false},
	{"token.list", "listed tokens", "list tokens", false},
	{"token.create", "made a token", "make a token", false},
	{"token.use", "used a token", "use a token that is not valid", false},
	{"token.revoke", "revoked a token", "revoke a token", false},
	{"account.create", "made the account of", "make the account of", true},
	{"account.close", "closed the account of", "close the account of", true},
	{"account.unlock", "lifted the lock-out of", "lift the lock-out of", true},
	{"account.password", "set a new password for", "set a new password for", true},
	{"account.elsewhere", "came from Supabase Auth for the first time, or with another role, organization or address",
		"come from Supabase Auth", false},
	{"request.send", "sent a request", "send the request", true},
	{"backup.estimate", "looked at what a backup would take", "look at what a backup would take", false},
	{"backup.start", "started a backup", "start a backup", false},
	{"backup.end", "finished a backup", "finish a backup", false},
	{"backup.found", "put backups that were taken elsewhere into the list of operations",
		"list backups that were taken elsewhere", false},
	{"verify.start", "started a verification", "start a verification", false},
	{"verify.end", "finished a verification", "finish a verification", false},
	{"repair.start", "started a repair", "start a repair", false},
	{"provider.check", "checked provider", "check provider", true},
	{"repair.end", "finished a repair", "finish a repair", false},
	{"restore.start", "started a restore into a new database", "start a restore into a new database", false},
	{"restore.end", "finished a restore into a new database", "finish a restore into a new database", false},
	{"restore.target", "named another server for a restore", "name another server for a restore", false},
	{"scope.preview", "looked at what a restore into the live platform would change",
		"look at what a restore into the live platform would change", false},
	{"scope.restore", "restored", "restore", true},
	{"scope.restore.read", "looked at a restore into the live platform", "look at a restore into the live platform",
		false},
	{"scope.undo", "took a restore into the live platform back", "take a restore into the live platform back", false},
	{"scoped.end", "finished a restore into the live platform", "finish a restore into the live platform", false},
	{"scope.export", "exported", "export", true},
	{"scope.explain", "looked at what belongs to a wedding", "look at what belongs to a wedding", false},
	{"wedding.read", "read", "read", true},
	{"milestone.save", "changed a milestone of", "change a milestone of", true},
	{"milestone.look", "looked for weddings that reached a milestone", "look for weddings that reached a milestone",
		false},
	{"point.save", "changed the note, labels or lock of", "change the note, labels or lock of", true},
	{"approval.ask", "asked for approval of a restore", "ask for approval of a restore", false},
	{"approval.give", "approved a restore", "approve a restore", false},
	{"approval.expire", "ended a restore that nobody approved", "end a restore that nobody approved", false},
	{"operation.cancel", "cancelled an operation", "cancel an operation", false},
	{"operation.read", "looked at an operation", "look at an operation", false},
	{"point.read", "looked at a recovery point", "look at a recovery point", false},
	{"overview.read", "looked at the overview", "look at the overview", false},
	{"operations.list", "listed the operations", "list the operations", false},
	{"compliance.read", "looked at how things stand against the rules", "look at how things stand against the rules",
		false},
	{"tests.list", "listed the tests of recovery points", "list the tests of recovery points", false},
	{"test.read", "looked at a test of a recovery point", "look at a test of a recovery point", false},
	{"duties.list", "listed the duties", "list the duties", false},
	{"schema.read", "read the schema of a recovery point", "read the schema of a recovery point", false},
	{"points.list", "listed the recovery points", "list the recovery points", false},
	{"weddings.list", "listed the weddings", "list the weddings", false},
	{"organizations.list", "listed the organizations", "list the organizations", false},
	{"repository.rebuild", "filled the console database from provider", "fill the console database from provider", true},
	{"repository.add_provider", "began to use provider", "begin to use provider", true},
	{"key.repository", "made the repository and its keys, or looked whether they are there",
		"make the repository and its keys", false},
	{"key.writer", "printed the key of writers", "print the key of writers", false},
	{"alert.test", "sent a test to the addresses that alerts go to", "send a test to the addresses that alerts go to",
		false},
	{"settings.change", "started Keepsake with other settings than before",
		"start Keepsake with other settings than before", false},
	{"audit.read", "read the audit trail", "read the audit trail", false},
	{"audit.export", "exported the audit trail", "export the audit trail", false},
	{"audit.seal", "sealed the audit trail", "seal the audit trail", false},
	{"audit.section", "found the end of the audit trail broken", "find the end of the audit trail broken", false},
	{"alert.tell", "told people of what is on record", "tell people of what is on record", false},
	{"point.sync", "took notes, labels or locks over from the repository",
		"take notes, labels or locks over from the repository", false},
	{"audit.verify", "verified the audit trail", "verify the audit trail", false},
	{"database.write", "changed, past Keepsake, a row of table", "change a row of table", true},
	{"audit.begin", "put on record that the audit trail began anew, in the place of",
		"put on record that the audit trail began anew", true},
	{"audit.broken", "found the audit trail not as it was written, at",
		"keep the audit trail as it was written: it was found changed at", true},
}

func deedOf(action string) deed {
	i := slices.IndexFunc(deeds, func(d deed) bool { return d.action == action })
	if i >= 0 {
		return deeds[i]
	}
	words := strings.NewReplacer(".", " ", "_", " ").Replace(action)
	return deed{action, "did: " + words, "do: " + words, false}
}

// auditSentence says an entry in plain words.
func auditSentence(r audit.Row) string {
	d := deedOf(r.Action)
	var b strings.Builder
	b.WriteString(auditWho(r))
	detail := detailOf(r)
	switch {
	case r.Outcome == audit.Refused:
		b.WriteString(" was refused to " + d.do)
	case r.Outcome == audit.Failed:
		b.WriteString(" tried to " + d.do)
	case detail["begun"] == true: // another entry says what became of it
		b.WriteString(" set out to " + d.do)
	default:
		b.WriteString(" " + d.did)
	}
	about := r.Target
	if scope, _ := detail["scope"].(string); scope != "" { // the target is the operation that does it
		about = scope
	}
	switch {
	case r.Wedding != "":
		if !d.name {
			b.WriteString(" for")
		}
		b.WriteString(" wedding " + r.Wedding)
	case d.name && about != "":
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
	case r.Action == "database.write":
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
	for _, d := range deeds {
		known = known || d.action == chosen
		text := format.Title(d.did)
		if d.name {
			text += "…"
		}
		options = append(options, views.AuditOption{Value: d.action, Text: text, Chosen: d.action == chosen})
	}
	if !known {
		options = append(options, views.AuditOption{Value: chosen, Text: chosen, Chosen: true})
	}
	return options
}
