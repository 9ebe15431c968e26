package console

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// yieldEvery is how soon a backup notices that somebody restores, and that it has ended.
	yieldEvery = 500 * time.Millisecond
	// longestYield is how long a backup stands still altogether: its snapshot keeps the platform from cleaning up.
	longestYield = 15 * time.Minute
)

// gate makes the readers of a backup wait while a restore runs, in this process or any other.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil: open
}

func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed == nil {
		return nil
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// set closes or opens the gate and reports whether that is new.
func (g *gate) set(shut bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.closed == nil:
		g.closed = make(chan struct{})
	case !shut && g.closed != nil:
		close(g.closed)
		g.closed = nil
	default:
		return false
	}
	return true
}

// yielding watches for restores of a platform until stop is called. A console database that does not answer holds no
// backup up.
func (c *Console) yielding(ctx context.Context, platform string, r engine.Reporter) (
	wait func(context.Context) error, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	g := &gate{}
	done := make(chan struct{})
	say := func(words string) { r.Log(engine.LogLine{Time: c.now(), Level: "info", Message: words}) }
	go func() {
		defer close(done)
		defer g.set(false)
		tick := time.NewTicker(yieldEvery)
		defer tick.Stop()
		left := longestYield
		for left > 0 {
			restoring, err := c.isRestoring(ctx, platform)
			shut := err == nil && restoring
			if g.set(shut) {
				say(map[bool]string{true: "A restore is running and goes first: this backup waits.",
					false: "The restore has ended; reading goes on."}[shut])
			}
			if shut {
				left -= yieldEvery
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		say("The backup goes on beside the restore: it has waited for as long as the platform can bear its snapshot.")
	}()
	return g.wait, func() { cancel(); <-done }
}

func (c *Console) isRestoring(ctx context.Context, platform string) (is bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*yieldEvery)
	defer cancel()
	err = c.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) (err error) {
		is, err = tx.IsRestoring(ctx, platform)
		return err
	})
	return is, err
}
