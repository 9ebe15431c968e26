package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestTheAPIDocumentsScriptRuns runs the script of docs/api.md as it stands there, but for the address and the token.
func TestTheAPIDocumentsScriptRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	script := documentedScript(t, "docs/api.md", "A script")
	const clients = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, clients)
	before, after, found := strings.Cut(script, "# What bringing it back would change")
	if !found {
		t.Fatal("docs/api.md restores nothing")
	}
	run := func(script string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "OUR_KEEPSAKE="+s.base, "OUR_TOKEN="+s.token, "OUR_WEDDING=3")
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return string(said)
	}
	if said := run(before); !regexp.MustCompile(`(?m)^\d{8}T\S+\t.*true$`).MatchString(said) {
		t.Errorf("the recovery points of the wedding are not listed: %s", said)
	} else if !strings.Contains(said, `"state": "done"`) || !strings.Contains(said, `"protected": true`) {
		t.Errorf("%s", said)
	}
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	begin := regexp.MustCompile(`(?m)^(export |api\(\)).*$`).FindAllString(before, -1)
	id := strings.Trim(strings.TrimSpace(run("set -euo pipefail\n"+strings.Join(begin, "\n")+"\n#"+after)), `"`)
	if s.client().ended(id); query[int](t, w.platform, clients) != all {
		t.Errorf("%d of %d clients are back", query[int](t, w.platform, clients), all)
	}
}

// documentedScript returns the commands of a document's section. Variables that begin with OUR_ replace its values.
func documentedScript(t *testing.T, document, title string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+title+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	lines := regexp.MustCompile(`(?m)^    (.*)$`).FindAllStringSubmatch(section, -1)
	if !found || len(lines) < 8 {
		t.Fatalf("%s shows no script: %q", document, section)
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for _, l := range lines {
		if strings.HasPrefix(l[1], "export ") {
			l[1] = regexp.MustCompile(`(\w+)=\S+`).ReplaceAllString(l[1], "$1=$$OUR_$1")
		}
		script.WriteString(l[1] + "\n")
	}
	return script.String()
}

// TestTheReadmesInstallationRuns goes through an installation as the README has it, with no demo: a bare server for the
// console database, a configuration, and then its own commands. It runs alone: its roles have the README's names on the
// server that all tests share.
func TestTheReadmesInstallationRuns(t *testing.T) {
	w := newWorld(t, protecting, season...)
	script := documentedScript(t, "README.md", "Install it")
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listening.Addr().String()
	if err := listening.Close(); err != nil {
		t.Fatal(err)
	}
	console, err := url.Parse(w.platform)
	if err != nil {
		t.Fatal(err)
	}
	console.Path = "/keepsake"
	as := func(role, password string) string {
		console.User = url.UserPassword(role, password)
		return console.String()
	}
	w.configure(t, "console: {url: '"+as("keepsake", "${CONSOLE_PASSWORD}")+"', owner_url: '"+
		as("keepsake_owner", "${CONSOLE_OWNER_PASSWORD}")+"'}\nserver: {address: '"+address+"'}\n")
	// the variables, as people write them
	text := strings.NewReplacer("%7B", "{", "%7D", "}", "%24", "$").Replace(w.text(t))
	w.write(t, w.config, text)
	for _, change := range [][2]string{
		{"install -m 600 keepsake.example.yaml keepsake.yaml", "true"},
		{"localhost:8080", address},
	} {
		if !strings.Contains(script, change[0]) {
			t.Fatalf("the README does not say %q", change[0])
		}
		script = strings.ReplaceAll(script, change[0], change[1])
	}
	t.Cleanup(func() {
		for _, s := range []string{"drop database if exists keepsake with (force)", "drop role if exists keepsake",
			"drop role if exists keepsake_owner"} {
			conn, err := pgx.Connect(context.Background(), w.platform)
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := conn.Exec(context.Background(), s); err != nil {
				t.Errorf("%s: %v", s, err)
			}
			_ = conn.Close(context.Background())
		}
	})
	bin := t.TempDir()
	program := "#!/bin/sh\n" + asProgram + "=1 exec " + os.Args[0] + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "keepsake"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "trap 'kill $(jobs -p); wait' EXIT\n"+script+
		"\nkeepsake doctor\n")
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "OUR_ADMIN_URL="+w.platform,
		"OUR_CONSOLE_PASSWORD=working-word",
		"OUR_CONSOLE_OWNER_PASSWORD=owning-word", "OUR_FIRST_PASSWORD=a long enough passphrase",
		"OUR_PLATFORM_PASSWORD=unused", "PLATFORM="+w.platform)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, words := range []string{"Protected: three copies, two media, one offsite.",
		"1 account can sign in", "ready\n"} {
		if !strings.Contains(string(said), words) {
			t.Errorf("it does not end in %q:\n%s", words, said)
		}
	}
	if strings.Contains(string(said), "error ") {
		t.Errorf("doctor finds errors:\n%s", said)
	}
}
