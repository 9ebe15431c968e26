package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestEveryOperationNeedsItsScope: for every operation of the document, a token with all the other scopes is refused,
// whatever it names.
func TestEveryOperationNeedsItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	base := w.scripted(t, "read").base
	without := map[string]script{}
	for _, scope := range []string{"read", "backup", "restore"} {
		others := slices.DeleteFunc([]string{"read", "backup", "restore"}, func(s string) bool { return s == scope })
		without[scope] = withToken(t, base, others...)
		w.secrets = append(w.secrets, without[scope].token)
	}
	backup := field[string](without["read"].send(http.MethodPost, "/api/backups/create", `{"type":"critical"}`).want(
		http.StatusAccepted), "id")
	without["read"].send(http.MethodGet, "/api/backups/"+backup+"/events", nil).want(http.StatusOK) // until it is there
	// What is not named here needs "read". A body is what gets as far as the question who may.
	writes := map[string]struct{ scope, body string }{
		"createBackup":     {"backup", `{"type":"full"}`},
		"createPoint":      {"backup", `{"milestone":"final_payment","wedding":"3"}`},
		"savePoint":        {"backup", `{"note":"before the season"}`},
		"cancelOperation":  {"backup", ""},
		"approveOperation": {"restore", ""},
		"undoRestore":      {"restore", ""},
		"restore":          {"restore", `{"everything":true,"confirm":{"name":"everything","fingerprint":"f00d"}}`},
		"startTest":        {"backup", `{}`},
		"startRepair":      {"backup", ``},
		"verifyAudit":      {"read", ""},
	}
	for _, op := range readContract(t).operation {
		needs := writes[op.id]
		if needs.scope == "" {
			if op.method != http.MethodGet {
				t.Errorf("%s changes something: say here what it needs", op.id)
			}
			needs.scope = "read"
		}
		path := strings.ReplaceAll(op.path, "{id}", "018f0000-0000-7000-8000-000000000001")
		if op.id == "cancelOperation" { // what it needs is told by what the operation is
			path = strings.ReplaceAll(op.path, "{id}", backup)
		}
		for under, there := range map[string]string{"/api/weddings/": "3", "/api/backups/recovery-points/": "latest"} {
			if strings.HasPrefix(path, under) {
				path = strings.ReplaceAll(op.path, "{id}", there)
			}
		}
		var body any
		if needs.body != "" {
			body = needs.body
		}
		a := without[needs.scope].send(op.method, path, body)
		if a.status != http.StatusForbidden || !strings.Contains(string(a.body), `scope \"`+needs.scope+`\"`) {
			t.Errorf("%s %s without %q: %d %s", op.method, op.path, needs.scope, a.status, a.body)
		}
	}
}

// TestAnOperationIsShownToWhoBegan: who may take a backup may wait for it, and learns nothing of what others do.
func TestAnOperationIsShownToWhoBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	base := w.scripted(t, "read").base
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "bea@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	own, other := withToken(t, base, "backup"), tokenOf(t, base, "bea@example.com", "backup", "restore")
	w.secrets = append(w.secrets, own.token, other.token)
	id := field[string](own.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "critical"}).want(
		http.StatusAccepted), "id")
	for _, part := range []string{"/events", "", "/log"} {
		other.send(http.MethodGet, "/api/backups/"+id+part, nil).want(http.StatusForbidden)
		own.send(http.MethodGet, "/api/backups/"+id+part, nil).want(http.StatusOK)
	}
}
