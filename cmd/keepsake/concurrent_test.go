package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// with returns the world as another machine sees it: with some of the providers, in an order of its own.
func (w *world) with(t *testing.T, names ...string) *world {
	t.Helper()
	head, list, _ := strings.Cut(read(t, w.config), "providers:\n")
	text := head + "providers:\n"
	for _, name := range names {
		for line := range strings.Lines(list) {
			if strings.Contains(line, "name: "+name+",") {
				text += line
			}
		}
	}
	other := *w
	other.config = filepath.Join(w.dir, strings.Join(names, "-")+".yaml")
	other.write(t, other.config, text)
	return &other
}

// end waits for the end of a process and returns its exit code.
func (p *process) end() int {
	for p.lines.Scan() {
		p.said.WriteString(p.lines.Text() + "\n")
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// TestBackupsAtOnceOfSeveralMachines: processes with different providers back up at the same time, one is killed. No
// copy that is there is called damaged, repair completes every point, and each restores from each provider.
func TestBackupsAtOnceOfSeveralMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, heavy...)
	w.must(t, exitDone, "init")
	one, two, three := w.with(t, "local", "second"), w.with(t, "far", "second"), w.with(t, "second", "local", "far")

	killed := three.start(t, "backup", "--type", "full")
	first, other := one.start(t, "backup", "--type", "full"), two.start(t, "backup", "--type", "full")
	killed.await(t, "Snapshot of")
	killed.signal(t, syscall.SIGKILL)
	for _, p := range []*process{first, other} {
		if code := p.end(); code != exitUnprotected {
			t.Fatalf("a backup beside others ended with %d\n%s", code, p.said.String())
		}
	}
	// On each machine, of each provider: what is there is sound.
	for _, name := range []string{"local", "second", "far"} {
		for _, point := range w.manifests(t, name) {
			w.must(t, exitDone, "verify", point, "--provider", name)
			w.must(t, exitDone, "verify", "--deep", point, "--provider", name)
		}
	}
	points := w.manifests(t, "second")
	if len(points) != 2 {
		t.Fatalf("points at the provider that both machines have: %v", points)
	}
	// A later backup without the third provider, which has what the other machine sealed, ends well.
	one.must(t, exitUnprotected, "backup", "--type", "incremental")
	w.must(t, exitDone, "repair", "--all")
	w.must(t, exitDone, "verify", "--all")
	w.must(t, exitDone, "verify", "--all", "--deep")
	for _, point := range w.manifests(t, "local") {
		for _, name := range []string{"local", "second", "far"} {
			target := beside(t, w.platform, strings.ToLower(point[len(point)-6:])+"_"+name)
			w.must(t, exitDone, "restore", point, "--target", target, "--create", "--provider", name)
			const digest = "select md5(string_agg(md5(e::text), '' order by id)) from event_logs e"
			if a, b := query[string](t, w.platform, digest), query[string](t, target, digest); a != b {
				t.Errorf("%s from %s: the restored rows differ", point, name)
			}
		}
	}
}

// manifests returns the recovery points that lie in a provider's directory.
func (w *world) manifests(t *testing.T, provider string) []string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(w.dir, "repos", provider, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	for _, e := range list {
		points = append(points, e.Name())
	}
	return points
}
