package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestTheConsoleDatabaseIsDumpedAndRestored by the role that the runbook describes, and a console starts on the copy,
// with its people and an intact trail.
func TestTheConsoleDatabaseIsDumpedAndRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	for _, email := range []string{"ada@example.com", "ben@example.com"} {
		if o := w.runWith(t, "a long enough passphrase\n", "admin", "create",
			"--email", email, "--password-stdin"); o.code != exitDone {
			t.Fatal(o.err)
		}
	}
	w.must(t, exitDone, "audit", "seal")
	from, err := url.Parse(w.env["KEEPSAKE_CONSOLE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	reader := "keepsake_backup" + strings.ReplaceAll(from.Path[1:], "test", "")
	admin := testenv.DB(t)
	execute(t, admin, "create role "+reader+" login bypassrls password 'of the dumps'; grant pg_read_all_data to "+reader)
	dump := filepath.Join(t.TempDir(), "console.dump")
	pg := func(program string, u url.URL, user *url.Userinfo, args ...string) (string, error) {
		u.User = user
		args = append(args, "--dbname="+u.String())
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput() //nolint:gosec // a test's own server
		return string(out), err
	}
	owner, err := url.Parse(w.env["KEEPSAKE_CONSOLE_OWNER_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if out, err := pg("pg_dump", *from, owner.User, "--format=custom", "--file="+dump); err == nil {
		t.Errorf("the owner dumps what row-level security hides: %s", out)
	}
	if out, err := pg("pg_dump", *from, url.UserPassword(reader, "of the dumps"),
		"--format=custom", "--file="+dump); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	emptyOwner, emptyServer := dbtest.Roles(t)
	w.env["KEEPSAKE_CONSOLE_OWNER_URL"], w.env["KEEPSAKE_CONSOLE_URL"] = emptyOwner.Reveal(), emptyServer.Reveal()
	to, err := url.Parse(w.env["KEEPSAKE_CONSOLE_OWNER_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if out, err := pg("pg_restore", *to, to.User, "--no-owner", "--no-privileges", "--exit-on-error", dump); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "Intact: ") ||
		!strings.Contains(o.out, "sealed up to row ") {
		t.Errorf("%s", o.out)
	}
	if o := w.runWith(t, "a long enough passphrase\n", "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code == exitDone {
		t.Error("the people are not there")
	}
	page, err := os.ReadFile("../../docs/runbooks/console-database.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"login bypassrls", "grant pg_read_all_data",
		"--no-owner --no-privileges --exit-on-error", "--format=custom"} {
		if !strings.Contains(string(page), words) {
			t.Errorf("the runbook does not say %q", words)
		}
	}
}
