package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheRunbookEndsInAnIntactTrail carries out what the runbook says about a console that was lost, word by word: the
// trail that it begins is intact.
func TestTheRunbookEndsInAnIntactTrail(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbooks/everything-gone.md")
	if err != nil {
		t.Fatal(err)
	}
	_, step, found := strings.Cut(string(page), "**Make a console.**")
	if !found {
		t.Fatal("the runbook makes no console")
	}
	var steps [][]string
	for _, m := range regexp.MustCompile(`(?m)^ {7}keepsake (.+)$`).FindAllStringSubmatch(step, -1) {
		steps = append(steps, strings.Fields(m[1]))
	}
	if len(steps) < 5 || strings.Join(steps[len(steps)-1], " ") != "serve" {
		t.Fatalf("the runbook's commands: %q", steps)
	}
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	create := func(args []string) {
		t.Helper()
		if o := w.runWith(t, "a long enough passphrase\n", append(args, "--password-stdin")...); o.code != exitDone {
			t.Fatalf("%q: %s%s", args, o.out, o.err)
		}
	}
	w.withConsole(t)
	create([]string{"admin", "create", "--email", "ada@example.com"})
	w.must(t, exitDone, "audit", "seal")
	w.must(t, exitDone, "audit", "verify")
	if o := w.must(t, exitDone, "audit", "verify"); !strings.Contains(o.out, "sealed up to row ") ||
		!strings.Contains(o.out, "vouched for by the chain alone") {
		t.Errorf("sealed by hand: %s", o.out)
	}
	w.withConsole(t) // another, empty: the first is lost
	for _, step := range steps[:len(steps)-1] {
		switch strings.Join(step[:2], " ") {
		case "admin create":
			create(step)
			if o := w.must(t, exitDamage, "audit", "verify"); !strings.Contains(o.out, "Another trail than before") ||
				!strings.Contains(o.out, "the repository holds a seal of trail") ||
				!strings.Contains(o.out, "keepsake audit begin") || strings.Contains(o.out, "Broken") {
				t.Errorf("before anybody said that it was made anew: %s", o.out)
			}
		case "audit verify":
			if o := w.must(t, exitDone, step...); !strings.Contains(o.out, "Intact: ") ||
				!strings.Contains(o.out, "An earlier trail of this repository") {
				t.Errorf("%s", o.out)
			}
		default:
			w.must(t, exitDone, step...)
		}
	}
}
