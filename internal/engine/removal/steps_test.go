package removal_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// living are the actors that are under way.
func (w *world) living() (list []*actor) {
	for _, a := range w.actors {
		if !a.ended && !a.dead {
			list = append(list, a)
		}
	}
	return list
}

// pending returns the calls of an actor that have not reached their providers, always in the same order.
func (w *world) pending(a *actor) []*call {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(a.waiting, func(x, y *call) int {
		return cmp.Or(cmp.Compare(x.verb, y.verb), cmp.Compare(x.at.name, y.at.name), cmp.Compare(x.key, y.key))
	})
	return slices.Clone(a.waiting)
}

// let decides on a call, and waits until everybody stands still again.
func (w *world) let(a *actor, c *call, v verdict) {
	w.mu.Lock()
	a.waiting = slices.DeleteFunc(a.waiting, func(x *call) bool { return x == c })
	w.mu.Unlock()
	c.verdict <- v
	synctest.Wait()
}

// kill ends an actor's process. The calls that have not reached their providers never do.
func (w *world) kill(a *actor) {
	w.mu.Lock()
	a.dead = true
	w.note("%s is killed", a.name)
	w.mu.Unlock()
	for _, c := range w.pending(a) {
		w.let(a, c, verdict{lost: true, error: errKilled})
	}
	a.cancel()
	synctest.Wait()
	w.restart(a.machine)
}

// runs lets an actor go on until all that it waits for is at one of its stops.
func (w *world) runs(a *actor, stop func(*call) bool) {
	for {
		var free []*call
		calls := w.pending(a)
		for _, c := range calls {
			if !stop(c) {
				free = append(free, c)
			}
		}
		switch {
		case len(free) > 0:
			w.let(a, free[0], verdict{})
		case len(calls) > 0 || a.ended || a.dead:
			return
		default:
			time.Sleep(time.Second) // it waits for nothing but time
		}
	}
}

func (w *world) ends(a *actor) { w.runs(a, func(*call) bool { return false }) }

func (w *world) happens(s step) {
	living := w.living()
	switch s.Do {
	case "backup":
		kind := []keepsake.BackupType{keepsake.BackupIncremental, keepsake.BackupFull}[s.B%2]
		has := contents{s.C % 3, s.C / 3 % 3}
		if s.C > 30 && len(w.had) > 0 { // what was there before
			has = w.had[0]
		}
		w.had = append(w.had, has)
		m := []int{0, 1, 0, 1, 2}[s.A%5]
		if len(living) >= 4 || m == machines-1 && w.knows[m] == 0 {
			return
		}
		w.start(m, fmt.Sprintf("%s backup of %v by machine %d", kind, has, m), nil,
			func(ctx context.Context, a *actor) error { return w.backUp(ctx, a, kind, has) })
		return
	case "remove":
		if len(living) < 4 {
			w.remove(s.A%(machines-1), uint(s.B)|uint(s.C)<<6)
		}
		return
	case "wait":
		waits := []time.Duration{time.Minute, 3 * time.Hour, 25 * time.Hour, 25 * time.Hour, 3 * day, 6 * day, 15 * day,
			w.untilExpiry() - time.Minute}
		w.passes(waits[s.A%len(waits)])
		return
	case "clock":
		by := []time.Duration{-mostSkew, -3 * time.Hour, time.Hour, mostSkew}[s.B%4]
		w.skew[s.A%machines], w.skewed = by, true
		w.note("the clock of machine %d is wrong by %v", s.A%machines, by)
		return
	case "set back":
		w.setsBack(w.places[s.A%places], s.B)
		return
	case "away":
		p := w.places[s.A%places]
		p.down = !p.down
		w.note("provider %s is away: %v", p.name, p.down)
		return
	case "config":
		m := s.A % machines
		w.knows[m] = places
		w.restart(m)
		w.note("machine %d knows all providers", m)
		return
	}
	if len(living) == 0 {
		return
	}
	a := living[s.A%len(living)]
	calls := w.pending(a)
	switch {
	case s.Do == "end":
		w.ends(a)
	case s.Do == "until":
		if s.B == len(stops) {
			w.ends(a)
			return
		}
		stop := stops[s.B%len(stops)]
		w.runs(a, func(c *call) bool { return c.verb == stop.verb && strings.HasPrefix(c.key, stop.prefix) })
	case s.Do == "deaf":
		folders := []string{repository.RemovalPrefix, repository.RemovalPrefix, repository.ManifestPrefix, "chunks/",
			"indexes/"}
		folder := folders[s.B%len(folders)]
		a.deaf[folder] = s.C%4 != 0
		w.note("%s can read nothing below %s: %v", a.name, folder, a.deaf[folder])
	case s.Do == "kill" && (s.C%2 == 0 || len(calls) == 0):
		w.kill(a)
	case len(calls) == 0:
	case s.Do == "kill":
		a.dead = true // before it hears the answer
		w.let(a, calls[s.B%len(calls)], verdict{error: errKilled})
		w.kill(a)
	case s.Do == "go on":
		w.let(a, calls[s.B%len(calls)], verdict{})
	case s.Do == "fail":
		c := calls[s.B%len(calls)]
		w.note("%s: %s %s at %s fails", a.name, c.verb, short(c.key), c.at.name)
		w.let(a, c, verdict{lost: s.C%2 == 0, error: errLost})
	case s.Do == "short":
		c := calls[s.B%len(calls)]
		if c.verb == "list" && (isObject(c.key) || c.key == repository.ManifestPrefix) {
			w.note("%s: the list of %s at %s comes short", a.name, c.key, c.at.name)
			w.let(a, c, verdict{short: true})
		}
	}
}

