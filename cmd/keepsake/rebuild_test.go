package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/testenv"
)

// TestRebuildPassesByWhatIsLost names no provider: one is lost, one is new and empty, one holds everything.
func TestRebuildPassesByWhatIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	w.withConsole(t)
	repos := filepath.Join(w.dir, "repos")
	for _, gone := range []string{"local", "second/manifests", "second/chunks"} {
		if err := os.RemoveAll(filepath.Join(repos, gone)); err != nil {
			t.Fatal(err)
		}
	}
	r := document[rebuildReport](t, w.must(t, exitDone, "repo", "rebuild", "--json"))
	if r.Points != 1 || len(r.Providers) != 3 || r.Providers[0].Error == "" || r.Providers[1].Points != 0 ||
		r.Providers[2].Points != 1 {
		t.Errorf("%+v", r)
	}
	if o := w.must(t, exitDone, "repo", "rebuild"); !strings.Contains(o.out, "Provider local was passed by") ||
		!strings.Contains(o.out, "1 recovery point of provider far") {
		t.Errorf("%s", o.out)
	}
	if err := os.RemoveAll(repos); err != nil {
		t.Fatal(err)
	}
	if f := document[failure](t, w.must(t, exitFailed, "repo", "rebuild", "--json")); f.Error.Code != "not_found" {
		t.Errorf("with every provider lost: %+v", f)
	}
}

// TestDoctorLooksAtTheConsole goes through the states of a console that is being set up.
func TestDoctorLooksAtTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.withEmptyConsole(t)
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "answers and is empty") {
		t.Errorf("%s", o.out)
	}
	// A platform's superuser is not bound by row-level security.
	owned := w.env["KEEPSAKE_CONSOLE_URL"]
	w.env["KEEPSAKE_CONSOLE_URL"] = testenv.DB(t)
	if o := w.must(t, exitFailed, "doctor"); !strings.Contains(o.out, "row-level security does not bind") {
		t.Errorf("%s", o.out)
	}
	w.env["KEEPSAKE_CONSOLE_URL"] = beside(t, w.platform, "never_made")
	if o := w.must(t, exitFailed, "doctor"); !strings.Contains(o.out,
		"the console database does not exist: create role keepsake") {
		t.Errorf("%s", o.out)
	}
	if o := w.must(t, exitUsage, "serve"); !strings.Contains(o.err, "the console database does not exist") ||
		strings.Count(o.err, "\n") != 1 {
		t.Errorf("%s", o.err)
	}
	stranger, err := url.Parse(owned)
	if err != nil {
		t.Fatal(err)
	}
	stranger.User = url.UserPassword(stranger.User.Username(), "not the password")
	w.env["KEEPSAKE_CONSOLE_URL"] = stranger.String()
	if o := w.must(t, exitUsage, "serve"); !strings.Contains(o.err,
		"refused the role or its password: correct console.url") {
		t.Errorf("%s", o.err)
	}
	w.env["KEEPSAKE_CONSOLE_URL"] = owned
	w.must(t, exitDone, "repo", "rebuild")
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "Nobody can sign in. Run keepsake admin create") {
		t.Errorf("%s", o.out)
	}
	const password = "a long enough passphrase"
	w.secrets = append(w.secrets, password)
	if o := w.runWith(t, password, "admin", "create", "--email", "ada@example.com", "--password-stdin"); o.code !=
		exitDone {
		t.Fatalf("%+v", o)
	}
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "1 account can sign in") ||
		strings.Contains(o.out, "without TLS") {
		t.Errorf("%s", o.out)
	}
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+"server: {address: ':8080'}\n")
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, "listens on :8080 without TLS") {
		t.Errorf("%s", o.out)
	}
}

// TestAConsoleWhoseDatabaseIsLostHelpsAllTheSame: where people have signed in before, a database that is not there, or
// lets nobody in, keeps nobody from the emergency pages; and what else is wrong by the time that it is back ends
// nothing.
func TestAConsoleWhoseDatabaseIsLostHelpsAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.withConsole(t)
	w.must(t, exitDone, "init")
	const password = "a long enough passphrase"
	w.secrets = append(w.secrets, password)
	if o := w.runWith(t, password, "admin", "create", "--email", "ada@example.com", "--password-stdin"); o.code !=
		exitDone {
		t.Fatalf("%+v", o)
	}
	base, stop := w.serve(t)
	for kept := false; !kept; get(t, base+"/healthz") { // the worker tells the repository who may sign in
		names, err := os.ReadDir(filepath.Join(w.dir, "repos", "far", "notes", "access"))
		kept = err == nil && len(names) > 0
	}
	stop()
	there, lost := w.env["KEEPSAKE_CONSOLE_URL"], map[string]string{}
	address, err := url.Parse(there)
	if err != nil {
		t.Fatal(err)
	}
	gone, stranger := *address, *address
	gone.Path, stranger.User = "/never_made", url.UserPassword(address.User.Username(), "not the password")
	lost["not there"], lost["refuses"] = gone.String(), stranger.String()
	for name, url := range lost {
		w.env["KEEPSAKE_CONSOLE_URL"] = url
		base, stop := w.serve(t)
		if page := get(t, base+"/sign-in"); !strings.Contains(page, "own database does not answer") {
			t.Errorf("a database that is %s: %s", name, page)
		}
		stop()
	}
}
