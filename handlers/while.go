package handlers

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// While returns a context for an answer that may take long, such as a stream or a download. It calls look from time
// to time, and ends the context when look returns CodeForbidden, because the session or token has ended then. done
// ends the context and waits for the last look.
func While(outer context.Context, every time.Duration, look func(context.Context) error) (ctx context.Context,
	done func()) {
	ctx, cancel := context.WithCancel(outer)
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := look(ctx); err != nil && keepsake.CodeOf(err) == keepsake.CodeForbidden {
				cancel()
				return
			}
		}
	})
	return ctx, func() {
		cancel()
		looking.Wait()
	}
}
