package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// mostWatched is how many streams one account may have open at one process: more than anybody looks at. Each asks the console database for the
	// operation whenever it changes, so that some thousand of one stolen session would leave no connection for anybody else's page.
	mostWatched = 32
	// watchAgain is when to try again: somebody has closed a page by then.
	watchAgain = 15 * time.Second
)

// watchers counts the open streams of each account. Its sessions and tokens count together, or more of them would be a way around. Every process counts its
// own: it is its connections that are bounded.
type watchers struct {
	mu   sync.Mutex
	open map[string]int
}

// bound refuses a stream to who has too many open. It stands behind what finds out who is asking.
func (w *watchers) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who := handlers.ActorFrom(c.Request().Context()).ID
		if !w.enter(who) {
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(watchAgain.Seconds())))
			return &keepsake.Error{Code: keepsake.CodeLimited, Message: fmt.Sprintf("You watch %d operations live already, the most that one account may at once. What runs goes on. Close some pages that show a running "+
				"operation, or look under Sessions whether somebody else has opened them.", mostWatched)}
		}
		defer w.leave(who)
		return next(c)
	}
}

// boundAt is bound for the routes that are streams among others.
func (w *watchers) boundAt(streams ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		bound := w.bound(next)
		return func(c echo.Context) error {
			if c.Request().Method == http.MethodGet && slices.Contains(streams, c.Path()) {
				return bound(c)
			}
			return next(c)
		}
	}
}

func (w *watchers) enter(who string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[who] >= mostWatched {
		return false
	}
	w.open[who]++
	return true
}

func (w *watchers) leave(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[who]--; w.open[who] == 0 {
		delete(w.open, who)
	}
}
