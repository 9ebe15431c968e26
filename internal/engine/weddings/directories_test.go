package weddings

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestFewDirectoriesAreReadAtOnce: however many recovery points are asked for, a few are read at a time, and the live
// platform's names do not wait for them. Who comes too late is told so.
func TestFewDirectoriesAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectories()
		defer d.close()
		var now, most atomic.Int64
		slow := func(ctx context.Context) (*search.Directory, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			select {
			case <-time.After(6 * time.Second):
				return &search.Directory{}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		var asked sync.WaitGroup
		var served, refused atomic.Int64
		for i := range 20 {
			asked.Go(func() {
				_, err := d.get(t.Context(), slot{point: fmt.Sprint("p", i)}, time.Now, slow)
				switch {
				case err == nil:
					served.Add(1)
				case keepsake.CodeOf(err) == keepsake.CodeUnavailable:
					refused.Add(1)
				default:
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		started := time.Now()
		live := func(context.Context) (*search.Directory, error) { return &search.Directory{}, nil }
		if _, err := d.get(t.Context(), slot{}, time.Now, live); err != nil || time.Since(started) != 0 {
			t.Errorf("the live names came after %s: %v", time.Since(started), err)
		}
		asked.Wait()
		if most.Load() != readingsAtOnce {
			t.Errorf("%d were read at once", most.Load())
		}
		if served.Load() < 12 || served.Load()+refused.Load() != 20 {
			t.Errorf("%d were read, %d refused", served.Load(), refused.Load())
		}
	})
}
