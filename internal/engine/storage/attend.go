package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// DefaultSilence is how long a store may be silent in an operation for which nobody waits.
const DefaultSilence = 15 * time.Second

const (
	// leastSpeed is what a store must reach, in bytes a second,
	// whose transfer cannot be watched; slower only if it was measured.
	leastSpeed = 1 << 20
	// mostAlone is how much of a transfer can be under way unseen: in the buffers of two kernels, or a whole chunk.
	mostAlone = 8 << 20
	// mostUnseen is the same of an answer, whose bytes are seen as they come.
	mostUnseen = 1 << 20
	// leastDisk is what a disk must reach, in bytes a second, that makes durable what it was given.
	leastDisk = 32 << 20
	// syncStep is how much is stored before it is made durable. Without steps, a disk that hangs at the end could not be
	// told from one that has gigabytes to write.
	syncStep = 384 << 20
	// mostSilence bounds the silence of a store that was measured to be very slow.
	mostSilence = 90 * time.Second
)

// SilentError says that an operation gave a store up because it was silent.
type SilentError struct {
	For   time.Duration
	Doing string // "storing chunks"
}

// Error implements error.
func (e *SilentError) Error() string {
	return fmt.Sprintf("it did not answer for %.0f s while %s", e.For.Seconds(), e.Doing)
}

func (e *SilentError) happened() string {
	return fmt.Sprintf("It did not answer for %.0f s while %s, so it was given up for now.", e.For.Seconds(), e.Doing)
}

// Unwrap returns ErrTimeout.
func (e *SilentError) Unwrap() error { return ErrTimeout }

// Attended is a store in the hands of one operation. When the store is silent for too long, the waiting call ends and
// all others with it, and every later call fails at once. So a store that hangs costs an operation that time once,
// however many calls it makes. A store that answers is not silent, even when it answers with an error, and neither is
// one whose bytes move. Too long is the silence that the operation allows, and the time that a chunk takes at the
// measured throughput.
type Attended struct {
	p Provider

	mu      sync.Mutex
	silence time.Duration
	told    func()
	silent  error
	calls   map[*call]struct{}
	written int64        // bytes that no Sync has made durable yet
	heard   [2]time.Time // by direction

	step chan struct{} // full while a step is made durable
}

// The directions in which bytes go.
// A store that can be read and hangs when it is written is found out by keeping them apart.
const (
	asking = iota
	storing
)

// call is one call that is under way.
type call struct {
	a       *Attended
	to      int // direction
	size    int64
	extra   time.Duration // that it is allowed on top
	doing   string
	started time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	bytes   int // since the last time that they counted
}

// Attend returns p for one operation, with the silence that this operation allows. told, when set, is called when p
// is given up; it asks nothing of p.
func Attend(p Provider, silence time.Duration, told func()) *Attended {
	if told == nil {
		told = func() {}
	}
	return &Attended{p: begin(p), silence: silence, told: told, calls: map[*call]struct{}{}, step: make(chan struct{}, 1)}
}

// Allow changes the silence that the operation allows.
func (a *Attended) Allow(silence time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silence = silence
}

// Waiting returns for how long the store has been silent while a call waits for it.
func (a *Attended) Waiting() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var longest time.Duration
	for c := range a.calls {
		longest = max(longest, time.Since(a.since(c)))
	}
	return longest
}

func (a *Attended) speed() float64 { return Speed(a.p) }

// since is when something was last heard that speaks for a call. The lock is held.
func (a *Attended) since(c *call) time.Time {
	if a.heard[c.to].After(c.started) {
		return a.heard[c.to]
	}
	return c.started
}

// patience is how long the store may be silent now. The lock is held.
func (a *Attended) patience(to int) time.Duration {
	var all, largest int64
	var extra time.Duration
	for c := range a.calls {
		if c.to == to {
			all += c.size
			largest = max(largest, c.size)
			extra = max(extra, c.extra)
		}
	}
	all, largest = min(all, mostAlone), min(largest, mostAlone)
	p := a.silence + lasting(all, leastSpeed)
	if s := Speed(a.p); s > 0 && s < leastSpeed {
		// What was measured is the speed of one call among others, so that their sizes are not added to it as well; that they
		// have become more since is allowed for.
		p = min(a.silence+min(2*lasting(all, s), 3*lasting(largest, s)), max(p, mostSilence))
	}
	return p + extra
}

// moved implements meter.
func (c *call) moved(n int) {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	if c.bytes += n; c.bytes >= meterStep {
		c.bytes = 0
		c.a.heard[c.to] = time.Now()
	}
}

// look ends everything when the store was silent for too long, and else says when to look again.
func (c *call) look() {
	a := c.a
	a.mu.Lock()
	if _, running := a.calls[c]; !running || a.silent != nil {
		a.mu.Unlock()
		return
	}
	silent, patience := time.Since(a.since(c)), a.patience(c.to)
	if silent < patience {
		c.timer.Reset(patience - silent)
		a.mu.Unlock()
		return
	}
	a.giveUp(silent, c.doing)
	a.mu.Unlock()
	a.told()
}

