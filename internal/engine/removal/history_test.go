package removal_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/testenv"
)

// What a history may do to whoever is under way. Removal lists are kept for two weeks, so it must leave them that time.
const (
	longestStop = 3 * 24 * time.Hour // a call stands still
	longestLife = 6 * 24 * time.Hour // a backup or a removal takes
	mostSkew    = 36 * time.Hour     // of a machine's clock
)

// step is one thing that happens. What its numbers mean depends on what it is.
type step struct {
	Do      string
	A, B, C int
}

func (s step) String() string { return fmt.Sprintf("%s(%d,%d,%d)", s.Do, s.A, s.B, s.C) }

var deeds = []string{
	"backup", "backup", "remove", "remove", "until", "until", "until", "until", "go on", "end", "end", "wait", "wait",
	"kill", "fail", "deaf", "short", "clock", "set back", "away", "config",
}

// spread draws a number below n. Generators prefer small numbers, and here no number is simpler than another.
func spread(n int) *rapid.Generator[int] {
	const all = 1 << 16
	return rapid.Map(rapid.IntRange(0, all-1), func(i int) int { return i * 40503 % all * n / all })
}

func drawHistory(t *rapid.T) (first, then []step) {
	draw := func(deeds []string) *rapid.Generator[step] {
		return rapid.Custom(func(t *rapid.T) step {
			number := spread(60)
			return step{deeds[spread(len(deeds)).Draw(t, "do")], number.Draw(t, "a"), number.Draw(t, "b"), number.Draw(t, "c")}
		})
	}
	first = rapid.SliceOfN(draw([]string{"backup"}), 3, 5).Draw(t, "first")
	if spread(4).Draw(t, "marked") > 0 { // and a removal is due, or stands still where it deletes
		wait := []int{2, 4, 7}[spread(3).Draw(t, "wait")]
		stop := []int{4, 5, 4, 5, 3, 9, 2, 0, 13}[spread(9).Draw(t, "stop")]
		by := 0
		if spread(2).Draw(t, "early") > 0 { // and a backup of what was there before stands still all the time
			by, wait = 1, 2
			early := []int{0, 0, 10, 8}[spread(4).Draw(t, "early stop")]
			then = append(then, step{Do: "backup", A: 1, B: spread(2).Draw(t, "kind"), C: 59}, step{Do: "until", B: early})
		}
		partial := spread(4).Draw(t, "partial") == 0
		then = append(then, step{Do: "remove", B: 60, C: 63})
		if spread(4).Draw(t, "meanwhile") == 0 { // and what goes came back while it was marked
			then = append(then, step{Do: "until", A: by, B: 12}, step{Do: "backup", A: 1, B: 1, C: 59},
				step{Do: "end", A: by + 1})
		}
		if partial { // and one provider did not take the list
			then = append(then, step{Do: "until", A: by, B: 2}, step{Do: "go on", A: by, B: spread(2).Draw(t, "with")},
				step{Do: "fail", A: by})
		}
		then = append(then, step{Do: "end", A: by}, step{Do: "wait", A: wait}, step{Do: "remove", A: 1, B: 60, C: 63},
			step{Do: "until", A: by, B: stop})
		if spread(4).Draw(t, "deaf") == 0 { // and the next backup can list what is removed, and not read it
			then = append(then, step{Do: "backup", B: 1, C: 59}, step{Do: "deaf", A: by + 1, C: 1},
				step{Do: "end", A: by + 1})
		}
		if wait == 7 { // and the list expires while the removal stands still
			then = append(then, step{Do: "wait"}, step{Do: "remove"}, step{Do: "end", A: 1},
				step{Do: "backup", A: 1, B: 1, C: 59}, step{Do: "end", A: 1})
		}
		if partial { // and the other one is away from the next backup
			away := step{Do: "away", A: spread(2).Draw(t, "away")}
			then = append(then, away, step{Do: "backup", A: 1, C: 59}, step{Do: "end", A: by + 1}, away)
		}
	}
	return first, append(then, rapid.SliceOfN(draw(deeds), 15, 50).Draw(t, "then")...)
}

