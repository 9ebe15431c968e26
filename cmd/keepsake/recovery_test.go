package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// season is a small platform.
var season = []string{
	"create table organizations (id int primary key, name text)",
	"create table weddings (id int primary key, organization_id int references organizations, couple text, " +
		"wedding_date date)",
	"create table clients (id int primary key, wedding_id int references weddings, name text)",
	"insert into organizations select i, 'Organization ' || i from generate_series(1, 5) i",
	"insert into weddings select i, 1 + i % 5, 'Ada & Ben ' || i, current_date + i from generate_series(1, 200) i",
	"insert into clients select i, 1 + i % 200, repeat('Client ' || i, 20) from generate_series(1, 1000) i",
}

// fields fails the test unless the document has every field, none of them null.
func fields(t *testing.T, o output, names ...string) map[string]json.RawMessage {
	t.Helper()
	m := document[map[string]json.RawMessage](t, o)
	for _, name := range names {
		if v, ok := m[name]; !ok || string(v) == "null" {
			t.Errorf("field %q is missing or null in\n%s", name, o.out)
		}
	}
	return m
}

// report is the part of the commands' JSON that these tests read.
type report struct {
	Point         string
	Provider      string
	Tables        int
	Rows          int64
	BytesUploaded int64 `json:"bytes_uploaded"`
	ChunksNew     int64 `json:"chunks_new"`
	Seconds       float64
	Protected     bool
	Verified      bool
	Lacks         string
	Copies        []struct {
		Name      string
		Confirmed bool
		Error     string
	}
	Damaged []finding
}

// verdict is the part of verify's JSON that these tests read.
type verdict struct {
	OK       bool
	Findings []finding
}

type finding struct{ Provider, Object, Problem string }

// TestFromInitToRestore walks the whole way that scripts take, with no console database configured.
func TestFromInitToRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)

	if o := w.must(t, exitUsage, "backup", "--json"); !strings.Contains(document[failure](t, o).Error.Message,
		"keepsake init") {
		t.Errorf("a backup before init does not lead to it: %s", o.out)
	}
	o := w.must(t, exitDone, "init", "--json")
	recovery := document[map[string]any](t, o)["recovery_key"].(string)
	key, err := os.ReadFile(filepath.Join(w.dir, "keepsake.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(w.dir, "keepsake.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is open to others: %v %v", info.Mode(), err)
	}
	w.secrets = append(w.secrets, recovery, strings.TrimSpace(string(key)))
	if o := w.must(t, exitDone, "init"); !strings.Contains(o.out, "is there already") {
		t.Errorf("a second init says %s", o.out)
	}

	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, "no recovery point yet") {
		t.Errorf("points of an empty repository: %s", o.out)
	}
	if o := w.must(t, exitDone, "points", "--json"); strings.TrimSpace(o.out) != "[]" {
		t.Errorf("points --json of an empty repository: %s", o.out)
	}
	if o := w.must(t, exitFailed, "restore", "latest", "--target", beside(t, w.platform, "none"),
		"--json"); document[failure](t, o).Error.Code != "not_found" {
		t.Errorf("latest of an empty repository: %s", o.out)
	}

	o = w.must(t, exitDone, "backup", "--note", "before the season", "--label", "app_version=4.2", "--json")
	fields(t, o, "point", "tables", "rows", "bytes_read", "bytes_uploaded", "chunks_new", "chunks_total", "seconds",
		"peak_memory_bytes", "copies", "protected", "not_carried")
	first := document[report](t, o)
	if first.Tables != 3 || first.Rows != 1205 || !first.Protected || len(first.Copies) != 3 || first.ChunksNew == 0 ||
		first.BytesUploaded == 0 {
		t.Errorf("backup: %+v", first)
	}
	for i, c := range first.Copies {
		if c.Name != protecting[i].name || !c.Confirmed || c.Error != "" {
			t.Errorf("copy %d: %+v", i, c)
		}
	}
	execute(t, w.platform, "insert into weddings values (1000, 1, 'Late & Lucky', current_date)")
	second := document[report](t, w.must(t, exitDone, "backup", "--type", "incremental", "--json"))
	if second.Rows != 1206 || second.Point == first.Point || second.BytesUploaded >= first.BytesUploaded {
		t.Errorf("incremental: %+v after %+v", second, first)
	}
	if o := w.must(t, exitDone, "backup", "--type", "critical"); !strings.Contains(o.out, "Protected: three copies") {
		t.Errorf("critical: %s", o.out)
	}

	checkPoints(t, w, first.Point, second.Point)
	for _, args := range [][]string{{}, {first.Point}, {"--all"}, {"latest", "--deep"},
		{"--all", "--deep", "--provider", "far"}} {
		o := w.must(t, exitDone, append([]string{"verify", "--json"}, args...)...)
		m := fields(t, o, "ok", "findings")
		if string(m["ok"]) != "true" || string(m["findings"]) != "[]" {
			t.Errorf("verify %v: %s", args, o.out)
		}
	}
	checkRestore(t, w, first.Point, second.Point)
	checkKeys(t, w, recovery, second.Point)
}

