// Package progress carries what a running operation says from the worker that runs it to whoever watches, in any
// process: the Reporter writes it to the console database, the Hub hears of it through LISTEN/NOTIFY. It never waits
// for a watcher.
package progress

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wedsync/keepsake/db"
)

// The channels of NOTIFY. The payload of each is the id of an operation.
const (
	ChannelChanged = "keepsake_changed" // something new is in the operation's row or log
	ChannelCancel  = "keepsake_cancel"  // somebody asked to cancel it
)

// How long the hub waits before it tries to listen again.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Hub wakes watchers of operations. One connection per process listens; when it breaks, the hub connects again and
// wakes everybody, because something may have been missed.
type Hub struct {
	db  *db.DB
	log *slog.Logger

	mu       sync.Mutex
	watchers map[string]map[*Watch]struct{}
}

// Watch is one watcher of one operation.
type Watch struct {
	hub  *Hub
	key  string
	wake chan struct{}
}

// NewHub returns a hub that hears nothing until Run.
func NewHub(d *db.DB, log *slog.Logger) *Hub {
	return &Hub{db: d, log: log, watchers: map[string]map[*Watch]struct{}{}}
}

// Watch registers for one channel and operation. Register first, then read the state: what happens in between wakes.
func (h *Hub) Watch(channel, operation string) *Watch {
	w := &Watch{hub: h, key: channel + " " + operation, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[w.key] == nil {
		h.watchers[w.key] = map[*Watch]struct{}{}
	}
	h.watchers[w.key][w] = struct{}{}
	return w
}

// C receives when there may be something new. Wake-ups that nobody took yet become one.
func (w *Watch) C() <-chan struct{} { return w.wake }

// Stop ends the watch. It may be called more than once.
func (w *Watch) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watchers[w.key], w)
	if len(w.hub.watchers[w.key]) == 0 {
		delete(w.hub.watchers, w.key)
	}
}

// Run listens until ctx ends, which is no error.
func (h *Hub) Run(ctx context.Context) {
	waits := &backoff.ExponentialBackOff{InitialInterval: firstRetry, Multiplier: 2, MaxInterval: lastRetry}
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		began := time.Now()
		err := h.listen(ctx)
		if time.Since(began) > lastRetry {
			waits.Reset()
		}
		return struct{}{}, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		h.log.WarnContext(ctx, "live updates are late: listening to the console database broke off",
			"err", err, "retry_in", wait)
	}))
}

// listen wakes watchers until it fails, or ctx ends.
func (h *Hub) listen(ctx context.Context) error {
	conn, err := h.db.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "listen "+ChannelChanged+"; listen "+ChannelCancel); err != nil {
		return err
	}
	h.wake("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		h.wake(n.Channel + " " + n.Payload)
	}
}

// wake wakes the watchers of a key, or all of them.
func (h *Hub) wake(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if key != "" {
		signal(h.watchers[key])
		return
	}
	for _, watchers := range h.watchers {
		signal(watchers)
	}
}

func signal(watchers map[*Watch]struct{}) {
	for w := range watchers {
		select {
		case w.wake <- struct{}{}:
		default: // it has not taken the last one yet
		}
	}
}

// Watching returns how many watches there are, for tests and metrics.
func (h *Hub) Watching() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for key, w := range h.watchers {
		if strings.HasPrefix(key, ChannelChanged) {
			n += len(w)
		}
	}
	return n
}
