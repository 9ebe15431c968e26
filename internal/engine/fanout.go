package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	laneBytes   = 24 << 20 // sealed bytes that may wait for one provider
	laneWorkers = 4
	patience    = 2 * time.Second // how long a full lane is waited for, all waits together, before its provider counts as lagging
	delayShare  = 4               // and a quarter of the time since the lane was opened on top of it
	laneStrikes = 3               // failed uploads in a row, each already retried, after which a provider is given up for now
)

// lane is the way to one provider. What does not fit into it is not lost: after reading, catchUp copies it from a provider
// that has it, when the platform is no longer kept waiting.
type lane struct {
	Provider
	bit   uint16
	index *index
	track *tracker

	opened  time.Time
	mu      sync.Mutex
	room    *sync.Cond    // signalled when bytes shrink or the lane ends
	waited  time.Duration // for room, by all who offered
	queue   []*sealed
	waiting int64 // bytes in queue and under way
	strikes int
	failed  error
	lagging bool
	closed  bool
	wg      sync.WaitGroup
}

func newLane(ctx context.Context, p Provider, bit uint16, x *index, t *tracker) *lane {
	l := &lane{Provider: p, bit: bit, index: x, track: t, opened: time.Now()}
	l.room = sync.NewCond(&l.mu)
	for range laneWorkers {
		l.wg.Go(func() { l.work(ctx) })
	}
	return l
}

// offer hands a chunk over. It reports false when the provider cannot take it now. With wait, room is waited for as long as
// the lane's patience lasts: it bounds what one provider, however slow, adds to the time that the platform's snapshot is held.
func (l *lane) offer(s *sealed, wait bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(s.body))
	if l.lagging && l.waiting == 0 {
		l.setLagging(false)
	}
	full := func() bool { return l.failed == nil && l.waiting > 0 && l.waiting+size > laneBytes }
	if full() && !l.lagging && wait {
		started := time.Now()
		left := patience + started.Sub(l.opened)/delayShare - l.waited
		timer := time.AfterFunc(left, l.wake)
		for full() && time.Since(started) < left {
			l.room.Wait()
		}
		timer.Stop()
		l.waited += time.Since(started)
	}
	if l.failed != nil || l.lagging || full() {
		if l.failed == nil && !l.lagging {
			l.setLagging(true)
		}
		return false
	}
	l.queue = append(l.queue, s)
	l.waiting += size
	l.room.Broadcast()
	l.track.provider(l.Name, func(p *ProviderProgress) { p.Lag++ })
	return true
}

// wake lets whoever waits look again. It takes the lock, so that no wake-up falls between a look and the wait.
func (l *lane) wake() {
	l.mu.Lock()
	l.room.Broadcast()
	l.mu.Unlock()
}

func (l *lane) setLagging(lagging bool) {
	l.lagging = lagging
	l.track.provider(l.Name, func(p *ProviderProgress) {
		p.State = ItemRunning
		if lagging {
			p.State = ItemLagging
		}
	})
}

// work uploads until the lane is closed and empty, or given up.
func (l *lane) work(ctx context.Context) {
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closed {
			l.room.Wait()
		}
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return
		}
		s := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		given := l.failed != nil
		l.mu.Unlock()
		var err error
		if !given {
			_, err = l.index.put(ctx, l.Store, l.bit, s)
		}
		l.finish(ctx, s, given, err)
	}
}

func (l *lane) finish(ctx context.Context, s *sealed, given bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting -= int64(len(s.body))
	l.room.Broadcast()
	switch {
	case given:
	case err == nil:
		l.strikes = 0
	default:
		l.strikes++
		if l.strikes >= laneStrikes && l.failed == nil && ctx.Err() == nil {
			l.failed = err
			l.track.warnf("Provider %s is given up for now: %s. What it misses is copied to it later.", l.Name, storage.Explain(err))
		}
	}
	l.track.provider(l.Name, func(p *ProviderProgress) {
		p.Lag--
		switch {
		case err != nil:
			p.Error = storage.Explain(err)
			if l.failed != nil {
				p.State = ItemFailed
			}
		case !given:
			p.Confirmed++
			p.Bytes += int64(len(s.body))
		}
	})
}

// effort spends processor time on smaller chunks only where chunks wait for a provider anyhow.
func effort(lanes []*lane) repository.Effort {
	for _, l := range lanes {
		l.mu.Lock()
		slow := l.failed == nil && (l.lagging || l.waiting > laneBytes/4)
		l.mu.Unlock()
		if slow {
			return repository.Thorough
		}
	}
	return repository.Fast
}

// drain closes the lane and waits for its uploads.
func (l *lane) drain() {
	l.mu.Lock()
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	l.wg.Wait()
}

// send hands a chunk to every lane. It returns when at least one has taken it, which bounds memory by the fastest provider.
func send(ctx context.Context, lanes []*lane, s *sealed, skip uint16) error {
	taken := skip != 0
	for _, l := range lanes {
		if skip&l.bit == 0 && l.offer(s, true) {
			taken = true
		}
	}
	for !taken {
		var alive *lane
		for _, l := range lanes {
			l.mu.Lock()
			if l.failed == nil && alive == nil {
				alive = l
			}
			l.mu.Unlock()
		}
		if alive == nil {
			return allFailed(lanes)
		}
		if err := alive.waitForRoom(ctx, int64(len(s.body))); err != nil {
			return err
		}
		taken = alive.offer(s, false)
	}
	return nil
}

// waitForRoom blocks until the lane can take size bytes, or fails.
func (l *lane) waitForRoom(ctx context.Context, size int64) error {
	stop := context.AfterFunc(ctx, l.wake)
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.failed == nil && l.waiting > 0 && l.waiting+size > laneBytes && ctx.Err() == nil {
		l.room.Wait()
	}
	if l.lagging {
		l.setLagging(false)
	}
	return ctx.Err()
}

func allFailed(lanes []*lane) error {
	text := ""
	for _, l := range lanes {
		l.mu.Lock()
		text += fmt.Sprintf("; %s: %s", l.Name, storage.Explain(l.failed))
		l.mu.Unlock()
	}
	return keepsake.Errorf(keepsake.CodeUnavailable, "no provider takes the backup, so there is no new recovery point%s", text)
}
