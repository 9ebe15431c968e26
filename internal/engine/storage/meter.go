package storage

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

// meterStep is how many bytes must have moved before a transfer counts as going on: one that trickles is no better than
// one that hangs.
const meterStep = 16 << 10

// meter learns that bytes of a call move. It travels in the call's context, because only the store itself sees them.
type meter interface{ moved(bytes int) }

type meterKey struct{}

func withMeter(ctx context.Context, m meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// withoutMeter is for a second attempt: a server that was stopped still lets its kernel take the beginning of a body,
// so that bytes which are sent again prove nothing.
func withoutMeter(ctx context.Context) context.Context {
	return context.WithValue(ctx, meterKey{}, meter(nil))
}

// moved tells the meter of ctx, if there is one, that so many bytes went over to the store or came from it.
func moved(ctx context.Context, n int) {
	if m, _ := ctx.Value(meterKey{}).(meter); m != nil {
		m.moved(n)
	}
}

// sending is a body whose reading is metered: a client reads on as the store takes what was read.
type sending struct {
	ctx  context.Context //nolint:containedctx // it belongs to one call
	body *bytes.Reader
}

func metered(ctx context.Context, body []byte) *sending {
	return &sending{ctx: ctx, body: bytes.NewReader(body)}
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	moved(s.ctx, n)
	return n, err
}

func (s *sending) Seek(offset int64, whence int) (int64, error) { return s.body.Seek(offset, whence) }

// receiving is an answer whose reading is metered.
type receiving struct {
	ctx context.Context //nolint:containedctx // it belongs to one call
	r   io.Reader
}

func (r receiving) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	moved(r.ctx, n)
	return n, err
}

// pace is how fast a store was found to be: the bytes of its latest operations by the time that they took.
type pace struct {
	mu      sync.Mutex
	bytes   float64
	seconds float64
}

const (
	paceFrom  = 64 << 10 // smaller operations measure the way to the store and not its throughput
	paceDecay = 0.8      // what an earlier operation weighs after each later one
)

func (p *pace) took(size int, d time.Duration) {
	if size < paceFrom {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes, p.seconds = p.bytes*paceDecay+float64(size), p.seconds*paceDecay+max(d.Seconds(), 1e-6)
}

// speed is in bytes a second for one operation among those that run at once; 0 while nothing was measured.
func (p *pace) speed() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seconds == 0 {
		return 0
	}
	return p.bytes / p.seconds
}

// Speed returns the measured throughput of a store in bytes a second, or 0 while nothing was measured. It knows the
// stores that Retry and Attend return.
func Speed(p Provider) float64 {
	if s, ok := p.(interface{ speed() float64 }); ok {
		return s.speed()
	}
	return 0
}

// lasting is how long size bytes take at a speed.
func lasting(size int64, speed float64) time.Duration {
	return time.Duration(min(float64(size)/speed*float64(time.Second), float64(maxPatience)))
}
