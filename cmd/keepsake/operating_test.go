package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

// configure adds lines to the world's configuration.
func (w *world) configure(t *testing.T, lines string) {
	t.Helper()
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, w.config, string(raw)+lines)
}

// TestAlertAddressesAreChecked: an address that no message can be sent to is an error at doctor and at every start, and
// is named by its place, never by what it holds.
func TestAlertAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ address, says string }{
		"a misspelled service": {"genric://hook-token-0123456789@example.com",
			`alerts.urls[0]: "genric" is no service`},
		"a service that tells nobody": {"logger://hook-token-0123456789", `alerts.urls[0]: "logger" is no service`},
		"the same, written otherwise": {"LOGGER://hook-token-0123456789", `alerts.urls[0]: "LOGGER" is no service`},
		"a hook without a host": {"generic:///hook-token-0123456789",
			`alerts.urls[0]: this is no address of the service "generic"`},
		"slack without its tokens": {"slack://hook-token-0123456789",
			`alerts.urls[0]: this is no address of the service "slack"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, protecting)
			w.must(t, exitDone, "init")
			w.withConsole(t)
			w.must(t, exitDone, "audit", "verify") // makes the tables
			w.secrets = append(w.secrets, "hook-token-0123456789")
			w.configure(t, "alerts: {urls: ['"+c.address+"']}\n")
			if o := w.must(t, exitFailed, "doctor"); !strings.Contains(o.out, c.says) {
				t.Errorf("doctor: %s", o.out)
			}
			for _, command := range [][]string{{"serve"}, {"worker"}, {"alert", "test"}} {
				if o := w.must(t, exitUsage, command...); !strings.Contains(o.err, c.says) {
					t.Errorf("%v: %s", command, o.err)
				}
			}
		})
	}
}

// TestAlertTest sends every address a message, and says which took it.
func TestAlertTest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	const token = "hook-token-0123456789"
	w.secrets = append(w.secrets, token)
	said := make(chan string, 10)
	takes := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said <- string(body)
	}))
	defer takes.Close()
	refuses := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Error(rw, "no "+r.URL.String(), http.StatusForbidden)
	}))
	defer refuses.Close()
	address := func(s *httptest.Server) string {
		return "generic://" + strings.TrimPrefix(s.URL, "http://") + "/" + token + "?disabletls=yes"
	}
	if o := w.must(t, exitUsage, "alert", "test"); !strings.Contains(o.err, "alerts.urls: no address is configured") {
		t.Errorf("without an address: %s", o.err)
	}
	w.configure(t, "alerts: {urls: ['"+address(refuses)+"', '"+address(takes)+"']}\n")
	o := w.must(t, exitFailed, "alert", "test")
	if !strings.Contains(o.out, "alerts.urls[0] (generic): NOT SENT") ||
		!strings.Contains(o.out, "alerts.urls[1] (generic): the message was taken") {
		t.Errorf("%s", o.out)
	}
	if m := <-said; !strings.Contains(m, "Keepsake: this is a test") {
		t.Errorf("said %q", m)
	}
	r := document[struct {
		Addresses []struct {
			Address int
			Sent    bool
			Error   string
		}
	}](t, w.must(t, exitFailed, "alert", "test", "--json"))
	if len(r.Addresses) != 2 || r.Addresses[0].Sent || r.Addresses[0].Error == "" || !r.Addresses[1].Sent ||
		r.Addresses[1].Address != 1 {
		t.Errorf("%+v", r)
	}
}

// TestProxyThatNobodyTrusts: a console that people reach by https, and that cannot tell, says so at doctor and at the
// start.
func TestProxyThatNobodyTrusts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	w.configure(t, "server: {base_url: 'https://keepsake.example.com'}\n")
	const words = "cookies are not marked Secure"
	if o := w.must(t, exitDone, "doctor"); !strings.Contains(o.out, words) ||
		!strings.Contains(o.out, "server.trusted_proxies") {
		t.Errorf("doctor: %s", o.out)
	}
	p := w.start(t, "serve", "--address", "127.0.0.1:0")
	p.await(t, words)
	p.await(t, "Console on")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for p.lines.Scan() { // to its end
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("serve: %v", err)
	}
	w.write(t, w.config, strings.Replace(w.text(t), "base_url:", "trusted_proxies: [127.0.0.1], base_url:", 1))
	if o := w.must(t, exitDone, "doctor"); strings.Contains(o.out, words) {
		t.Errorf("doctor with a proxy that is trusted: %s", o.out)
	}
}

// text is the world's configuration.
func (w *world) text(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestConfigurationOpenToOthersIsWarnedOf lets everybody read keepsake.yaml, which may hold passwords.
func TestConfigurationOpenToOthersIsWarnedOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o660: true, 0o644: true, 0o666: true} {
		if err := os.Chmod(w.config, mode); err != nil {
			t.Fatal(err)
		}
		if o := w.must(t, exitDone, "doctor"); strings.Contains(o.out, "Other accounts of this machine may read or change") !=
			warned {
			t.Errorf("mode %04o: %s", mode, o.out)
		}
	}
}

// TestLogLinesAreJSON: a collector reads every log line as one document.
func TestLogLinesAreJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.env["KEEPSAKE_LOG_FORMAT"] = "json"
	w.withConsole(t)
	o := w.must(t, exitDone, "backup", "--verbose", "--quiet") // no trail yet: it says so
	failed := w.must(t, exitFailed, "restore", "nothing", "--target", w.platform)
	lines := strings.Split(strings.TrimSpace(o.err+failed.err), "\n")
	for _, line := range lines {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" ||
			entry.Msg == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
	w.must(t, exitDone, "audit", "verify")
	if len(lines) < 4 {
		t.Errorf("%d lines: the test proves nothing", len(lines))
	}
}

// TestBackupWithoutAType builds upon the newest recovery point, and reads everything where there is none.
func TestBackupWithoutAType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	for i, want := range []string{"full", "incremental", "incremental"} {
		if r := document[struct{ Type string }](t, w.must(t, exitDone, "backup", "--json")); r.Type != want {
			t.Errorf("backup %d is %s, want %s", i+1, r.Type, want)
		}
	}
	if o := w.must(t, exitDone, "backup", "--type", "full"); !strings.Contains(o.out, "(full)") {
		t.Errorf("%s", o.out)
	}
}
