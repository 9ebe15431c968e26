package main

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNobodyRestoresEverythingAlone, where keepsake.yaml says so: over the real program, from the API and on the page.
func TestNobodyRestoresEverythingAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+"server: {second_approver: true}\n")
	w.withConsole(t)
	p, _ := w.served(t)
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ben@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	w.must(t, exitDone, "backup")
	ada, ben := tokenOf(t, p.base, "ada@example.com", "read", "backup", "restore"),
		tokenOf(t, p.base, "ben@example.com", "read", "restore")
	ask := map[string]any{"database": map[string]string{"name": "all_of_it"}, "everything": true,
		"confirm": map[string]string{"name": "all_of_it"}}
	asked := ada.send(http.MethodPost, "/api/backups/restore", ask).want(http.StatusAccepted)
	id := field[string](asked, "operation.id")
	if state := field[string](asked, "operation.state"); state != "proposed" {
		t.Errorf("it is %s", state)
	}
	approve := "/api/backups/" + id + "/approve"
	if a := ada.send(http.MethodPost, approve, nil).want(http.StatusForbidden); !strings.Contains(string(a.body),
		"another super admin") {
		t.Errorf("%s", a.body)
	}

	// Whoever asked looks at the page while somebody else approves: it goes on by itself.
	p.open("/operations/" + id)
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Another super admin must approve this")
	p.looks("approval-own")
	if o := ben.client().ended(field[string](ben.send(http.MethodPost, approve, nil).want(http.StatusAccepted),
		"id")); o.State != "done" || o.ApprovedBy == nil || *o.ApprovedBy != "ben@example.com" {
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

// TestSplittingIsSaidBeforeItIsConfirmed: over the real program, the comparison and the form say that the last tier
// needs somebody else, and why.
func TestSplittingIsSaidBeforeItIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(slices.Clone(season), // and a table of each lower tier: each holds something
		"create table payments (id int primary key, cents int)",
		"insert into payments select i, 100 * i from generate_series(1, 50) i",
		"create table tasks (id int primary key, what text)",
		"insert into tasks select i, 'order flowers' from generate_series(1, 50) i")...)
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+"server: {second_approver: true}\n")
	w.withConsole(t)
	p, _ := w.served(t)
	w.must(t, exitDone, "backup")
	ada := tokenOf(t, p.base, "ada@example.com", "read", "backup", "restore")
	restore := func(body map[string]any, want int) apiAnswer {
		t.Helper()
		return ada.send(http.MethodPost, "/api/backups/restore", body).want(want)
	}
	two := map[string]any{"tiers": []string{"critical", "high"}, "database": map[string]string{"name": "two_tiers"},
		"confirm": map[string]string{"name": "two_tiers"}}
	if o := ada.client().ended(field[string](restore(two, http.StatusAccepted), "operation.id")); o.State != "done" {
		t.Fatalf("%+v", o)
	}
	preview := restore(map[string]any{"tiers": []string{"standard"}, "mode": "rewind"}, http.StatusOK)
	if why := field[string](preview, "preview.approval"); !strings.Contains(why, "the tiers critical and high") {
		t.Errorf("the preview says %q", why)
	}
	confirmed := restore(map[string]any{"tiers": []string{"standard"}, "mode": "rewind", "confirm": map[string]string{
		"fingerprint": field[string](preview, "preview.fingerprint"), "name": field[string](preview, "preview.name")}},
		http.StatusAccepted)
	if state := field[string](confirmed, "operation.state"); state != "proposed" {
		t.Errorf("it is %s", state)
	}
	p.open("/platform/restore?tier=standard&mode=rewind")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Another super admin must approve this")
	p.reads("the tiers critical and high, which came back within the last day")
	p.looks("approval-needed")
	p.open("/points/" + field[string](preview, "preview.point") + "/restore?tier=standard")
	p.fill("Next: check and confirm", nil)
	p.reads("Another super admin must approve it before it starts")
	p.looks("approval-needed-new")
	p.open("/operations/" + field[string](confirmed, "operation.id"))
	p.reads("because with the tiers critical and high")
}
