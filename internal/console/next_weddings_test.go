package console_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// countedEngine counts how often the platform is asked for weddings.
type countedEngine struct {
	*fakeEngine
	asked  atomic.Int64
	looked atomic.Int64 // how often it was asked whether it is there
}

func (e *countedEngine) LookAtPlatform(ctx context.Context) (engine.PlatformLook, error) {
	e.looked.Add(1)
	return e.fakeEngine.LookAtPlatform(ctx)
}

func (e *countedEngine) Weddings(ctx context.Context, q engine.WeddingQuery) ([]engine.Wedding, error) {
	e.asked.Add(1)
	return e.fakeEngine.Weddings(ctx, q)
}

// TestManyOverviewsAskThePlatformOnce: for two seconds, each organization its own answer, and what went wrong is not
// kept.
func TestManyOverviewsAskThePlatformOnce(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), &countedEngine{fakeEngine: newFakeEngine()}
	var clock atomic.Int64
	clock.Store(time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC).UnixNano())
	c := w.console(e, func(d *console.Deps) { d.Now = func() time.Time { return time.Unix(0, clock.Load()).UTC() } })
	overview := func(actor keepsake.Actor, weddings int, asked int64) {
		t.Helper()
		before := e.asked.Load()
		d, err := c.Dashboard(t.Context(), actor)
		if err != nil || len(d.Weddings) != weddings || e.asked.Load()-before != asked {
			t.Errorf("%s sees %d weddings after %d questions, %v; want %d after %d", actor.Name, len(d.Weddings),
				e.asked.Load()-before, err, weddings, asked)
		}
	}
	g, ctx := errgroup.WithContext(t.Context())
	for range 50 {
		g.Go(func() error {
			d, err := c.Dashboard(ctx, admin)
			if len(d.Weddings) != 2 {
				t.Errorf("an overview shows %+v", d.Weddings)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil || e.asked.Load() != 1 {
		t.Errorf("50 overviews asked the platform %d times, %v", e.asked.Load(), err)
	}
	overview(admin, 2, 0)
	overview(bound, 1, 1)
	overview(bound, 1, 0)
	asked := e.asked.Load()
	if _, err := c.Dashboard(t.Context(), keepsake.Actor{ID: "x", Name: "a guest", Role: "guest"}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden || e.asked.Load() != asked {
		t.Errorf("a guest: %v, %d questions", err, e.asked.Load()-asked)
	}
	clock.Add(int64(2 * time.Second))
	e.down = keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	overview(admin, 0, 1)
	looked := e.looked.Load()
	overview(admin, 0, 0) // it is known to be away: a short look is enough
	if n := e.looked.Load() - looked; n != 1 {
		t.Errorf("a platform that is away is looked at %d times for one overview", n)
	}
	e.down = nil
	overview(admin, 2, 1)
	if _, err := c.Emergency(t.Context(), admin); err != nil || e.asked.Load() != 5 {
		t.Errorf("the emergency page takes an old answer: %d questions, %v", e.asked.Load(), err)
	}
}
