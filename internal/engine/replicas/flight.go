package replicas

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

const (
	flightTime    = 8 * time.Second // of a provider's measured throughput may be under way at once
	flightUnknown = 1 << 20         // bytes that may be under way before anything was measured
)

// mayFly reports whether size more bytes may be on their way to a store. As long as nothing was measured, and where the
// store is slow, one chunk goes after the other: four at once would each take four times as long, and nobody could tell
// a slow store from one that hangs.
func mayFly(store storage.Provider, flying, size int64) bool {
	return flying == 0 || flying+size <= max(flightUnknown, int64(storage.Speed(store)*flightTime.Seconds()))
}

// flight counts the bytes that are on their way to a store.
type flight struct {
	store storage.Provider
	mu    sync.Mutex
	bytes int64
	bell  Bell
}

// start waits until size more bytes may be on their way.
func (f *flight) start(ctx context.Context, size int64) error {
	for {
		rung := f.bell.next()
		f.mu.Lock()
		may := mayFly(f.store, f.bytes, size)
		if may {
			f.bytes += size
		}
		f.mu.Unlock()
		if may {
			return nil
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *flight) end(size int64) {
	f.mu.Lock()
	f.bytes -= size
	f.mu.Unlock()
	f.bell.ring()
}

// Bell wakes everybody who waits for any of the lanes.
type Bell struct {
	mu   sync.Mutex
	rung chan struct{} // closed with the next ring; nil while nobody waits
}

// next returns a channel that is closed with the next ring.
func (b *Bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *Bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
