package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestRemovalsThatArePending name what is marked until it is gone, or counts no longer.
func TestRemovalsThatArePending(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTrio(t))
	pending := func(points ...string) engine.PendingRemovals {
		t.Helper()
		p, err := k.Removals(t.Context())
		if err != nil || len(p.Unread) > 0 {
			t.Fatal(p.Unread, err)
		}
		var got []string
		for _, l := range p.Lists {
			for _, point := range l.Points {
				got = append(got, point.ID)
			}
		}
		if slices.Sort(got); !slices.Equal(got, points) {
			t.Errorf("%q are marked, want %q", got, points)
		}
		return p
	}
	pending()
	var points []string
	for range 4 {
		points = append(points, backup(t, k.Engine, keepsake.BackupIncremental).Point)
		grow(t, k.url)
	}
	r := k.remove(points[:2]...)
	p := pending(points[:2]...)
	l, found := p.Marked(points[0])
	if len(p.Gone) > 0 || !found || l.ID != r.List || !l.Due.Equal(r.Due) || l.Objects != r.Objects ||
		l.Points[0].Why != "nothing keeps it" {
		t.Errorf("%+v, %+v", l, r)
	}
	if _, found := p.Marked(points[3]); found {
		t.Error("one is marked that stays")
	}
	k.passes(25 * time.Hour)
	pending(points[:2]...)
	k.remove(points[0])
	if p = pending(); !slices.Equal(p.Gone, points[:1]) { // the other one was spared
		t.Errorf("%q are gone, want %q", p.Gone, points[:1])
	}
	k.passes(8 * 24 * time.Hour)
	pending()
}

// TestWhatRetentionKnowsOfAPoint by the repository alone: what is unsure is unread.
func TestWhatRetentionKnowsOfAPoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		point  engine.Point
		unread string
	}{
		"read":                 {engine.Point{Type: "full"}, ""},
		"a manifest is broken": {engine.Point{Type: "unreadable", Lacks: "it does not open"}, "It does not open."},
		"of a newer version":   {engine.Point{Type: "hourly"}, "Its type is hourly."},
		"a note is not read":   {engine.Point{Type: "full", NotesUnread: []string{"Far hangs."}}, "Far hangs."},
		"a provider is away": {engine.Point{Type: "full", Unknown: []string{"far", "second"}},
			"Not every provider could be asked for it: far, second."},
	} {
		if got := engine.HeldPoint(c.point).Unread; got != c.unread {
			t.Errorf("%s: %q", name, got)
		}
	}
	p := engine.HeldPoint(engine.Point{
		ID:        "a",
		Type:      "incremental",
		Note:      "the court\nwants it",
		Locked:    true,
		Trust:     keepsake.TrustDoubted,
		Protected: true,
		Weddings:  []keepsake.WeddingMark{{WeddingID: "7"}},
	})
	if p.Written || !engine.HeldPoint(engine.Point{ID: "20261201T120000Z-9f86d081a2b4-w"}).Written {
		t.Error("the id says whether a writer's key made it")
	}
	if !p.Locked || p.LockWhy != "the court wants it" || p.Suspect == "" || !p.Protected || !p.Whole() ||
		len(p.Weddings) != 1 {
		t.Errorf("%+v", p)
	}
	f := engine.RetentionFacts(engine.PointList{
		Points:  []engine.Point{{ID: "a", Type: "full"}, {ID: "b", Type: "full"}},
		Unasked: []engine.Unasked{{Provider: "far", Why: "It hangs."}},
	}, engine.PendingRemovals{Lists: []engine.PendingRemoval{{Points: []engine.RemovedPoint{{ID: "b"}}}}})
	if !strings.Contains(f.Failing, "provider far could not be asked for its recovery points. It hangs.") ||
		f.Points[0].Marked || !f.Points[1].Marked {
		t.Errorf("%+v", f)
	}
}

// TestRetentionFactsOfManyPointsAreQuick: each point is not looked for in all that is marked.
func TestRetentionFactsOfManyPointsAreQuick(t *testing.T) {
	t.Parallel()
	const many = 100_000
	var list engine.PointList
	var marked engine.PendingRemoval
	for i := range many {
		id := fmt.Sprintf("20261201T120000Z-%012x", i)
		list.Points = append(list.Points, engine.Point{ID: id, Type: "full"})
		marked.Points = append(marked.Points, engine.RemovedPoint{ID: id})
	}
	began := time.Now()
	f := engine.RetentionFacts(list, engine.PendingRemovals{Lists: []engine.PendingRemoval{marked}})
	if took := time.Since(began); took > 5*time.Second { // a quarter of one; looking for each takes 16
		t.Errorf("the facts of %d points took %s", many, took)
	}
	if len(f.Points) != many || !f.Points[many-1].Marked {
		t.Errorf("%d points, the last of which is %+v", len(f.Points), f.Points[many-1])
	}
}
