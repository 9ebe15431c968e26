package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitLeavesNoUselessKey loses the key of a repository: init must not put another one in its place.
func TestInitLeavesNoUselessKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	made := document[initReport](t, w.must(t, exitDone, "init", "--json"))
	key := filepath.Join(w.dir, "keepsake.key")
	if made.KeyFile != key || !strings.HasPrefix(made.RecoveryKey, "AGE-SECRET-KEY-1") || !made.Created ||
		len(made.Copies) != 3 {
		t.Fatalf("init: %+v", made)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	f := document[failure](t, w.must(t, exitUsage, "init", "--json"))
	if f.Error.Code != "wrong_key" || !strings.Contains(f.Error.Message, "put the key file back") {
		t.Errorf("%+v", f)
	}
	w.env["KEEPSAKE_RECOVERY_KEY"] = made.RecoveryKey
	again := document[initReport](t, w.must(t, exitDone, "init", "--json"))
	if again.Created || again.RecoveryKey != "" || again.KeyFile != "" || again.Repository != made.Repository {
		t.Errorf("init with the recovery key: %+v", again)
	}
	if _, err := os.Lstat(key); err == nil {
		t.Error("a key file was left that opens nothing")
	}
}

// TestInitCompletesProviders makes a repository while one provider is away, then brings it there.
func TestInitCompletesProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	away := filepath.Join(w.dir, "repos")
	if err := os.Mkdir(away, 0o700); err != nil {
		t.Fatal(err)
	}
	away = filepath.Join(away, "far")
	w.write(t, away, "a file where a directory should be")
	o := w.must(t, exitUnprotected, "init")
	if !strings.Contains(o.out, "RECOVERY KEY") ||
		!strings.Contains(o.out, "far              NO COPY: The path of the provider is no directory") {
		t.Errorf("%s", o.out)
	}
	if err := os.Remove(away); err != nil {
		t.Fatal(err)
	}
	o = w.must(t, exitDone, "init")
	if strings.Contains(o.out, "RECOVERY KEY") || strings.Contains(o.out, "NO COPY") {
		t.Errorf("%s", o.out)
	}
	first, err := os.ReadFile(filepath.Join(w.dir, "repos", "local", "keepsake.json"))
	if err != nil {
		t.Fatal(err)
	}
	if there, err := os.ReadFile(filepath.Join(away, "keepsake.json")); err != nil || !bytes.Equal(first, there) {
		t.Errorf("the headers differ: %v", err)
	}
}

// TestProviderOfAnotherRepositoryIsNamed mixes the places of two repositories up.
func TestProviderOfAnotherRepositoryIsNamed(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, protecting), newWorld(t, protecting)
	w.must(t, exitDone, "init")
	other.must(t, exitDone, "init")
	far := filepath.Join(w.dir, "repos", "far")
	if err := os.RemoveAll(far); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other.dir, "repos", "far"), far); err != nil {
		t.Fatal(err)
	}
	there := read(t, filepath.Join(far, "keepsake.json"))
	before, err := os.ReadDir(far)
	if err != nil {
		t.Fatal(err)
	}
	const why = "It holds another repository ("
	for _, args := range [][]string{{"init"}, {"backup"}, {"verify"}} {
		if o := w.must(t, exitUnprotected, args...); !strings.Contains(o.out, why) || !strings.Contains(o.out, "far") {
			t.Errorf("%v: %s%s", args, o.out, o.err)
		}
	}
	w.must(t, exitDone, "points")
	if o := w.must(t, exitUnprotected, "repair", "--all"); !strings.Contains(o.out, why) {
		t.Errorf("%s", o.out)
	}
	if o := w.must(t, exitFailed, "doctor"); !strings.Contains(o.out, why) {
		t.Errorf("%s", o.out)
	}
	if found, err := os.ReadDir(far); err != nil || len(found) != len(before) ||
		read(t, filepath.Join(far, "keepsake.json")) != there {
		t.Errorf("something was written into another repository's place: %v (%v)", found, err)
	}
}

// TestKeyFileThatCannotBeMade names a place for the key that is none.
func TestKeyFileThatCannotBeMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.write(t, w.config, "key: {file: ./keepsake.yaml/keepsake.key}\nproviders: [{name: a, type: file, path: repo}]\n")
	o := w.must(t, exitUsage, "init")
	if !strings.Contains(o.err, "key.file: a new key cannot be written to ./keepsake.yaml/keepsake.key") ||
		strings.Count(o.err, "\n") != 1 {
		t.Errorf("%s", o.err)
	}
}

// TestKeyFileOpenToOthersIsWarnedOf lets everybody read the key.
func TestKeyFileOpenToOthersIsWarnedOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	if err := os.Chmod(filepath.Join(w.dir, "keepsake.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "mode 0644). Run chmod 600 ./keepsake.key") {
		t.Errorf("%s", o.out)
	}
}

// TestStopped sends the signal before anything began.
func TestStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for command, says := range map[string]string{
		"backup": "no recovery point was made",
		"restore latest --target postgres://u:p@127.0.0.1:1/d": "if it was begun, is incomplete",
		"verify": "nothing was changed",
		"repair": "what was copied stays",
	} {
		o := program(ctx, w.env, "", append([]string{"--config", w.config, "--json"}, strings.Fields(command)...)...)
		if f := document[failure](t, o); o.code != exitFailed || f.Error.Code != "cancelled" ||
			!strings.Contains(f.Error.Message, says) {
			t.Errorf("%s: exit code %d, %+v", command, o.code, f)
		}
	}
}

