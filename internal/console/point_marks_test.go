package console_test

import (
	"context"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
)

// TestMarksOfTheCommandLineAppear: what the repository says of a point's note, labels and lock is taken over by the
// next look, on record, though the copies are as they were, and a save begins from it.
func TestMarksOfTheCommandLineAppear(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	c := w.console(e)
	sync := func() {
		t.Helper()
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(note string, locked bool) {
		t.Helper()
		d, err := c.GetPoint(t.Context(), admin, "a")
		if err != nil || d.Point.Note != note || d.Point.Locked != locked {
			t.Errorf("the console shows %q, locked %v, %v; want %q, %v", d.Point.Note, d.Point.Locked, err, note, locked)
		}
	}
	sync()
	e.points[0].Note, e.points[0].Locked = "for the court", true // as keepsake mark does
	sync()
	shows("for the court", true)
	sync()
	if page, err := c.ListAudit(t.Context(), admin, audit.Filter{Action: string(audit.PointSync)}); err != nil ||
		len(page.Rows) != 1 {
		t.Errorf("on record: %+v, %v", page.Rows, err)
	}

	e.points[0].Note, e.points[0].Locked = "not for the court", false
	if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "a",
		Labels: map[string]string{"by": "amelia"}}); err != nil {
		t.Fatal(err)
	}
	shows("not for the court", false)
	if p := e.points[0]; p.Note != "not for the court" || p.Locked || p.Labels["by"] != "amelia" {
		t.Errorf("the repository says %q, locked %v, %v", p.Note, p.Locked, p.Labels)
	}
}

// TestASaveOutlivesASlowLook: a look at the repository that began before a save undoes nothing of it.
func TestASaveOutlivesASlowLook(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	slow := &slowList{fakeEngine: e, read: func() {
		if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "a", Note: new("kept")}); err != nil {
			t.Error(err)
		}
	}}
	if err := w.console(slow).SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err := c.GetPoint(t.Context(), admin, "a"); err != nil || d.Point.Note != "kept" {
		t.Errorf("%q, %v", d.Point.Note, err)
	}
}

// slowList is an engine whose list of points is handed over some time after it was read.
type slowList struct {
	*fakeEngine
	read func()
}

func (s *slowList) ListPoints(ctx context.Context, provider string) (engine.PointList, error) {
	list, err := s.fakeEngine.ListPoints(ctx, provider)
	s.read()
	return list, err
}
