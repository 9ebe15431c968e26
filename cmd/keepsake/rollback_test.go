package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wedsync/keepsake/internal/testenv"
)

// TestPlatformRolledBackToAFileCopy sets the platform's server back to a copy of its files, as a storage or VM snapshot
// does: the same identity and timeline, and transaction numbers and tuple places that are given out a second time.
func TestPlatformRolledBackToAFileCopy(t *testing.T) {
	t.Parallel()
	base, err := os.MkdirTemp("", "keepsake-rollback-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "data")
	start := func() *testenv.Postgres {
		p, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := start()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.env["PLATFORM"] = p.URL("postgres")
	execute(t, p.URL("postgres"), season...)
	p.Stop()
	if out, err := exec.Command("cp", "-a", dir, dir+".copy").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	p = start()
	w.env["PLATFORM"] = p.URL("postgres")
	execute(t, p.URL("postgres"), "insert into clients values (5000, 1, 'written before the rollback')")
	w.must(t, exitDone, "backup")
	p.Stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+".copy", dir); err != nil {
		t.Fatal(err)
	}
	p = start()
	defer func() { p.Stop() }()
	w.env["PLATFORM"] = p.URL("postgres")
	execute(t, p.URL("postgres"), "insert into clients values (5000, 1, 'written after the rollback!')")
	w.must(t, exitDone, "backup", "--type", "incremental")
	target := beside(t, w.platform, "restored")
	w.must(t, exitDone, "restore", "latest", "--target", target, "--create")
	if got := query[string](t, target, "select name from clients where id = 5000"); got != "written after the rollback!" {
		t.Errorf("the incremental backup took over a row of another history: %q", got)
	}
}
