package main

import (
	"archive/zip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOneWeddingFromTheCommandLine looks at a wedding, brings it back, and takes that back, as scripts do.
func TestOneWeddingFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	point := document[report](t, w.must(t, exitDone, "backup",
		"--wedding", "7", "--milestone", "final_payment", "--json")).Point
	if o := w.must(t, exitDone, "points", "--json"); !strings.Contains(o.out, `"milestone": "final_payment"`) {
		t.Errorf("points: %s", o.out)
	}
	w.must(t, exitUsage, "mark", point)
	w.must(t, exitUsage, "mark", point, "--lock", "--unlock")
	w.must(t, exitDone, "mark", "latest", "--note", "before the move",
		"--label", "deploy=blue", "--label", "app=4.2", "--lock")
	w.must(t, exitDone, "mark", point, "--label", "app=")
	if o := w.must(t, exitDone, "points", "--json"); !strings.Contains(o.out, `"note": "before the move"`) ||
		!strings.Contains(o.out, `"locked": true`) ||
		!strings.Contains(o.out, `"deploy": "blue"`) || strings.Contains(o.out, "4.2") {
		t.Errorf("points: %s", o.out)
	}
	count := func() int { return query[int](t, w.platform, "select count(*) from clients where wedding_id = 7") }
	all := count()

	if o := w.must(t, exitDone, "scope", "explain", "--wedding", "7"); !strings.Contains(o.out,
		"public.clients (wedding_id) references public.weddings (id)") ||
		!strings.Contains(o.out, "public.organizations") {
		t.Errorf("explain: %s", o.out)
	}
	if o := w.must(t, exitDone, "scope", "preview", "latest", "--wedding", "7", "--mode", "rewind"); !strings.Contains(
		o.out, "Nothing to do.") {
		t.Errorf("a preview where nothing has changed: %s", o.out)
	}
	execute(t, w.platform, "delete from clients where wedding_id = 7 and id % 400 < 200",
		"update weddings set couple = 'Vandal' where id = 7")
	o := w.must(t, exitDone, "scope", "preview", point, "--wedding", "7", "--mode", "rewind", "--rows")
	if !strings.Contains(o.out, `couple: "Vandal" → "Ada & Ben 7"`) || !strings.Contains(o.out, "insert id ") {
		t.Errorf("preview: %s", o.out)
	}
	type previewed struct{ Fingerprint, Name string }
	p := document[previewed](t, w.must(t, exitDone, "scope", "preview", point,
		"--wedding", "7", "--mode", "rewind", "--json"))
	apply := []string{"scope", "apply", point, "--wedding", "7", "--mode", "rewind", "--fingerprint", p.Fingerprint,
		"--json", "--confirm"}
	if o := w.must(t, exitUsage, append(apply, "Somebody")...); document[failure](t, o).Error.Code != "invalid" ||
		count() == all {
		t.Errorf("a wrong confirmation: %s", o.out)
	}
	type applied struct {
		Restore string
		Applied struct{ Inserted, Updated, Deleted int64 }
	}
	done := document[applied](t, w.must(t, exitDone, append(apply, p.Name)...))
	if count() != all || done.Applied.Updated != 1 ||
		query[string](t, w.platform, "select couple from weddings where id = 7") != "Ada & Ben 7" {
		t.Errorf("%+v", done)
	}
	if o := w.must(t, exitFailed, append(apply, "Ada & Ben 7")...); document[failure](t, o).Error.Code != "conflict" {
		t.Errorf("a preview that is not true any more: %s", o.out)
	}
	if o := w.must(t, exitDone, "scope", "undos"); !strings.Contains(o.out, done.Restore) {
		t.Errorf("undos: %s", o.out)
	}
	// What somebody put among the undo objects keeps no restore from being found.
	for _, p := range protecting {
		w.write(t, filepath.Join(w.dir, "repos", p.name, "undo", "20260101T000000Z-000000000000"), "forged")
	}
	if o := w.run(t, "scope", "undos"); o.code == exitDone || !strings.Contains(o.out, done.Restore) ||
		!strings.Contains(o.err, "20260101T000000Z") {
		t.Errorf("undos beside a forged one: %+v", o)
	}
	w.must(t, exitDone, "scope", "undo", done.Restore)
	if count() == all || query[string](t, w.platform, "select couple from weddings where id = 7") != "Vandal" {
		t.Error("the undo took nothing back")
	}
	exported := w.must(t, exitDone, "scope", "export", point, "--wedding", "7", "--format", "json").out
	archive, err := zip.NewReader(strings.NewReader(exported), int64(len(exported)))
	if err != nil || !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == "clients.json" }) {
		t.Errorf("export: %d bytes, %v", len(exported), err)
	}
	w.must(t, exitUsage, "scope", "export", point, "--wedding", "7", "--format", "exe")
	for _, c := range []struct {
		args []string
		exit int
		code string
	}{
		{[]string{"preview", "latest"}, exitUsage, "invalid"},
		{[]string{"preview", "latest", "--wedding", "7", "--organization", "1"}, exitUsage, "invalid"},
		{[]string{"preview", "latest", "--wedding", "seven"}, exitUsage, "invalid"},
		{[]string{"preview", "latest", "--wedding", "100000"}, exitFailed, "not_found"},
		{[]string{"preview", "20200101T000000Z-000000000000", "--wedding", "7"}, exitFailed, "not_found"},
		{[]string{"undo", "nonsense"}, exitFailed, "not_found"},
		{[]string{"undo", "20200101T000000Z-000000000000"}, exitFailed, "not_found"},
	} {
		if o := w.must(t, c.exit, append(append([]string{"scope"}, c.args...), "--json")...); document[failure](t,
			o).Error.Code != c.code {
			t.Errorf("scope %v: %s", c.args, o.out)
		}
	}
}
