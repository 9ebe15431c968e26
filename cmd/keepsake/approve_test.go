package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestNobodyRestoresEverythingAlone, where keepsake.yaml says so: over the real program, from the API and on the page.
func TestNobodyRestoresEverythingAlone(t *testing.T) {
	w := newWorld(t, protecting, season...)
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+"server: {second_approver: true}\n")
	w.withConsole(t)
	p, _ := w.served(t)
	if o := w.runWith(t, consolePassword, "admin", "create", "--email", "ben@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	w.must(t, exitDone, "backup")
	ada, ben := tokenOf(t, p.base, "ada@example.com", "read", "backup", "restore"), tokenOf(t, p.base, "ben@example.com", "read", "restore")
	ask := map[string]any{"database": map[string]string{"name": "all_of_it"}, "everything": true, "confirm": map[string]string{"name": "all_of_it"}}
	asked := ada.send(http.MethodPost, "/api/backups/restore", ask).want(http.StatusAccepted)
	id := field[string](asked, "operation.id")
	if state := field[string](asked, "operation.state"); state != "proposed" {
		t.Errorf("it is %s", state)
	}
	approve := "/api/backups/" + id + "/approve"
	if a := ada.send(http.MethodPost, approve, nil).want(http.StatusForbidden); !strings.Contains(string(a.body), "another super admin") {
		t.Errorf("%s", a.body)
	}

	// Whoever asked looks at the page while somebody else approves: it goes on by itself.
	p.open("/operations/" + id)
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Another super admin must approve this")
	p.looks("approval-own")
	if o := ben.client().ended(field[string](ben.send(http.MethodPost, approve, nil).want(http.StatusAccepted), "id")); o.State != "done" || o.ApprovedBy == nil || *o.ApprovedBy != "ben@example.com" {
		t.Errorf("%+v", o)
	}
	p.reads("ben@example.com")
	ben.send(http.MethodPost, approve, nil).want(http.StatusConflict)

	// The other one approves on the page.
	ask["database"], ask["confirm"] = map[string]string{"name": "once_more"}, map[string]string{"name": "once_more"}
	id = field[string](ben.send(http.MethodPost, "/api/backups/restore", ask).want(http.StatusAccepted), "operation.id")
	p.open("/operations/" + id)
	p.reads("ben@example.com asks you to approve this")
	p.looks("approval-asked")
	p.fill("Approve and start", nil)
	if o := ben.client().ended(id); o.State != "done" {
		t.Errorf("%+v", o)
	}
	p.reads("Restored")
}
