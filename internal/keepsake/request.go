package keepsake

import (
	"context"
	"sync/atomic"
	"time"
)

// Request is the HTTP request that something is done for: its number, for logs and the audit trail, when it came, what
// sent it, from where, and what it asks for.
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

// Settle notes that the audit trail has an entry that says that the request was refused, or broke.
func (r Request) Settle() {
	if r.settled != nil {
		r.settled.Store(true)
	}
}

// Settled reports whether the audit trail has an entry that says that the request was refused, or broke. There is
// nothing to put on record where there is no request.
func (r Request) Settled() bool { return r.settled == nil || r.settled.Load() }
