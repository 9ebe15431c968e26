package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/testenv"
)

// startLimit is what a start may take on a machine that is busy, and less than what a provider that hangs is waited
// for.
const startLimit = 4 * time.Second

// TestAStoppedProviderDelaysNoStart: a server's process is stopped. The console prints its address all the same, with
// its database, with a database that does not answer, and with one that lets nobody in.
func TestAStoppedProviderDelaysNoStart(t *testing.T) {
	t.Parallel()
	s, err := testenv.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := s.CreateBucket(t.Context(), "stops"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil, season...)
	w.write(t, w.config, "platform: {url: \"${PLATFORM}\"}\nkey: {file: ./keepsake.key}\nproviders:\n"+
		fmt.Sprintf("  - {name: stops, type: s3, endpoint: %q, region: %s, bucket: stops, path_style: true, access_key_id: "+
			"%s, secret_access_key: %s}\n",
			s.Endpoint, testenv.Region, s.AccessKey, s.SecretKey)+
		"  - {name: disk, type: file, path: ./repo}\n  - {name: far, type: file, path: ./far, medium: gcs, offsite: true}\n")
	w.must(t, exitDone, "init")
	w.withConsole(t)
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatal(o.err)
	}
	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Resume() })
	reachable := w.env["KEEPSAKE_CONSOLE_URL"]
	owner := w.env["KEEPSAKE_CONSOLE_OWNER_URL"]
	for _, c := range []struct{ name, url, page string }{
		{"with its database", reachable, "Sign in"},
		{"on standby, without its database", "postgres://keepsake:nobody@127.0.0.1:1/console", "Sign in"},
		{"on standby, locked out", strings.Replace(reachable, "@", "0@", 1), "Sign in"},
	} {
		w.env["KEEPSAKE_CONSOLE_URL"] = c.url
		if delete(w.env, "KEEPSAKE_CONSOLE_OWNER_URL"); c.url == reachable {
			w.env["KEEPSAKE_CONSOLE_OWNER_URL"] = owner
		}
		started := time.Now()
		base, stop := w.serve(t)
		if took := time.Since(started); took > startLimit {
			t.Errorf("%s: its address came after %s", c.name, took)
		}
		if answer := get(t, base+"/"); !strings.Contains(answer, c.page) {
			t.Errorf("%s: %s", c.name, answer)
		}
		stop()
	}
}
