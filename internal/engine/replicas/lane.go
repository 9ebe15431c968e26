package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	laneBytes = 24 << 20 // sealed bytes that may wait for one provider
	// LaneWorkers is how many objects go to one provider at a time.
	LaneWorkers = 4
	// how long a full lane is waited for, all waits together, before its provider counts as lagging
	patience   = 2 * time.Second
	delayShare = 4 // and a quarter of the time since the lane was opened on top of it
	// failed uploads in a row, each already retried, after which a provider is given up for now
	laneStrikes = 3
)

// Lane is the way to one provider. What does not fit into it is not lost: when reading is over and the platform does
// not wait any more, CopyMissing copies it from a provider that has it.
type Lane struct {
	Provider
	Bit   uint16
	index *Index
	track *report.Tracker

	ctx     context.Context //nolint:containedctx // the lane's uploads, all together
	cancel  context.CancelFunc
	bell    *Bell
	opened  time.Time
	mu      sync.Mutex
	room    *sync.Cond    // signalled when bytes shrink or the lane ends
	waited  time.Duration // for room, by all who offered
	queue   []*Sealed
	waiting int64 // bytes in queue and under way
	flying  int64 // of those, under way
	strikes int
	failed  error
	lagging bool
	closed  bool
	wg      sync.WaitGroup
}

// NewLane opens the lane to a provider. The caller ends it with Drain, or with Close, which cancels.
func NewLane(ctx context.Context, p Provider, bit uint16, x *Index, t *report.Tracker, b *Bell) *Lane {
	l := &Lane{Provider: p, Bit: bit, index: x, track: t, bell: b, opened: time.Now()}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.room = sync.NewCond(&l.mu)
	for range LaneWorkers {
		l.wg.Go(l.work)
	}
	return l
}

// offer hands a chunk over. It reports false when the provider cannot take it now. With wait, room is waited for as
// long as the lane's patience lasts: it bounds what one provider, however slow, adds to the time that the platform's
// snapshot is held. Without, no other provider takes it: one that lags is back as soon as there is room.
func (l *Lane) offer(s *Sealed, wait bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(s.Body))
	if l.lagging && l.waiting == 0 {
		l.setLagging(false)
	}
	if l.lagging && !wait && l.waiting+size <= laneBytes {
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
	l.track.Provider(l.Name, func(p *report.ProviderProgress) { p.Lag++ })
	return true
}

// wake lets whoever waits look again. It takes the lock, so that no wake-up falls between a look and the wait.
func (l *Lane) wake() {
	l.mu.Lock()
	l.room.Broadcast()
	l.mu.Unlock()
}

func (l *Lane) setLagging(lagging bool) {
	l.lagging = lagging
	l.track.Provider(l.Name, func(p *report.ProviderProgress) {
		p.State = report.ItemRunning
		if lagging {
			p.State = report.ItemLagging
		}
	})
}

// work uploads until the lane is closed and empty, or given up.
func (l *Lane) work() {
	for {
		l.mu.Lock()
		for !l.ready() {
			l.room.Wait()
		}
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return
		}
		s := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.flying += int64(len(s.Body))
		given := l.failed != nil
		l.mu.Unlock()
		var err error
		if !given {
			_, err = l.index.put(l.ctx, l.Store, l.Bit, s)
		}
		l.finish(s, given, err)
	}
}

// ready reports whether a worker has something to do. The lock is held.
func (l *Lane) ready() bool {
	if len(l.queue) == 0 {
		return l.closed
	}
	return l.failed != nil || mayFly(l.Store, l.flying, int64(len(l.queue[0].Body)))
}

func (l *Lane) finish(s *Sealed, given bool, err error) {
	defer l.bell.ring()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting -= int64(len(s.Body))
	l.flying -= int64(len(s.Body))
	l.room.Broadcast()
	switch {
	case given || l.failed != nil:
	case err == nil:
		l.strikes = 0
	default:
		l.strikes++
		if (l.strikes >= laneStrikes || errors.Is(err, storage.ErrTimeout)) && l.ctx.Err() == nil {
			l.failed = err
			l.cancel() // what is under way is not waited for
			l.track.Warnf("Provider %s is given up for now. %s What it misses is copied to it later.",
				l.Name, storage.Explain(err))
		}
	}
	l.track.Provider(l.Name, func(p *report.ProviderProgress) {
		p.Lag--
		switch {
		case l.failed != nil:
			p.State, p.Error = report.ItemFailed, storage.Explain(l.failed)
		case err != nil:
			p.Error = storage.Explain(err)
		case !given:
			p.Confirmed++
			p.Bytes += int64(len(s.Body))
		}
	})
}

// Effort says how much processor time sealing may take. It asks for smaller chunks only while chunks wait for a
// provider anyhow.
func Effort(lanes []*Lane) repository.Effort {
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

// Drain closes the lane and waits for its uploads. Those of a lane that was given up are cancelled already.
func (l *Lane) Drain() {
	l.mu.Lock()
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	l.wg.Wait()
}

// End records how the provider ended. A nil error means that it has everything.
func (l *Lane) End(err error) {
	l.mu.Lock()
	l.failed = err
	l.mu.Unlock()
}

// Close cancels the uploads under way and waits for their end.
func (l *Lane) Close() {
	l.cancel()
	l.Drain()
}

// Send hands a chunk to every lane. It returns when at least one lane has taken it, so that the fastest provider
// bounds the memory.
func Send(ctx context.Context, lanes []*Lane, s *Sealed, skip uint16) error {
	taken := skip != 0
	for _, l := range lanes {
		if skip&l.Bit == 0 && l.offer(s, true) {
			taken = true
		}
	}
	for !taken {
		rung := lanes[0].bell.next()
		alive := false
		for _, l := range lanes {
			taken = taken || l.offer(s, false)
			l.mu.Lock()
			alive = alive || l.failed == nil
			l.mu.Unlock()
		}
		if taken {
			break
		}
		if !alive {
			return AllFailed(lanes)
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// AllFailed returns why no provider takes anything any more, or nil while one does.
func AllFailed(lanes []*Lane) error {
	text := ""
	for _, l := range lanes {
		l.mu.Lock()
		text += fmt.Sprintf(" Provider %s: %s", l.Name, storage.Explain(l.failed))
		l.mu.Unlock()
	}
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"no provider takes the backup, so there is no new recovery point.%s", text)
}
