package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
)

// elsewhere is a platform whose weddings are not where the built-in data map looks for them.
var elsewhere = []string{
	"create table organizations (id int primary key, title text)",
	"create table wedding (id int primary key, organization_id int references organizations, couple text, wedding_date date)",
	"insert into organizations select i, 'Organization ' || i from generate_series(1, 5) i",
	"insert into wedding select i, 1 + i % 5, 'Ada & Ben ' || i, current_date + i from generate_series(1, 20) i",
}

// TestAWrongDataMapIsNoOutage: a platform that answers and has not what data_map names is said to be just that, by key and name, everywhere; what
// needs no weddings goes on.
func TestAWrongDataMapIsNoOutage(t *testing.T) {
	w := newWorld(t, protecting, elsewhere...)
	const table, column = "data_map.wedding.table: the platform has no table public.weddings; did you mean public.wedding?", "data_map.organization.name: public.organizations has no column name"
	v := w.visited(t)
	found := document[[]engine.CheckFinding](t, w.must(t, exitFailed, "doctor", "--json"))
	for _, words := range []string{table, column} {
		if !slices.ContainsFunc(found, func(f engine.CheckFinding) bool {
			return f.Area == "data map" && strings.HasPrefix(f.Message, words) && f.Level == levelError
		}) {
			t.Errorf("doctor does not say %q: %+v", words, found)
		}
	}
	o := w.must(t, exitExceptions, "backup", "--type", "full")
	if !strings.Contains(o.out, "NOT FOUND: "+strings.TrimSuffix(table, "?")) || !strings.Contains(o.out, "Every row is saved") {
		t.Errorf("backup says: %s", o.out)
	}
	r := document[engine.BackupResult](t, w.must(t, exitExceptions, "backup", "--json"))
	if !r.WithoutWeddings || len(r.Unmapped) != 2 || !r.Protected {
		t.Errorf("backup --json: %+v", r)
	}
	for _, page := range []string{"/", "/weddings", "/emergency", "/organizations", "/backups/new"} {
		words := wordsOf(v.get(page, http.StatusOK))
		if !strings.Contains(words, table) {
			t.Errorf("%s does not name key and table: %s", page, words)
		}
		for _, wrong := range []string{"does not answer", "backups must wait", "has none", "table of weddings is empty", "has no organization yet"} {
			if strings.Contains(words, wrong) {
				t.Errorf("%s says %q", page, wrong)
			}
		}
	}
	// What needs no weddings goes on: everything can be compared.
	if words := wordsOf(v.get("/platform/restore?everything=yes", http.StatusOK)); !strings.Contains(words, "Nothing to do") {
		t.Errorf("everything cannot be compared: %s", words)
	}
	// Corrected, it is as it should be, and pages say so without a new start of the platform.
	execute(t, w.platform, "alter table wedding rename to weddings", "alter table organizations rename title to name")
	w.must(t, exitDone, "backup")
	if found := document[[]engine.CheckFinding](t, w.must(t, exitDone, "doctor", "--json")); slices.ContainsFunc(found, func(f engine.CheckFinding) bool { return f.Area == "data map" && f.Level != levelOK }) {
		t.Errorf("doctor still warns: %+v", found)
	}
	execute(t, w.platform, "alter table weddings drop column couple")
	if found := document[[]engine.CheckFinding](t, w.must(t, exitFailed, "doctor", "--json")); !slices.ContainsFunc(found, func(f engine.CheckFinding) bool {
		return strings.HasPrefix(f.Message, "data_map.wedding.name: public.weddings has no column couple")
	}) {
		t.Errorf("doctor does not name the column: %+v", found)
	}
}
