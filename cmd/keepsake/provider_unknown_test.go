package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
)

// TestPointsOfProvidersThatCannotBeAsked: what a provider holds that could not be asked is unknown, and not missing.
func TestPointsOfProvidersThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	for _, args := range [][]string{{"verify", "--all"}, {"repair", "--all"}, {"verify"}} {
		if o := w.must(t, exitFailed, args...); !strings.Contains(o.err, "there is no recovery point yet") ||
			strings.Contains(o.out, "sound") {
			t.Errorf("%v of nothing: %s%s", args, o.out, o.err)
		}
	}
	w.must(t, exitDone, "backup")
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out, "yes") || o.err != "" {
		t.Errorf("%s%s", o.out, o.err)
	}
	if o := w.must(t, exitDone, "points", "--provider", "far"); !strings.Contains(o.out,
		"not known: only provider far was asked") {
		t.Errorf("%s", o.out)
	}
	far := w.place("far")
	move(t, far, far+".away")
	point := document[report](t, w.must(t, exitUnprotected, "backup", "--json")).Point
	move(t, far+".away", far)
	if o := w.must(t, exitFailed, "restore", point, "--provider", "far", "--create", "--target",
		beside(t, w.platform, "lacking")); !strings.Contains(o.err, "provider far does not hold recovery point "+point+
		": leave --provider out") {
		t.Errorf("%s", o.err)
	}
	move(t, far, far+".away")
	o := w.must(t, exitDone, "points")
	if strings.Count(o.out, "at 2 of 3 providers; far could not be asked") != 2 || strings.Contains(o.out, "no: ") ||
		!strings.Contains(o.err, "Provider far could not be asked for its recovery points. Its directory is not there") {
		t.Errorf("%s%s", o.out, o.err)
	}
	for _, p := range document[[]engine.Point](t, output{out: w.must(t, exitDone, "points", "--json").out}) {
		if !slices.Equal(p.Unknown, []string{"far"}) {
			t.Errorf("%+v", p)
		}
	}
	move(t, far+".away", far)
	if err := os.Remove(filepath.Join(w.place("second"), "provider.json")); err != nil {
		t.Fatal(err)
	}
	if o := w.must(t, exitDone, "points"); !strings.Contains(o.out,
		"at 1 of 3 providers; far lacks it; second could not be asked") ||
		!strings.Contains(o.err, "Provider second could not be asked") {
		t.Errorf("%s%s", o.out, o.err)
	}
}
