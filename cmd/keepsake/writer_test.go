package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAMachineThatOnlyWrites: with a writer's key where the key stood, the program backs up, says what it cannot do,
// and what it took is restored with the repository's key.
func TestAMachineThatOnlyWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	o := w.must(t, exitDone, "repo", "writer-key")
	key := strings.TrimSpace(o.out)
	if !strings.HasPrefix(key, "KEEPSAKE-WRITER-1-") || strings.Contains(key, "\n") ||
		!strings.Contains(o.err, "mode 600") {
		t.Fatalf("%s%s", o.out, o.err)
	}
	if document[struct {
		Key string `json:"writer_key"`
	}](t, w.must(t, exitDone, "repo", "writer-key", "--json")).Key != key {
		t.Error("--json gives another one")
	}
	w.secrets = append(w.secrets, key[30:])
	w.env["KEEPSAKE_KEY"] = key
	w.must(t, exitDone, "backup", "--note", "from a machine that cannot read it")
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "It is a writer's key, so this machine can back up") {
		t.Errorf("doctor: %s", o.out)
	}
	for _, args := range []string{"points", "verify", "repo writer-key",
		"restore latest --target postgres://127.0.0.1/nowhere", "init", "backup --type incremental"} {
		if o := w.run(t, strings.Fields(args)...); o.code != exitUsage || !strings.Contains(o.err, "writer's") {
			t.Errorf("%s: %d %s", args, o.code, o.err)
		}
	}
	w.env["KEEPSAKE_CONSOLE_URL"] = "postgres://127.0.0.1/nowhere"
	for _, args := range []string{"serve", "worker"} {
		if o := w.run(t, args); o.code != exitUsage || !strings.Contains(o.err, "a console reads the repository") {
			t.Errorf("%s: %d %s", args, o.code, o.err)
		}
	}
	delete(w.env, "KEEPSAKE_CONSOLE_URL")
	delete(w.env, "KEEPSAKE_KEY")
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, "from a machine that cannot read it") {
		t.Errorf("the repository's key does not find it:\n%s", o.out)
	}
	w.must(t, exitDone, "verify", "--deep", "latest")
	// The file may hold a writer's key too.
	w.write(t, filepath.Join(w.dir, "keepsake.key"), key+"\n")
	w.must(t, exitDone, "backup")
}
