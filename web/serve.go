package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/wedsync/keepsake/handlers"
)

// graceful is how long running requests may take to finish when the server stops.
const graceful = 10 * time.Second

// Serve listens on addr and answers with handler until ctx ends, then lets running requests finish. Streams end at once.
func Serve(ctx context.Context, addr string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return ServeListener(ctx, listener, handler)
}

// patience is how long a client may take.
type patience struct {
	headers, request, answer, idle time.Duration
}

// clientPatience is enough for a phone at the edge of a field, and too little to hold connections open for nothing.
var clientPatience = patience{headers: 10 * time.Second, request: 30 * time.Second, answer: 60 * time.Second, idle: 2 * time.Minute}

// maxHeaders bounds the headers of a request, in bytes.
const maxHeaders = 64 << 10

// ServeListener is Serve on a listener that is open already; it closes it.
func ServeListener(ctx context.Context, listener net.Listener, handler http.Handler) error {
	return serveListener(ctx, listener, handler, clientPatience)
}

func serveListener(ctx context.Context, listener net.Listener, handler http.Handler, p patience) error {
	// Requests live in a context of their own: they may finish after ctx has ended, but streams must not outlive it.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: p.headers,
		ReadTimeout:       p.request,
		WriteTimeout:      p.answer, // a stream lifts it for itself, a download moves it on
		IdleTimeout:       p.idle,
		MaxHeaderBytes:    maxHeaders,
		BaseContext:       func(net.Listener) context.Context { return handlers.WithStopping(base, ctx.Done()) },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer done()
	err := server.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		cancel()
		err = server.Close()
	}
	<-failed
	if err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}
