package console_test

import (
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestOtherSettingsAreOnRecord: what was and what is, once for all processes that start with them, and nothing where
// nothing changed.
func TestOtherSettingsAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := keepsake.System("command line")
	settings := map[string]string{"server.second_approver": "true", "limits.full": "3", "providers[0].bucket": "backups"}
	start := func(change func(map[string]string)) {
		t.Helper()
		now := maps.Clone(settings)
		change(now)
		var wg sync.WaitGroup
		for range 4 {
			c := w.console(newFakeEngine())
			wg.Go(func() {
				if err := c.RecordSettings(t.Context(), who, now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	start(func(map[string]string) {})
	start(func(map[string]string) {})
	start(func(s map[string]string) {
		delete(s, "server.second_approver")
		s["limits.full"] = "30"
	})
	page, err := w.console(newFakeEngine()).ListAudit(t.Context(), admin, audit.Filter{Action: "settings.change"})
	if err != nil || len(page.Rows) != 2 {
		t.Fatalf("%+v, %v", page.Rows, err)
	}
	for i, want := range []string{`{"after":{"limits.full":"30"},"before":{"limits.full":"3",` +
		`"server.second_approver":"true"}}`,
		`{"after":{"limits.full":"3","providers[0].bucket":"backups","server.second_approver":"true"},"before":{}}`} {
		if r := page.Rows[i]; strings.TrimSpace(string(r.Detail)) != want || !r.Security || r.ActorName != who.Name {
			t.Errorf("%+v %s, want %s", r, r.Detail, want)
		}
	}
}
