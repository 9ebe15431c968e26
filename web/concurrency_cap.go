package web

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// mostStreams is how many streams one account may have open at one process: more than anybody looks at. Each asks the
	// console database for the operation whenever it changes, so that some thousand of one stolen session would leave no
	// connection for anybody else's page.
	mostStreams = 32
	// mostDownloads is how many downloads and verifications of the trail of one account may run at one process: more than
	// anybody waits for. Each keeps a processor busy, and sixty of one stolen session let everybody else wait a quarter of
	// a minute to sign in.
	mostDownloads = 6
	// retryAfter is when to try again: somebody has closed a page, or a download has ended, by then.
	retryAfter = 15 * time.Second
)

// concurrencyCap bounds how many answers that take long each account has open. Its sessions and tokens count together,
// or more of them would be a way around. Every process counts its own: it is its connections and processors that are
// bounded.
type concurrencyCap struct {
	most  int
	words string // to who has most of them open
	mu    sync.Mutex
	open  map[string]int
}

func newStreamCap() *concurrencyCap {
	return &concurrencyCap{
		most: mostStreams,
		open: map[string]int{},
		words: fmt.Sprintf("You are already watching %d operations live, the most that one account may at once. What runs "+
			"goes on. Close some pages that show a running operation, or look under Sessions whether somebody else has "+
			"opened them.", mostStreams),
	}
}

func newDownloadCap() *concurrencyCap {
	return &concurrencyCap{
		most: mostDownloads,
		open: map[string]int{},
		words: fmt.Sprintf("%d downloads and verifications of the audit trail run for you already, the most that one "+
			"account may have at once. Wait until one has ended, "+
			"or look under Sessions whether somebody else has started them: ending their session ends what they download.",
			mostDownloads),
	}
}

// limit refuses one more to who has too many open. It stands behind what finds out who is asking.
func (w *concurrencyCap) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who := handlers.ActorFrom(c.Request().Context()).ID
		if !w.enter(who) {
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
			return &keepsake.Error{Code: keepsake.CodeLimited, Message: w.words}
		}
		defer w.leave(who)
		return next(c)
	}
}

// limitAt is limit for some routes among others.
func (w *concurrencyCap) limitAt(paths ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		limited := w.limit(next)
		return func(c echo.Context) error {
			if slices.Contains(paths, c.Path()) {
				return limited(c)
			}
			return next(c)
		}
	}
}

func (w *concurrencyCap) enter(who string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[who] >= w.most {
		return false
	}
	w.open[who]++
	return true
}

func (w *concurrencyCap) leave(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[who]--; w.open[who] == 0 {
		delete(w.open, who)
	}
}
