package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
)

// elsewhere is a platform whose weddings are not where the built-in data map looks for them.
var elsewhere = []string{
	"create table organizations (id int primary key, title text)",
	"create table wedding (id int primary key, organization_id int references organizations, couple text, " +
		"wedding_date date)",
	"insert into organizations select i, 'Organization ' || i from generate_series(1, 5) i",
	"insert into wedding select i, 1 + i % 5, 'Ada & Ben ' || i, current_date + i from generate_series(1, 20) i",
}

// TestAWrongDataMapIsNoOutage: a platform that answers and has not what data_map names is said to be just that, by key
// and name, everywhere; what needs no weddings goes on.
func TestAWrongDataMapIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, elsewhere...)
	const table, column = "data_map.wedding.table is wrong, because the platform has no table public.weddings; did you " +
		"mean public.wedding?", "data_map.organization.name is wrong, because public.organizations has no column name"
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
	if !strings.Contains(o.out, "NOT FOUND: "+strings.TrimSuffix(table, "?")) ||
		!strings.Contains(o.out, "Every row is saved") {
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
		for _, wrong := range []string{"does not answer", "backups must wait",
			"has none", "table of weddings is empty", "has no organization yet"} {
			if strings.Contains(words, wrong) {
				t.Errorf("%s says %q", page, wrong)
			}
		}
	}
	// What needs no weddings goes on: everything can be compared.
	if words := wordsOf(v.get("/platform/restore?everything=yes", http.StatusOK)); !strings.Contains(words,
		"Nothing to do") {
		t.Errorf("everything cannot be compared: %s", words)
	}
	// Corrected, it is as it should be, and pages say so without a new start of the platform.
	execute(t, w.platform, "alter table wedding rename to weddings", "alter table organizations rename title to name")
	w.must(t, exitExceptions, "backup") // a table that held rows is gone by its name: the point is suspect
	if found := document[[]engine.CheckFinding](t, w.must(t, exitDone, "doctor", "--json")); slices.ContainsFunc(found,
		func(f engine.CheckFinding) bool { return f.Area == "data map" && f.Level != levelOK }) {
		t.Errorf("doctor still warns: %+v", found)
	}
	execute(t, w.platform, "alter table weddings drop column couple")
	if found := document[[]engine.CheckFinding](t, w.must(t, exitFailed, "doctor", "--json")); !slices.ContainsFunc(found,
		func(f engine.CheckFinding) bool {
			return strings.HasPrefix(f.Message, "data_map.wedding.name is wrong, because public.weddings has no column couple")
		}) {
		t.Errorf("doctor does not name the column: %+v", found)
	}
}

// TestATableThatMayNotBeReadIsNamedWithItsGrant: a role without rights is no outage, and no missing table; and a
// vendor's table that is named wrongly shows on pages while weddings are found.
func TestATableThatMayNotBeReadIsNamedWithItsGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.configure(t, "data_map: {vendor: {table: public.supplier, name: name}}\n")
	v := w.visited(t)
	const vendor = "data_map.vendor.table is wrong, because the platform has no table public.supplier"
	for _, page := range []string{"/", "/weddings"} {
		if words := wordsOf(v.get(page, http.StatusOK)); !strings.Contains(words, vendor) ||
			!strings.Contains(words, "Weddings are found") {
			t.Errorf("%s: %s", page, words)
		}
	}
	role := "reader_" + strings.ToLower(rand.Text()[:10])
	execute(t, w.platform, "create role "+role+" login bypassrls password 'reading-word'",
		"grant select on all tables in schema public to "+role,
		"revoke select on weddings from "+role)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), w.platform)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(context.Background(), "drop owned by "+role+"; drop role "+role); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(w.platform)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "reading-word")
	w.env["PLATFORM"] = u.String()
	o := w.must(t, exitFailed, "doctor")
	if want := "As its owner: grant select on public.weddings to " + role; !strings.Contains(o.out, want) {
		t.Errorf("doctor does not say %q: %s", want, o.out)
	}
}
