package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestTheReadmesScriptRuns runs what the README shows of the API, as it stands there, but for the address and the token.
func TestTheReadmesScriptRuns(t *testing.T) {
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## The JSON API\n")
	section, _, _ = strings.Cut(section, "\n## ")
	lines := regexp.MustCompile(`(?m)^    (.*)$`).FindAllStringSubmatch(section, -1)
	if !found || len(lines) < 8 {
		t.Fatalf("the README shows no script: %q", section)
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for _, l := range lines {
		if strings.HasPrefix(l[1], "export ") {
			l[1] = regexp.MustCompile(`(\w+)=\S+`).ReplaceAllString(l[1], "$1=$$OUR_$1")
		}
		script.WriteString(l[1] + "\n")
	}
	const clients = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, clients)
	before, after, found := strings.Cut(script.String(), "# What bringing it back would change")
	if !found {
		t.Fatal("the README restores nothing")
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
	if said := run(before); !strings.Contains(said, `"state": "done"`) || !strings.Contains(said, `"protected": true`) {
		t.Errorf("%s", said)
	}
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	begin := regexp.MustCompile(`(?m)^(export |api\(\)).*$`).FindAllString(before, -1)
	id := strings.Trim(strings.TrimSpace(run("set -euo pipefail\n"+strings.Join(begin, "\n")+"\n#"+after)), `"`)
	if s.client().ended(id); query[int](t, w.platform, clients) != all {
		t.Errorf("%d of %d clients are back", query[int](t, w.platform, clients), all)
	}
}