func checkPoints(t *testing.T, w *world, first, second string) {
	t.Helper()
	points := document[[]map[string]any](t, w.must(t, exitDone, "points", "--json"))
	if len(points) != 3 {
		t.Fatalf("%d points", len(points))
	}
	ids := map[any]any{}
	for _, p := range points {
		ids[p["id"]] = p["type"]
		if at, err := time.Parse(time.RFC3339, p["time"].(string)); err != nil || time.Since(at) > time.Hour ||
			p["protected"] != true {
			t.Errorf("point %v", p)
		}
	}
	if ids[first] != "full" || ids[second] != "incremental" {
		t.Errorf("points: %v", ids)
	}
	if o := w.must(t, exitDone, "points", "--provider", "far"); !strings.Contains(o.out, first) ||
		!strings.Contains(o.out, "before the season") {
		t.Errorf("points --provider: %s", o.out)
	}
	if o := w.must(t, exitUsage, "points", "--provider", "nowhere"); !strings.Contains(o.err, "nowhere") {
		t.Errorf("points of an unknown provider: %s", o.err)
	}
}

func checkRestore(t *testing.T, w *world, first, second string) {
	t.Helper()
	target := beside(t, w.platform, "restored")
	o := w.must(t, exitDone, "restore", second, "--target", target, "--create", "--json")
	fields(t, o, "point", "provider", "tables", "rows", "seconds", "verified")
	if r := document[report](t, o); r.Point != second || r.Provider != "local" || r.Tables != 3 || r.Rows != 1206 ||
		!r.Verified {
		t.Errorf("restore: %+v", r)
	}
	if n := query[int](t, target, "select count(*) from weddings where couple = 'Late & Lucky'"); n != 1 {
		t.Errorf("%d weddings came back", n)
	}
	// What is not empty is refused before anything is written.
	execute(t, target, "update weddings set couple = 'changed'")
	for _, extra := range [][]string{{}, {"--create"}} {
		o := w.must(t, exitFailed, append([]string{"restore", first, "--target", target, "--json"}, extra...)...)
		if f := document[failure](t, o); f.Error.Code != "conflict" {
			t.Errorf("restore %v into a database that is not empty: %s", extra, o.out)
		}
	}
	if n := query[int](t, target, "select count(*) from weddings where couple = 'changed'"); n != 201 {
		t.Errorf("a refused restore changed the target: %d rows are left", n)
	}
	other := beside(t, w.platform, "other")
	o = w.must(t, exitDone, "restore", first, "--target", other, "--create", "--provider", "far")
	if !strings.Contains(o.out, "at provider far") || !strings.Contains(o.out, "1,205 rows") {
		t.Errorf("restore --provider: %s", o.out)
	}
	tier := beside(t, w.platform, "tier")
	w.must(t, exitDone, "restore", first, "--target", tier, "--create", "--tier", "critical")
	if n := query[int](t, tier, "select count(*) from clients"); n != 1000 {
		t.Errorf("the critical tier came back with %d clients", n)
	}
	if o := w.must(t, exitFailed, "restore", "20200101T000000Z-000000000000",
		"--target", tier, "--json"); document[failure](t, o).Error.Code != "not_found" {
		t.Errorf("an unknown point: %s", o.out)
	}
	if o := w.must(t, exitUsage, "restore", first, "--target", "mysql://h/d", "--json"); document[failure](t,
		o).Error.Code != "invalid" {
		t.Errorf("a target of another kind: %s", o.out)
	}
}

// checkKeys opens the repository without the key file.
func checkKeys(t *testing.T, w *world, recovery, point string) {
	t.Helper()
	file := filepath.Join(w.dir, "keepsake.key")
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitUsage, "points")
	if f := document[failure](t, w.must(t, exitUsage, "init", "--json")); f.Error.Code != "wrong_key" {
		t.Errorf("init over a repository whose key is lost: %+v", f)
	}
	w.env["KEEPSAKE_RECOVERY_KEY"] = recovery
	w.must(t, exitDone, "init")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("init left a key that opens nothing: %v", err)
	}
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, point) {
		t.Errorf("with the recovery key: %s", o.out)
	}
	target := beside(t, w.platform, "by_recovery_key")
	w.must(t, exitDone, "restore", "latest", "--target", target, "--create")
	delete(w.env, "KEEPSAKE_RECOVERY_KEY")
	w.env["KEEPSAKE_KEY"] = string(key)
	w.must(t, exitDone, "points")
	wrong := repository.NewKeyFile().Reveal()
	w.secrets = append(w.secrets, wrong)
	w.env["KEEPSAKE_KEY"] = wrong
	for _, args := range [][]string{{"points"}, {"backup"}, {"verify"}, {"restore", "latest", "--target", target}} {
		if f := document[failure](t, w.must(t, exitUsage, append(args, "--json")...)); f.Error.Code != "wrong_key" {
			t.Errorf("%v with a wrong key: %+v", args, f)
		}
	}
}

func TestPassphraseOpensWithoutAKeyFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	const passphrase = "correct horse battery staple"
	w.env["KEEPSAKE_PASSPHRASE"] = passphrase
	w.secrets = append(w.secrets, passphrase)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	if err := os.Remove(filepath.Join(w.dir, "keepsake.key")); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitDone, "verify", "--deep")
	w.env["KEEPSAKE_PASSPHRASE"] = "correct horse battery stable"
	if f := document[failure](t, w.must(t, exitUsage, "verify", "--json")); f.Error.Code != "wrong_key" {
		t.Errorf("%+v", f)
	}
}

func TestTwoProvidersAreNotProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting[:2], season...)
	w.must(t, exitDone, "init")
	r := document[report](t, w.must(t, exitUnprotected, "backup", "--json"))
	if r.Point == "" || r.Protected || !strings.Contains(r.Lacks, "1 of 3 copies is missing") ||
		!strings.Contains(r.Lacks, "no offsite copy") {
		t.Errorf("%+v", r)
	}
	if o := w.must(t, exitUnprotected, "backup"); !strings.Contains(o.out, "NOT PROTECTED: 1 of 3 copies is missing") {
		t.Errorf("%s", o.out)
	}
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, "no: 1 of 3 copies is missing") {
		t.Errorf("%s", o.out)
	}
	w.must(t, exitDone, "verify") // every copy there is, is sound
}

// TestProviderDownIsRepairedLater takes a backup while one provider's place cannot be used.
func TestProviderDownIsRepairedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	far := filepath.Join(w.dir, "repos", "far")
	if err := os.Rename(far, far+".away"); err != nil {
		t.Fatal(err)
	}
	w.write(t, far, "a file where a directory should be")
	r := document[report](t, w.must(t, exitUnprotected, "backup", "--json"))
	if r.Protected || len(r.Copies) != 3 || r.Copies[2].Confirmed || r.Copies[2].Error == "" || !r.Copies[0].Confirmed {
		t.Errorf("%+v", r)
	}
	v := document[verdict](t, w.must(t, exitUnprotected, "verify", "--json"))
	if v.OK || len(v.Findings) == 0 || v.Findings[0].Provider != "far" {
		t.Errorf("%+v", v)
	}
	if err := os.Remove(far); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(far+".away", far); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitDone, "repair")
	w.must(t, exitDone, "verify", "--deep")
	if points := document[[]report](t, w.must(t, exitDone, "points", "--json")); len(points) != 1 || !points[0].Protected {
		t.Errorf("%+v", points)
	}
}

// TestDamageIsFoundNamedAndPassedBy flips one bit of every chunk at one provider.
func TestDamageIsFoundNamedAndPassedBy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	for _, path := range w.chunks(t, "local") {
		flip(t, path)
	}
	v := document[verdict](t, w.must(t, exitDamage, "verify", "--deep", "--json"))
	if v.OK || len(v.Findings) != len(w.chunks(t, "local")) || v.Findings[0].Provider != "local" ||
		!strings.HasPrefix(v.Findings[0].Object, "chunks/") {
		t.Errorf("%+v", v)
	}
	if o := w.must(t, exitDamage, "verify", "--deep"); !strings.Contains(o.out, "local, chunks/") {
		t.Errorf("%s", o.out)
	}
	target := beside(t, w.platform, "restored")
	r := document[report](t, w.must(t, exitDone, "restore", "latest", "--target", target, "--create", "--json"))
	if !r.Verified || r.Provider == "local" ||
		!slices.ContainsFunc(r.Damaged, func(d finding) bool { return d.Provider == "local" }) {
		t.Errorf("%+v", r)
	}
	only := beside(t, w.platform, "only")
	if f := document[failure](t, w.must(t, exitDamage, "restore", "latest", "--target", only, "--create", "--provider",
		"local", "--json")); f.Error.Code != "damaged" {
		t.Errorf("a restore from damaged copies only: %+v", f)
	}
	w.must(t, exitDone, "repair", "--deep")
	w.must(t, exitDone, "verify", "--deep", "--provider", "local")
}

func TestPlatformThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.env["KEEPSAKE_PLATFORM_URL"] = "postgres://keepsake:hunter2hunter2@127.0.0.1:1/wedsync"
	w.secrets = append(w.secrets, "hunter2hunter2")
	if f := document[failure](t, w.must(t, exitFailed, "backup", "--json")); f.Error.Code != "unavailable" {
		t.Errorf("an unreachable platform: %+v", f)
	}
	o := w.must(t, exitFailed, "doctor")
	if !strings.Contains(o.out, "error") || !strings.Contains(o.out, "platform") {
		t.Errorf("doctor: %s", o.out)
	}
	delete(w.env, "KEEPSAKE_PLATFORM_URL")
	if o := w.must(t, exitDone, "doctor", "--json"); len(document[[]map[string]string](t, o)) < 4 {
		t.Errorf("doctor --json: %s", o.out)
	}
}
