package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// withConsole gives the world a console database of its own, its owner, and the role that the console works as.
func (w *world) withConsole(t *testing.T) {
	t.Helper()
	owner, server := dbtest.Prepared(t)
	w.usesConsole(t, owner, server)
}

// withEmptyConsole is withConsole before anything has set the console database up.
func (w *world) withEmptyConsole(t *testing.T) {
	t.Helper()
	owner, server := dbtest.Roles(t)
	w.usesConsole(t, owner, server)
}

func (w *world) usesConsole(t *testing.T, owner, server keepsake.Secret) {
	t.Helper()
	w.env["KEEPSAKE_CONSOLE_OWNER_URL"], w.env["KEEPSAKE_CONSOLE_URL"] = owner.Reveal(), server.Reveal()
	w.hide(t, owner.Reveal())
	w.hide(t, server.Reveal())
	t.Cleanup(func() {
		if past := dbtest.Past(t, server); len(past) > 0 {
			t.Errorf("the database had to put on record itself: %q", past)
		}
	})
}

func TestAdminCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.withConsole(t)
	const password, next = "a long enough passphrase", "another long passphrase"
	w.secrets = append(w.secrets, password, next)
	for _, c := range []struct {
		name, command, stdin string
		extra                []string
		code                 int
		says                 string
	}{
		{"no terminal", "create", "", nil, exitUsage, "--password-stdin"},
		{"no password", "create", "", []string{"--password-stdin"}, exitUsage, "password"},
		{"short password", "create", "short\n", []string{"--password-stdin"}, exitUsage, "characters"},
		{"new password of nobody", "password", next + "\n", []string{"--password-stdin"}, exitFailed, "ada@example.com"},
		{"made", "create", password + "\n", []string{"--password-stdin"}, exitDone, "super admin"},
		{"twice", "create", password + "\n", []string{"--password-stdin"}, exitFailed, "keepsake admin password"},
		{"new password", "password", next, []string{"--password-stdin"}, exitDone, "new password"},
		{"unlocked", "unlock", "", nil, exitDone, "still locked? then it is another e-mail"},
	} {
		o := w.runWith(t, c.stdin, append([]string{"admin", c.command, "--email", "Ada@Example.com"}, c.extra...)...)
		if o.code != c.code || !strings.Contains(strings.ToLower(o.out+o.err), c.says) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s%s", c.name, o.code, c.code, c.says, o.out, o.err)
		}
	}
	o := w.runWith(t, password+"\n", "admin", "create", "--email", "not an address", "--password-stdin", "--json")
	if f := document[failure](t, o); o.code != exitUsage || f.Error.Code != "invalid" {
		t.Errorf("a bad address: %+v", f)
	}
	o = w.runWith(t, password+"\n", "admin", "create", "--email", "ben@example.com", "--password-stdin", "--json")
	if m := document[map[string]string](t, o); o.code != exitDone || m["email"] != "ben@example.com" ||
		m["role"] != "super_admin" {
		t.Errorf("--json: %v", m)
	}
	if o := w.must(t, exitDone, "admin", "close", "--email", "Ada@Example.com"); !strings.Contains(o.out,
		"is closed: 0 sessions ended, 0 tokens revoked") {
		t.Errorf("closed: %s", o.out)
	}
	if o := w.must(t, exitFailed, "admin", "close", "--email", "ada@example.com", "--json"); document[failure](t,
		o).Error.Code != "not_found" {
		t.Errorf("closed twice: %s", o.out)
	}
	if m := document[map[string]any](t, w.must(t, exitDone, "admin", "close",
		"--email", "ben@example.com", "--json")); m["elsewhere"] != false || m["sessions_ended"] != 0.0 {
		t.Errorf("closed --json: %v", m)
	}
}

// listener keeps what is written to it and tells the first address of a console in it.
type listener struct {
	mu      sync.Mutex
	said    strings.Builder
	address chan string
}

var consoleAddress = regexp.MustCompile(`http://(\S+:\d+)\n`)

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.said.Write(p)
	if m := consoleAddress.FindStringSubmatch(l.said.String()); m != nil {
		select {
		case l.address <- m[1]:
		default: // told already
		}
	}
	return len(p), nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

// TestServe starts the console on a free port, asks it whether it lives, and stops it as a signal would.
func TestServe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	if o := w.must(t, exitUsage, "serve"); !strings.Contains(o.err, "KEEPSAKE_CONSOLE_URL") {
		t.Errorf("serve without a console database: %s", o.err)
	}
	w.withConsole(t)
	for _, extra := range [][]string{nil, {"--no-worker"}} {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		l := &listener{address: make(chan string, 1)}
		ended := make(chan int, 1)
		go func() {
			args := append([]string{"--config", w.config, "serve", "--address", "127.0.0.1:0"}, extra...)
			ended <- run(ctx, args, environ(w.env), stdio{strings.NewReader(""), io.Discard, testenv.Log("a console's log", l)})
		}()
		select {
		case address := <-l.address:
			if answer := get(t, "http://"+address+"/healthz"); answer != "200 OK: ok\n" {
				t.Errorf("/healthz: %q", answer)
			}
			if answer := get(t, "http://"+address+"/"); !strings.Contains(answer, "Sign in") {
				t.Errorf("/ does not ask who is there: %q", answer)
			}
		case code := <-ended:
			t.Fatalf("serve %v ended with %d before it said where it listens:\n%s", extra, code, l)
		}
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("serve %v ended with %d\n%s", extra, code, l)
		}
		if !strings.Contains(l.String(), "keepsake admin create") {
			t.Errorf("serve does not say how the first admin is made:\n%s", l)
		}
		for _, secret := range w.secrets {
			if strings.Contains(l.String(), secret) {
				t.Errorf("serve printed a secret:\n%s", l)
			}
		}
	}
}

// get returns a page's status and body.
func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	testenv.Saw("the page "+url, string(body))
	return response.Status + ": " + string(body)
}

// TestRebuild fills an empty console database from one provider, when the others are gone.
func TestRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	w.must(t, exitDone, "backup", "--type", "incremental")
	if o := w.must(t, exitUsage, "repo", "rebuild"); !strings.Contains(o.err, "KEEPSAKE_CONSOLE_URL") {
		t.Errorf("without a console database: %s", o.err)
	}
	w.withConsole(t)
	for _, lost := range []string{"local", "second"} {
		if err := os.RemoveAll(w.dir + "/repos/" + lost); err != nil {
			t.Fatal(err)
		}
	}
	if o := w.must(t, exitUsage, "repo", "rebuild", "--provider", "nowhere"); !strings.Contains(o.err, "nowhere") {
		t.Errorf("an unknown provider: %s", o.err)
	}
	for range 2 { // the second changes nothing
		if m := document[map[string]any](t, w.must(t, exitDone, "repo", "rebuild",
			"--provider", "far", "--json")); m["points"] != 2.0 {
			t.Errorf("rebuild: %v", m)
		}
	}
}
