package audit_test

import (
	"testing"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestSecurityEventsAreMarked(t *testing.T) {
	t.Parallel()
	code := func(c keepsake.Code) map[string]any { return map[string]any{"code": c} }
	for _, c := range []struct {
		e    audit.Entry
		want bool
	}{
		{audit.Entry{Action: "session.start", Outcome: audit.Refused, Detail: map[string]any{"reason": "mismatch"}}, true},
		{audit.Entry{Action: "session.start", Outcome: audit.Allowed}, false},
		{audit.Entry{Action: "session.start", Outcome: audit.Allowed, Detail: map[string]any{"new_device": true}}, true},
		{audit.Entry{Action: "session.end", Outcome: audit.Allowed}, false},
		{audit.Entry{Action: "backup.start", Outcome: audit.Refused, Detail: code(keepsake.CodeForbidden)}, true},
		{audit.Entry{Action: "backup.start", Outcome: audit.Refused, Detail: code("limited")}, true},
		{audit.Entry{Action: "backup.start", Outcome: audit.Refused, Detail: code(keepsake.CodeConflict)}, false},
		{audit.Entry{Action: "backup.start", Outcome: audit.Allowed}, false},
		{audit.Entry{Action: "backup.end", Outcome: audit.Failed, Detail: map[string]any{"code": "unavailable"}}, false},
		{audit.Entry{Action: "account.password", Outcome: audit.Allowed}, true},
		{audit.Entry{Action: "token.create", Outcome: audit.Allowed}, true},
		{audit.Entry{Action: "token.create", Outcome: audit.Refused, Detail: code(keepsake.CodeProof)}, false},
		{audit.Entry{Action: "token.create", Outcome: audit.Allowed, Detail: code(keepsake.CodeProof)}, true},
		{audit.Entry{Action: "token.create", Outcome: audit.Refused, Detail: code(keepsake.CodeForbidden)}, true},
		{audit.Entry{Action: "token.use", Outcome: audit.Allowed}, false},
		{audit.Entry{Action: "token.use", Outcome: audit.Refused, Detail: map[string]any{"reason": "revoked"}}, true},
		{audit.Entry{Action: "session.use", Outcome: audit.Allowed}, false},
		{audit.Entry{Action: "session.use", Outcome: audit.Refused, Detail: map[string]any{"reason": "expired"}}, false},
		{audit.Entry{Action: "session.use", Outcome: audit.Refused, Detail: code(keepsake.CodeForbidden)}, true},
		{audit.Entry{Action: "request.send", Outcome: audit.Refused, Detail: code(keepsake.CodeForbidden)}, true},
		{audit.Entry{Action: "request.send", Outcome: audit.Refused, Detail: map[string]any{"status": 422}}, false},
		{audit.Entry{Action: "second_step.on", Outcome: audit.Allowed}, true},
		{audit.Entry{Action: audit.KeyWriter, Outcome: audit.Failed}, true},
		{audit.Entry{Action: "audit.broken", Outcome: audit.Failed}, true},
		{audit.Entry{Action: "audit.verify", Outcome: audit.Allowed}, false},
	} {
		if got := audit.Security(c.e); got != c.want {
			t.Errorf("%s %s %v: %v", c.e.Action, c.e.Outcome, c.e.Detail, got)
		}
	}
}

// TestANewDeviceIsMarkedOnce: the first sign-in from a browser is a security event, the next from it, also after its
// update, is none.
func TestANewDeviceIsMarkedOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	for _, c := range []struct {
		account, agent string
		want           bool
	}{
		{"1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0", true},
		{"1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0", false},
		{"1", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1) Safari/605", true},
		{"2", "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0", true},
		{"1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0", false},
	} {
		actor := keepsake.Actor{
			ID:        c.account,
			Name:      c.account + "@example.org",
			Role:      keepsake.RoleSuperAdmin,
			UserAgent: c.agent,
		}
		err := d.InTx(t.Context(), system, func(tx db.Tx) error {
			return audit.Record(t.Context(), tx, actor, audit.Entry{Action: "session.start", Outcome: audit.Allowed})
		})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := audit.List(t.Context(), d, system, audit.Filter{Most: 1})
		if err != nil || len(rows) != 1 || rows[0].Security != c.want {
			t.Errorf("%s with %s: %+v, %v", c.account, c.agent, rows, err)
		}
	}
}
