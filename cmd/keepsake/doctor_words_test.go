package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// chained is a sentence in which one colon leads to the next.
	chained = regexp.MustCompile(`[^.?!]*: [^.?!]*: `)
	whole   = regexp.MustCompile(`^(ok|warn|error) +(\S+( \S+)*) +[A-Z].*[.?!]$`)
)

// TestDoctorSpeaksInWholeSentences breaks each provider in another way: every line of doctor, and every warning of what
// runs all the same, is of whole sentences without chained colons.
func TestDoctorSpeaksInWholeSentences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append([]place{{"four", "disk", false}, {"five", "disk", false},
		{"six", "disk", false}, {"seven", "disk", false}}, protecting...), season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	move(t, w.place("far"), w.place("far")+".away")
	move(t, w.place("second"), w.place("second")+".away")
	copyTree(t, w.place("local"), w.place("second"))
	if err := os.Remove(filepath.Join(w.place("four"), "keepsake.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.place("five"), "provider.json")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"provider.json", "keepsake.json"} { // damaged, and nothing says whose it was
		if err := os.WriteFile(filepath.Join(w.place("six"), name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	move(t, w.place("seven"), w.place("seven")+".away")
	if err := os.WriteFile(w.place("seven"), nil, 0o600); err != nil { // a file in its path
		t.Fatal(err)
	}
	o := w.must(t, exitFailed, "doctor")
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	failing := 0
	for _, line := range lines {
		if !whole.MatchString(line) || chained.MatchString(line) {
			t.Errorf("doctor says %q", line)
		}
		if strings.HasPrefix(line, "error") && strings.Contains(line, "provider ") {
			failing++
		}
	}
	if failing != 6 {
		t.Errorf("%d providers fail, want 6:\n%s", failing, o.out)
	}
	for _, args := range [][]string{{"backup"}, {"verify"}, {"repair"}, {"points"}} {
		o := w.run(t, args...)
		for line := range strings.SplitSeq(o.out+o.err, "\n") {
			if chained.MatchString(strings.TrimPrefix(line, "warn: ")) {
				t.Errorf("%s says %q", args[0], line)
			}
		}
	}
}
