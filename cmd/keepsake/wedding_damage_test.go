package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestTheSafePointIsTakenEverywhere deletes all vendors of a wedding and backs the damage up: without a named recovery
// point the download, the JSON API and the command line take the safe one and say why; the latest, named, is used and
// said to be damaged.
func TestTheSafePointIsTakenEverywhere(t *testing.T) {
	w := newWorld(t, protecting, few...)
	s := w.scripted(t, "read", "restore")
	safe := document[report](t, w.must(t, exitDone, "backup", "--json")).Point
	execute(t, w.platform, "delete from wedding_suppliers where wedding_id = 1")
	damaged := document[report](t, w.must(t, exitDone, "backup", "--json")).Point

	a := string(s.send(http.MethodPost, "/api/backups/restore", `{"wedding":"1"}`).want(http.StatusOK).body)
	if !strings.Contains(a, `"point":"`+safe+`"`) || !strings.Contains(a, `"insert":1`) ||
		!strings.Contains(a, `"point_why":"This wedding lost rows.`) {
		t.Errorf("without a point: %s", a)
	}
	a = string(s.send(http.MethodPost, "/api/backups/restore", `{"wedding":"1","point":"latest"}`).want(
		http.StatusOK).body)
	if !strings.Contains(a, `"point":"`+damaged+`"`) || !strings.Contains(a, "lost rows between two recovery points") ||
		!strings.Contains(a, "before that is "+safe) {
		t.Errorf("the latest: %s", a)
	}
	if o := w.must(t, exitDone, "scope", "preview", "--wedding", "1"); !strings.Contains(o.out, "was taken: "+safe) ||
		!strings.Contains(o.out, "scope apply "+safe) {
		t.Errorf("scope preview: %s", o.out)
	}
	if o := w.must(t, exitDone, "scope", "preview", "latest", "--wedding", "1"); !strings.Contains(o.out,
		"before that is "+safe) || !strings.Contains(o.out, "Nothing to do") {
		t.Errorf("scope preview latest: %s", o.out)
	}
	if o := w.must(t, exitDone, "scope", "export", "--wedding", "1", "--format", "contacts"); !strings.Contains(o.out,
		"960001") || !strings.Contains(o.err, safe) {
		t.Errorf("scope export: %s%s", o.out, o.err)
	}
}

// TestExportedVendorsHaveTheirPresentNumbers: of a wedding that lost vendors, those who are left are called as they are
// now.
func TestExportedVendorsHaveTheirPresentNumbers(t *testing.T) {
	w := newWorld(t, protecting, few...)
	w.must(t, exitDone, "init")
	execute(t, w.platform, "insert into suppliers (id, name, phone) select 10 + i, 'Vendor ' || i, '+44 1632 96010' || "+
		"i from generate_series(1, 8) i")
	execute(t, w.platform, "insert into wedding_suppliers (wedding_id, supplier_id) select 1, 10 + i from "+
		"generate_series(1, 8) i")
	safe := document[report](t, w.must(t, exitDone, "backup", "--json")).Point
	execute(t, w.platform, "delete from wedding_suppliers where wedding_id = 1 and supplier_id > 10")
	execute(t, w.platform, "update suppliers set phone = '+44 1632 969999' where id < 10")
	w.must(t, exitDone, "backup")
	for _, format := range []string{"contacts", "vcard"} {
		o := w.must(t, exitDone, "scope", "export", "--wedding", "1", "--format", format)
		if !strings.Contains(o.out, "960108") || !strings.Contains(o.out, "969999") || strings.Contains(o.out, "960001") ||
			!strings.Contains(o.err, safe) {
			t.Errorf("%s: %s%s", format, o.out, o.err)
		}
		if o = w.must(t, exitDone, "scope", "export", safe, "--wedding", "1", "--format", format); !strings.Contains(o.out,
			"960001") {
			t.Errorf("%s of a point that was named: %s", format, o.out)
		}
	}
}

// TestADownloadIsOfTheSafePoint downloads a damaged wedding: the ZIP is of the point before the damage, and its name
// says so. The page that brings it back tells points of one minute apart.
func TestADownloadIsOfTheSafePoint(t *testing.T) {
	w := newWorld(t, protecting, few...)
	v := w.visited(t)
	safe := document[report](t, w.must(t, exitDone, "backup", "--json")).Point
	execute(t, w.platform, "delete from wedding_suppliers where wedding_id = 1")
	w.must(t, exitDone, "backup")
	moment, _, _ := strings.Cut(safe, "-")
	r, err := v.client.Get(v.base + "/weddings/1/export?format=csv") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if name := r.Header.Get("Content-Disposition"); !strings.Contains(name, "wedding-"+moment+"-csv.zip") {
		t.Errorf("the download is %s, not of %s", name, moment)
	}
	words := wordsOf(v.get("/weddings/1/restore", http.StatusOK))
	if times := regexp.MustCompile(`\d\d:\d\d:\d\d UTC`).FindAllString(words, -1); len(times) < 3 ||
		strings.Contains(words, "Nothing of this wedding is missing") {
		t.Errorf("bringing it back: %s", words)
	}
}
