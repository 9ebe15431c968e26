package keepsake

import (
	"context"
	"time"
)

// Request is the HTTP request that something is done for: its number, for logs and the audit trail, when it came, and what sent it.
type Request struct {
	ID        string
	Started   time.Time
	UserAgent string
}

type requestKey struct{}

// WithRequest returns ctx carrying the request.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns the request that ctx carries, or the zero Request.
func RequestOf(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}
