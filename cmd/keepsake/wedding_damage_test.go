package main

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestTheSafePointIsTakenEverywhere deletes all vendors of a wedding and backs the damage up: without a named recovery
// point the download, the JSON API and the command line take the safe one and say why; the latest, named, is used and
// said to be damaged.
func TestTheSafePointIsTakenEverywhere(t *testing.T) {
	t.Parallel()
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
	if o := w.must(t, exitDone, "scope", "preview", "--wedding", "1"); !strings.Contains(o.err, "was taken: "+safe) ||
		!strings.Contains(o.out, "scope apply "+safe) {
		t.Errorf("scope preview: %s", o.out)
	}
	if o := w.must(t, exitDone, "scope", "preview", "latest", "--wedding", "1"); !strings.Contains(o.err,
		"before that is "+safe) || !strings.Contains(o.out, "Nothing to do") {
		t.Errorf("scope preview latest: %s", o.out)
	}
	// a point that is named is taken, and said to be damaged too
	const lost = "Wedding suppliers: 1 before, 0 after"
	a = string(s.send(http.MethodPost, "/api/backups/restore", `{"wedding":"1","point":"`+damaged+`"}`).want(
		http.StatusOK).body)
	if !strings.Contains(a, `"point":"`+damaged+`"`) || !strings.Contains(a, `"safer_point":{"point":"`+safe) ||
		!strings.Contains(a, lost) {
		t.Errorf("the damaged one: %s", a)
	}
	if a = string(s.send(http.MethodPost, "/api/backups/restore", `{"wedding":"1","point":"`+safe+`"}`).want(
		http.StatusOK).body); strings.Contains(a, "point_why") {
		t.Errorf("the safe one: %s", a)
	}
	into := beside(t, w.platform, "elsewhere")
	for _, args := range [][]string{
		{"scope", "preview", damaged, "--wedding", "1"},
		{"scope", "export", damaged, "--wedding", "1", "--format", "contacts"},
		{"restore", damaged, "--wedding", "1", "--target", into, "--create"},
	} {
		o := w.must(t, exitDone, args...)
		if !strings.Contains(o.err, "before that is "+safe) || !strings.Contains(o.err, lost) {
			t.Errorf("%v: %s%s", args, o.out, o.err)
		}
	}
	p := document[previewed](t, w.must(t, exitDone, "scope", "preview", damaged, "--wedding", "1", "--json"))
	if p.SaferPoint == nil || p.SaferPoint.Point != safe || !p.SaferPoint.Safe || p.Point != damaged {
		t.Errorf("scope preview --json: %+v", p)
	}
	if o := w.must(t, exitDone, "scope", "preview", safe, "--wedding", "1"); o.err != "" {
		t.Errorf("scope preview of the safe one: %s", o.err)
	}
	if o := w.must(t, exitDone, "scope", "export", "--wedding", "1", "--format", "contacts"); !strings.Contains(o.out,
		"960001") || !strings.Contains(o.err, safe) {
		t.Errorf("scope export: %s%s", o.out, o.err)
	}
}

// TestExportedVendorsHaveTheirPresentNumbers: of a wedding that lost vendors, those who are left are called as they are
// now.
func TestExportedVendorsHaveTheirPresentNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	w.must(t, exitDone, "init")
	execute(t, w.platform, "insert into suppliers (id, name, phone) select 10 + i, 'Vendor ' || i, '+44 1632 96010' || "+
		"i from generate_series(1, 8) i")
	execute(t, w.platform, "insert into wedding_suppliers (wedding_id, supplier_id) select w, 10 + i from "+
		"generate_series(1, 2) w, generate_series(1, 8) i")
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
	t.Parallel()
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
	b, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || archive.File[0].Name != "READ ME FIRST.txt" {
		t.Errorf("the ZIP does not say why it is of %s: %v", safe, err)
	}
	if name := r.Header.Get("Content-Disposition"); !strings.Contains(name, "wedding-"+moment+"-csv.zip") {
		t.Errorf("the download is %s, not of %s", name, moment)
	}
	words := wordsOf(v.get("/weddings/1/restore", http.StatusOK))
	if times := regexp.MustCompile(`\d\d:\d\d:\d\d UTC`).FindAllString(words, -1); len(times) < 3 ||
		strings.Contains(words, "of this wedding is missing") {
		t.Errorf("bringing it back: %s", words)
	}
}

// TestLostTablesAreSaid: when half of the clients are gone, and backed up so, Emergency and the command line take the
// point that has them, and say that the newest one is from after the damage. No row is counted for that.
func TestLostTablesAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	v := w.visited(t)
	safe := document[report](t, w.must(t, exitDone, "backup", "--json")).Point
	execute(t, w.platform, "delete from clients where id % 2 = 0")
	damaged := document[report](t, w.must(t, exitDone, "backup", "--json")).Point
	const lost, after = "Clients: 40 before, 20 after", "from after "
	for _, page := range []struct{ path, says, leads string }{
		{"/platform/restore?tier=critical", lost, safe},
		{"/platform/restore?everything=yes", lost, safe},
		{"/platform/restore?tier=critical&point=" + damaged, lost, "point=" + safe},
		{"/points/" + damaged + "/restore", lost, "/points/" + safe + "/restore?everything=yes"},
	} {
		body := v.get(page.path, http.StatusOK)
		if !strings.Contains(wordsOf(body), page.says) || !strings.Contains(body, page.leads) ||
			strings.Contains(page.path, damaged) && !strings.Contains(wordsOf(body), after) {
			t.Errorf("%s: %s", page.path, wordsOf(body))
		}
	}
	if body := v.get("/emergency", http.StatusOK); strings.Contains(body, "tier=critical&amp;point=") ||
		!strings.Contains(body, `/platform/restore?mode=missing&amp;tier=critical"`) {
		t.Error("Emergency names the newest point for the critical tables")
	}
	for _, scope := range []string{"--tier=critical", "--everything"} {
		if o := w.must(t, exitDone, "scope", "preview", scope); !strings.Contains(o.err, "was taken: "+safe) ||
			!strings.Contains(o.err, lost) || strings.Contains(o.out, "Nothing to do") {
			t.Errorf("scope preview %s: %s%s", scope, o.err, o.out)
		}
		if o := w.must(t, exitDone, "scope", "preview", "latest", scope); !strings.Contains(o.err, "before that is "+safe) {
			t.Errorf("scope preview latest %s: %s%s", scope, o.err, o.out)
		}
	}
	for name, flag := range map[string][]string{"lost_tier": {"--tier", "critical"}, "lost_all": nil} {
		into := append([]string{"--create", "--target", beside(t, w.platform, name)}, flag...)
		if o := w.must(t, exitDone, append([]string{"restore", damaged}, into...)...); !strings.Contains(o.err,
			"before that is "+safe) || !strings.Contains(o.err, lost) {
			t.Errorf("restore %v: %s", flag, o.err)
		}
		into[2] = beside(t, w.platform, name+"_whole")
		o := w.must(t, exitDone, append([]string{"restore", safe, "--json"}, into...)...)
		if r := document[restored](t, o); r.PointWhy != "" || o.err != "" {
			t.Errorf("restore %v of the safe one: %s%s", flag, o.out, o.err)
		}
	}
	// Restore it elsewhere leads to the safe point of a wedding that lost them
	_, body := v.send(http.MethodGet, "/points/latest/restore?wedding=1", nil)
	if !strings.Contains(body, safe) || strings.Contains(wordsOf(body), "is from after the damage") {
		t.Errorf("the wedding elsewhere: %s", wordsOf(body))
	}
}
