package replicas

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// narrow is a store at the end of one line: all its uploads share a throughput, piece by piece.
type narrow struct {
	storage.Provider
	perSecond int
	line      chan struct{} // taken by who sends
}

func (n *narrow) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	const piece = 64 << 10
	for range len(body) / piece {
		n.line <- struct{}{}
		time.Sleep(piece * time.Second / time.Duration(n.perSecond)) // of the bubble's clock
		<-n.line
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return n.Provider.Put(ctx, key, body, sum, replace)
}

// TestSharedSlowLineIsNotAHang: four workers send chunks of 8 MiB over a line of 1 MiB a second, whose bytes nobody
// sees moving.
func TestSharedSlowLineIsNotAHang(t *testing.T) {
	for _, speed := range []int{1 << 20, 800 << 10} {
		synctest.Test(t, func(t *testing.T) {
			store := storage.Attend(storage.Retry(&narrow{
				Provider:  storagetest.NewMem(),
				perSecond: speed,
				line:      make(chan struct{}, 1),
			}, storage.RetryOptions{}), storage.DefaultSilence, nil)
			way := &flight{store: store}
			body := make([]byte, 8<<20)
			var g errgroup.Group
			g.SetLimit(LaneWorkers)
			for i := range 8 {
				g.Go(func() error {
					if err := way.start(t.Context(), int64(len(body))); err != nil {
						return err
					}
					defer way.end(int64(len(body)))
					return store.Put(t.Context(), fmt.Sprintf("chunks/%d", i), body, sha256.Sum256(body), false)
				})
			}
			if err := g.Wait(); err != nil {
				t.Errorf("at %d KiB a second: %v", speed>>10, err)
			}
		})
	}
}
