package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/wedsync/keepsake/handlers"
)

// graceful is how long running requests may take to finish when the server stops.
const graceful = 10 * time.Second

// clientTimeouts are how long a client may take.
type clientTimeouts struct {
	headers, request, answer, idle time.Duration
}

// defaultTimeouts are enough for a phone at the edge of a field, and too little to hold connections open for nothing.
var defaultTimeouts = clientTimeouts{
	headers: 10 * time.Second,
	request: 30 * time.Second,
	answer:  60 * time.Second,
	idle:    2 * time.Minute,
}

// maxHeaders bounds the headers of a request, in bytes.
const maxHeaders = 64 << 10

// Serve answers requests on listener with handler until ctx ends, and then lets running requests finish. Streams end
// at once. Serve closes the listener. It writes faults of connections, such as a failed TLS handshake, to log.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	return serve(ctx, listener, handler, log, defaultTimeouts)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, p clientTimeouts) error {
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
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelInfo),
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