// remove starts a removal of the recovery points that mask picks, the newest ones first.
func (w *world) remove(machine int, mask uint) {
	var points, known []string
	for i, id := range w.manifests() {
		if mask>>(i%12)&1 == 1 {
			points = append(points, id)
		}
	}
	for _, x := range w.copies {
		if !x.gone && slices.Contains(w.places[:w.knows[machine]], x.at) {
			known = append(known, x.point)
		}
	}
	w.removes(machine, points, known)
}

func (w *world) removes(machine int, points, known []string) *actor {
	in := removal.Input{Known: known}
	for _, id := range points {
		in.Points = append(in.Points, repository.RemovedPoint{ID: id, Why: "a rule"})
	}
	by := &removal.Remover{Replicas: w.sets[machine], Now: w.sets[machine].Now}
	a := w.start(machine, fmt.Sprintf("removal of %d by machine %d", len(points), machine), append([]string{}, points...),
		func(ctx context.Context, a *actor) (err error) {
			a.result, err = by.Run(ctx, in, nil)
			return err
		})
	a.known = known
	w.note("%s begins: %v", a.name, points)
	return a
}

// passes lets time pass, unless somebody would stand still for too long.
func (w *world) passes(d time.Duration) {
	for _, a := range w.living() {
		for _, c := range w.pending(a) {
			d = min(d, c.since+longestStop-w.now)
		}
		d = min(d, a.began+longestLife-w.now)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += max(d, 0)
}

func (w *world) setsBack(p *place, to int) {
	if to%3 == 0 || len(p.before) == 0 {
		state := map[string][]byte{}
		for key := range p.holds("") {
			state[key], _ = p.mem.Get(context.Background(), key, 1<<30)
		}
		p.before = append(p.before, state)
		return
	}
	w.note("provider %s is set back", p.name)
	w.rollBack(p, p.before[to%len(p.before)])
}

// untilExpiry is how long it takes until a list expires.
func (w *world) untilExpiry() (left time.Duration) {
	for key := range w.places[0].holds(repository.RemovalPrefix) {
		body, _ := w.places[0].mem.Get(context.Background(), key, repository.MaxRemoval)
		if l, err := w.keys.OpenRemoval(key, body); err == nil {
			left = max(left, l.Expires.Sub(w.begin.Add(w.now)))
		}
	}
	return left
}
