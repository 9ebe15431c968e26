package keepsake

import (
	"context"
	"sync/atomic"
	"time"
)

// Request describes the HTTP request on behalf of which something is done, for logs and the audit trail: its number,
// when it came, its client's program and address, and what it asks for.
type Request struct {
	ID        string
	Started   time.Time
	UserAgent string
	Address   string
	What      string // method and path, never the query

	settled *atomic.Bool
}

type requestKey struct{}

// WithRequest returns ctx carrying the request.
func WithRequest(ctx context.Context, r Request) context.Context {
	r.settled = new(atomic.Bool)
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns the request that ctx carries, or the zero Request.
func RequestOf(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}

// Settle notes that the audit trail already has an entry for the refusal or failure of this request, so that no
// middleware writes a second one.
func (r Request) Settle() {
	if r.settled != nil {
		r.settled.Store(true)
	}
}

// Settled reports whether Settle was called. It also returns true where there is no request, because then there is
// nothing to record.
func (r Request) Settled() bool { return r.settled == nil || r.settled.Load() }
