package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "init", "backup", "points", "verify", "repair", "restore", "repo", "repo rebuild",
		"repo writer-key", "repo add-provider", "serve", "worker", "admin", "admin create", "admin password", "admin unlock",
		"admin close", "admin second-step-off", "doctor", "version", "alert", "alert test", "retention", "retention show",
		"retention run"} {
		t.Run("keepsake "+command, func(t *testing.T) {
			t.Parallel()
			o := program(t.Context(), nil, "", append(strings.Fields(command), "--help")...)
			if o.code != exitDone || o.err != "" || !strings.Contains(o.out, "Usage: keepsake") ||
				!strings.Contains(o.out, "--config=FILE") {
				t.Errorf("exit code %d\n%s%s", o.code, o.out, o.err)
			}
		})
	}
	o := program(t.Context(), nil, "", "--help")
	for _, word := range []string{"Exit codes: 0 done", "init", "backup", "points", "verify", "repair", "restore",
		"repo rebuild", "retention show", "retention run", "serve", "worker", "admin create", "doctor"} {
		if !strings.Contains(strings.Join(strings.Fields(o.out), " "), word) {
			t.Errorf("keepsake --help does not name %q", word)
		}
	}
}

// TestBadInput proves that every mistake is one line, ends with the code for usage, and changes nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "keepsake.yaml")
	(&world{}).write(t, config, "providers:\n  - {name: a, type: file, path: repo}\nkey: {file: none.key}\n")
	broken := filepath.Join(dir, "broken.yaml")
	(&world{}).write(t, broken, "providers:\n  - {name: a, type: file, path: repo}\nplatfrom: {}\n")
	for _, c := range []struct{ args, says string }{
		{"", "expected one of"},
		{"explode", "unexpected argument explode"},
		{"backup --fast", "unknown flag --fast"},
		{"backup --type weekly", "--type must be one of"},
		{"backup --label nonsense", "--label"},
		{"backup now", "unexpected argument now"},
		{"points all", "unexpected argument all"},
		{"restore", "missing"},
		{"restore latest", "a target is missing: set KEEPSAKE_TARGET_URL"},
		{"restore latest --target postgres://h/d --tier urgent", "--tier must be one of"},
		{"verify a b", "unexpected argument b"},
		{"verify latest --all", "give one of them"},
		{"repair latest --all", "give one of them"},
		{"repo", "expected"},
		{"repo rebuild everything", "unexpected argument everything"},
		{"serve --address here", "here"},
		{"serve 8080", "unexpected argument 8080"},
		{"worker now", "unexpected argument now"},
		{"admin", "expected"},
		{"admin create", "missing flags: --email"},
		{"admin create --email a@example.com", "--password-stdin"},
		{"admin password", "missing flags: --email"},
		{"admin second-step-off", "missing flags: --email"},
		{"admin unlock", "missing flags: --email"},
		{"admin close", "missing flags: --email"},
		{"init here", "unexpected argument here"},
		{"doctor who", "unexpected argument who"},
		{"alert", "expected"},
		{"alert test now", "unexpected argument now"},
		{"alert test", "alerts.urls: no address is configured"},
		{"retention", "expected one of"},
		{"retention show all", "unexpected argument all"},
		{"retention show --last many", "--last"},
		{"retention show --last=-1", "retention.last: -1 is out of range"},
		{"retention show --within long", "retention.within: \"long\" is no span of time"},
		{"retention show --milestone-days 36501", "retention.milestone_days: 36501 is out of range"},
		{"retention show --weekly 10001", "retention.weekly: 10001 is out of range"},
		{"retention run now", "unexpected argument now"},
		{"retention run --yes=maybe", "--yes"},
		{"retention run", "keepsake init"},
		{"points --log-format xml", "--log-format must be one of"},
		{"version 2", "unexpected argument 2"},
		{"--config " + filepath.Join(dir, "none.yaml") + " points", "does not exist"},
		{"--config " + broken + " points", ":3: unknown field \"platfrom\""},
		{"--config " + broken + " backup", ":3: unknown field \"platfrom\""},
		{"--config " + broken + " doctor", ":3: unknown field \"platfrom\""},
		{"--config " + config + " points", "keepsake init"},
		{"--config " + config + " serve", "keepsake init"},
	} {
		t.Run("keepsake "+strings.ReplaceAll(c.args, dir, ""), func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			if !strings.Contains(c.args, "--config") {
				args = append([]string{"--config", config}, args...)
			}
			o := program(t.Context(), nil, "", args...)
			line, rest, _ := strings.Cut(o.err, "\n")
			if o.code != exitUsage || o.out != "" || rest != "" || !strings.HasPrefix(line, "keepsake: ") ||
				!strings.Contains(line, c.says) {
				t.Errorf("exit code %d, want %d and one line with %q\n%s%s", o.code, exitUsage, c.says, o.out, o.err)
			}
			o = program(t.Context(), nil, "", append(args, "--json")...)
			if f := document[failure](t, o); o.code != exitUsage || f.Error.Code != "invalid" ||
				!strings.Contains(f.Error.Message, c.says) || o.err != "" {
				t.Errorf("with --json: exit code %d, %+v, %s", o.code, f, o.err)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if o := program(t.Context(), nil, "", "version"); o.code != exitDone || !strings.HasPrefix(o.out, "keepsake ") {
		t.Errorf("%+v", o)
	}
	if o := program(t.Context(), map[string]string{"KEEPSAKE_VERSION": "2"}, "", "--version"); o.code != exitDone ||
		!strings.HasPrefix(o.out, "keepsake ") {
		t.Errorf("--version: %+v", o)
	}
	if v := document[map[string]string](t, program(t.Context(), nil, "", "version", "--json")); v["version"] == "" {
		t.Errorf("%v", v)
	}
}

func TestSizesAndCounts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 30: "1.0 GiB",
		5 << 40: "5.0 TiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000",
		-100: "-100"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
}