// giveUp ends all calls. The lock is held.
func (a *Attended) giveUp(silent time.Duration, doing string) {
	a.silent = &SilentError{For: silent, Doing: doing}
	for c := range a.calls {
		c.cancel(a.silent)
	}
}

// do runs one call.
func (a *Attended) do(ctx context.Context, c *call, op func(context.Context) error) error {
	ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	a.mu.Lock()
	if a.silent != nil {
		defer a.mu.Unlock()
		return a.silent
	}
	c.a, c.started = a, time.Now()
	a.calls[c] = struct{}{}
	// Calls beside it may end in a moment, so the time that they are given is added when the first look finds them.
	c.timer = time.AfterFunc(a.silence+c.extra, c.look)
	a.mu.Unlock()
	hung, err := a.done(ctx, c, op(withMeter(ctx, c)))
	if hung {
		a.told()
	}
	return err
}

// done notes how a call ended. It returns whether the store is given up for it, and the call's error.
func (a *Attended) done(ctx context.Context, c *call, err error) (hung bool, _ error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.timer.Stop()
	delete(a.calls, c)
	switch {
	case err != nil && a.silent != nil:
		return false, a.silent
	case errors.Is(err, ErrTimeout) && ctx.Err() == nil: // each of its attempts
		a.giveUp(time.Since(a.since(c)), c.doing)
		return true, a.silent
	case err == nil || ctx.Err() == nil:
		a.heard[c.to] = time.Now()
	}
	return false, err
}

// Put implements Provider.
func (a *Attended) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	size := int64(len(body))
	err := a.do(ctx, &call{to: storing, size: size, doing: "it was to store " + kindOfObject(key)},
		func(ctx context.Context) error {
			return a.p.Put(ctx, key, body, sum, replace)
		})
	if err != nil || a.stored(size) < syncStep {
		return err
	}
	return a.syncStep(ctx)
}

// syncStep makes durable what was stored, once for all calls that have come so far.
func (a *Attended) syncStep(ctx context.Context) error {
	select {
	case a.step <- struct{}{}:
		defer func() { <-a.step }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.stored(0) < syncStep { // another call has done it meanwhile
		return nil
	}
	return a.Sync(ctx)
}

// stored adds to what no Sync has made durable yet, and returns it.
func (a *Attended) stored(size int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written += size
	return a.written
}

// Get implements Provider.
func (a *Attended) Get(ctx context.Context, key string, limit int64) (body []byte, err error) {
	err = a.do(ctx, &call{to: asking, size: min(limit, mostUnseen), doing: "it was to give " + kindOfObject(key)},
		func(ctx context.Context) error {
			got, err := a.p.Get(ctx, key, limit)
			if err == nil {
				body = got
			}
			return err
		})
	return body, err
}

// Stat implements Provider.
func (a *Attended) Stat(ctx context.Context, key string) (o Object, err error) {
	err = a.do(ctx, &call{to: asking, doing: "it was asked for " + kindOfObject(key)},
		func(ctx context.Context) (err error) {
			o, err = a.p.Stat(ctx, key)
			return err
		})
	return o, err
}

// List implements Provider.
func (a *Attended) List(ctx context.Context, prefix string, fn func(Object) error) error {
	return a.do(ctx, &call{to: asking, doing: "it was to list " + kindOfObject(prefix)}, func(ctx context.Context) error {
		return a.p.List(ctx, prefix, func(o Object) error {
			defer moved(ctx, meterStep)
			return fn(o)
		})
	})
}

// Delete implements Provider.
func (a *Attended) Delete(ctx context.Context, key string) error {
	return a.do(ctx, &call{to: storing, doing: "it was to remove " + kindOfObject(key)},
		func(ctx context.Context) error { return a.p.Delete(ctx, key) })
}

// Sync implements Provider.
func (a *Attended) Sync(ctx context.Context) error {
	a.mu.Lock()
	written := a.written
	a.written = 0 // of several at once one takes it off, and all are given the time for it
	a.mu.Unlock()
	extra := lasting(written, leastDisk)
	err := a.do(ctx, &call{to: storing, extra: extra, doing: "it was to make durable what it has"}, a.p.Sync)
	if err != nil {
		a.stored(written)
	}
	return err
}

// MakePlace makes the place of the store behind: see MakePlace.
func (a *Attended) MakePlace(ctx context.Context) error {
	return a.do(ctx, &call{to: storing, doing: "its place was to be made"}, func(ctx context.Context) error {
		return untilDone(ctx, func(ctx context.Context) error { return MakePlace(ctx, a.p) })
	})
}

// public passes the question on. Others than the store may be asked for it, so that silence says nothing of the store.
func (a *Attended) public(ctx context.Context, key string) string {
	a.mu.Lock()
	silent, silence := a.silent, a.silence
	a.mu.Unlock()
	if silent != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return Public(ctx, a.p, key)
}

// kindOfObject says in words what kind of object a key names.
func kindOfObject(key string) string {
	folder, _, found := strings.Cut(key, "/")
	switch {
	case folder == "chunks":
		return "chunks"
	case folder == "manifests":
		return "a recovery point's manifest"
	case folder == "notes":
		return "notes"
	case folder == "undo":
		return "what an undo needs"
	case !found && key != "":
		return key
	}
	return "objects"
}