// TestFlagsFromTheEnvironment gives flags by variables alone.
func TestFlagsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting[:2], season...)
	w.env["KEEPSAKE_CONFIG"] = w.config
	w.env["KEEPSAKE_JSON"] = "true"
	if o := program(t.Context(), w.env, "", "init"); o.code != exitDone || !strings.HasPrefix(o.out, "{") {
		t.Fatalf("%+v", o)
	}
	w.env["KEEPSAKE_NOTE"] = "from the environment"
	if o := program(t.Context(), w.env, "", "backup"); o.code != exitUnprotected {
		t.Fatalf("%+v", o)
	}
	if o := program(t.Context(), w.env, "", "points"); !strings.Contains(o.out, `"note": "from the environment"`) {
		t.Errorf("%+v", o)
	}
	target := beside(t, w.platform, "by_environment")
	w.env["KEEPSAKE_TARGET_URL"], w.env["KEEPSAKE_TIER"] = target, "critical,high"
	if o := program(t.Context(), w.env, "", "restore", "latest", "--create"); o.code != exitDone {
		t.Errorf("%+v", o)
	}
	if o := program(t.Context(), w.env, "", "explode"); o.code != exitUsage ||
		document[failure](t, o).Error.Code != "invalid" {
		t.Errorf("%+v", o)
	}
	w.env["KEEPSAKE_JSON"] = "perhaps"
	if o := program(t.Context(), w.env, "", "points"); o.code != exitUsage {
		t.Errorf("%+v", o)
	}
}

// TestInitSaysWhatAnEmptyPlaceLacks: where a disk is not mounted, the place is empty, and init does not call it
// confirmed without a word of the recovery points that are not there.
func TestInitSaysWhatAnEmptyPlaceLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	if o := w.must(t, exitDone, "init"); strings.Contains(o.out, "was empty") {
		t.Errorf("the first init: %s", o.out)
	}
	w.must(t, exitDone, "backup")
	w.must(t, exitDone, "backup")
	if again := document[initReport](t, w.must(t, exitDone, "init", "--json")); len(again.Begun) != 0 {
		t.Errorf("where nothing was empty: %+v", again.Begun)
	}
	disk := filepath.Join(w.dir, "repos", "far")
	unmount := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(disk), os.Mkdir(disk, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	unmount()
	o := w.must(t, exitDone, "init")
	for _, words := range []string{"The place of provider far was empty", "look whether its disk is mounted",
		"It lacks 2 recovery points: keepsake repair --all"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("init does not say %q:\n%s", words, o.out)
		}
	}
	unmount()
	r := document[initReport](t, w.must(t, exitDone, "init", "--json"))
	if len(r.Begun) != 1 || r.Begun[0].Provider != "far" || r.Begun[0].Points != 0 || r.Begun[0].Missing != 2 {
		t.Errorf("init --json: %+v", r.Begun)
	}
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "verify", "--all", "--deep")
}

// TestInitKnowsNotWhatCouldNotBeListed: where the recovery points of some providers cannot be listed, init says of an
// empty place whose points it may lack, and never that it lacks what nobody knows of.
func TestInitKnowsNotWhatCouldNotBeListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	// A link that leads out of a provider's place is not followed, so nothing below it can be listed.
	unlisted := func(provider string) {
		t.Helper()
		if err := os.Symlink(w.dir, filepath.Join(w.place(provider), "manifests")); err != nil {
			t.Fatal(err)
		}
	}
	empty := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(w.place("far")), os.Mkdir(w.place("far"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	says := func(o output, want, not []string) {
		t.Helper()
		for _, words := range want {
			if !strings.Contains(o.out, words) {
				t.Errorf("it does not say %q:\n%s", words, o.out)
			}
		}
		for _, words := range not {
			if strings.Contains(o.out, words) {
				t.Errorf("it says %q:\n%s", words, o.out)
			}
		}
	}
	lacks, itself, maybe := "It lacks 1 recovery point", "Which recovery points it lacks is not known",
		"It may lack recovery points of provider "

	empty()
	unlisted("far")
	says(w.must(t, exitDone, "init"), []string{"The place of provider far was empty", itself}, []string{lacks, maybe})

	move(t, filepath.Join(w.place("second"), "manifests"), filepath.Join(w.dir, "of second"))
	unlisted("second")
	empty()
	says(w.must(t, exitDone, "init"), []string{"The place of provider far was empty", lacks, maybe + "second"},
		[]string{itself})

	move(t, filepath.Join(w.place("local"), "manifests"), filepath.Join(w.dir, "of local"))
	unlisted("local")
	empty()
	says(w.must(t, exitDone, "init"),
		[]string{"The place of provider far was empty", "look whether its disk is mounted", maybe + "local",
			maybe + "second"},
		[]string{lacks, itself})
	empty()
	says(w.must(t, exitDone, "repo", "add-provider", "far"), []string{maybe + "local", maybe + "second"},
		[]string{lacks, itself})
	empty()
	unlisted("far")
	r := document[initReport](t, w.must(t, exitDone, "init", "--json"))
	if len(r.Begun) != 1 || r.Begun[0].Missing != 0 || len(r.Unasked) != 3 || r.Unasked[0].Why == "" {
		t.Errorf("init --json where no provider can be listed: %+v", r)
	}
}