// stops are calls before which an actor may be stopped.
var stops = []struct{ verb, prefix string }{
	{"put", repository.ManifestPrefix},
	{"list", repository.RemovalPrefix},
	{"put", repository.RemovalPrefix},
	{"delete", repository.ManifestPrefix},
	{"delete", "chunks/"},
	{"delete", "indexes/"},
	{"delete", repository.RemovalPrefix},
	{"list", repository.ManifestPrefix},
	{"list", "chunks/"},
	{"stat", repository.RemovalPrefix},
	{"put", "chunks/"},
	{"get", repository.RemovalPrefix},
	{"get", repository.ManifestPrefix},
}

const day = 24 * time.Hour

// histories is how many are drawn: thirty, or as many as -rapid.checks says.
func histories() int {
	const usual = 30
	f := flag.Lookup("rapid.checks")
	n, err := strconv.Atoi(f.Value.String())
	if err != nil || f.Value.String() == f.DefValue {
		return usual
	}
	return n
}

// TestRemovalHistories: in any order of the storage calls of backups and removals on several machines, whichever of
// them are killed, stand still for days or fail, whatever clocks say and providers do, a recovery point that a backup
// was told to be at a provider is whole there until a removal deletes its manifest that was told so. None deletes the
// two newest. When all is quiet again, what nothing needs goes, and the lists go.
func TestRemovalHistories(t *testing.T) {
	t.Parallel()
	s := readSecrets(t)
	testenv.Draws(t, histories(), func(rt *rapid.T) {
		first, then := drawHistory(rt)
		var w *world
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(t, s)
			for _, s := range first {
				w.happens(s)
				a := w.actors[len(w.actors)-1]
				if w.ends(a); a.err != nil {
					w.fail("%s: %v", a.name, a.err)
				}
				w.passes(time.Hour)
			}
			for _, s := range then {
				if w.wrong != "" {
					break
				}
				w.happens(s)
			}
			for i, a := range w.living() {
				if i == 0 && w.wrong != "" || a.id%3 == 0 {
					w.kill(a)
				}
				w.ends(a)
			}
			if w.wrong == "" {
				w.settles()
			}
		})
		if w.wrong != "" {
			rt.Fatalf("%s\n%s", w.wrong, strings.Join(w.log, "\n"))
		}
	})
}

// settles lets removals run until everything went that can.
func (w *world) settles() {
	for m := range machines {
		w.skew[m], w.knows[m] = 0, places
		w.restart(m)
	}
	for _, p := range w.places {
		p.down = false
	}
	w.note("all is quiet")
	for _, x := range w.copies {
		w.whole(x)
	}
	w.dropBroken()
	keep, own := map[string]bool{}, 0
	for i, id := range w.manifests() {
		if i < 2 || i%2 == 0 || own < 2 && !repository.WriterMade(id) {
			keep[id] = true
		}
		if !repository.WriterMade(id) {
			own++
		}
	}
	w.passes(3 * day) // clocks that were ahead have named points
	for i := range 12 {
		w.passes(25 * time.Hour)
		switch i % 4 {
		case 1:
			w.passes(7 * day) // what is left over has been that for long
		case 3:
			w.passes(17 * day)
		}
		points := slices.DeleteFunc(w.manifests(), func(id string) bool { return keep[id] })
		a := w.removes(i%(machines-1), points, nil)
		w.ends(a)
		if a.err != nil || a.result.Held != "" || a.result.Problem != "" {
			w.fail("%s: %v, %+v", a.name, a.err, a.result)
		}
	}
	for _, x := range w.copies {
		w.whole(x)
	}
	needed := map[string]bool{}
	for _, id := range w.manifests() {
		if !keep[id] {
			w.fail("%s did not go", short(id))
		}
		for _, key := range w.namers[id] {
			needed[key] = true
		}
	}
	for _, p := range w.places {
		for key := range p.holds("") {
			if isObject(key) && !needed[key] || strings.HasPrefix(key, repository.RemovalPrefix) {
				w.fail("provider %s still has %s", p.name, short(key))
			}
		}
	}
}

// dropBroken deletes manifests of copies that are not whole, as somebody does who cannot repair them: those that no
// backup was told of, and those of a provider that was set back.
func (w *world) dropBroken() {
	for _, p := range w.places {
		has := p.holds("")
		for id := range maps.Clone(p.holds(repository.ManifestPrefix)) {
			id = strings.TrimPrefix(id, repository.ManifestPrefix)
			if slices.ContainsFunc(w.namers[id], func(key string) bool { return !has[key] }) {
				_ = p.mem.Delete(context.Background(), repository.ManifestKey(id))
			}
		}
	}
}
