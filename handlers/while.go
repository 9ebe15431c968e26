package handlers

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Beside runs look while its caller does something else. result waits for what it found; stop gives it up, and waits
// until it has ended.
func Beside[T any](outer context.Context, look func(context.Context) (T, error)) (result func() (T, error),
	stop func()) {
	ctx, cancel := context.WithCancel(outer)
	var found T
	var err error
	var looking sync.WaitGroup
	looking.Go(func() { found, err = look(ctx) })
	return func() (T, error) {
			looking.Wait()
			return found, err
		}, func() {
			cancel()
			looking.Wait()
		}
}

// While returns a context for an answer that may take long, a stream or a download, which ends when what it was asked
// with has ended: when look, which is called every so often, says CodeForbidden. done ends it too, and waits for the
// last look.
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
