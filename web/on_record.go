package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// requestRecorder puts requests on record.
type requestRecorder interface {
	RecordRequest(ctx context.Context, actor keepsake.Actor, r auth.Refusal) error
}

// recordTime bounds putting a request on record: its answer waits for it.
const recordTime = 2 * time.Second

// reasonKey is why a request was refused that came to no use case.
const reasonKey = "refused because"

// onRecord puts a refused request on record before it is answered, where nothing else did: use cases record what they
// refuse, and many requests come to none, from another site, without a session, with a form that is none.
func onRecord(record requestRecorder, log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if record == nil {
				return next(c)
			}
			c.Response().Before(func() {
				ctx := c.Request().Context()
				refusal, refused := refusalOf(c)
				if !refused || keepsake.RequestOf(ctx).Settled() {
					return
				}
				actor, _ := handlers.ActorOf(c)
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
				defer cancel()
				if err := record.RecordRequest(ctx, actor, refusal); err != nil {
					log.ErrorContext(ctx, "a refused request could not be recorded", "request_id", handlers.RequestID(ctx), "err", err)
				}
			})
			return next(c)
		}
	}
}

// refusalOf returns what is to be put on record of the answer that c is about to give. Nothing is where no such page
// is, nothing was attempted by who opened the sign-in page, and a page that could not be shown, or a database that is
// away, is for the log.
func refusalOf(c echo.Context) (auth.Refusal, bool) {
	status := c.Response().Status
	reason, _ := c.Get(reasonKey).(string)
	r := auth.Refusal{Status: status, Reason: reason, Origin: c.Request().Header.Get("Origin")}
	_, known := handlers.ActorOf(c)
	looks := c.Request().Method == http.MethodGet || c.Request().Method == http.MethodHead
	switch {
	case reason != "":
		return r, true
	case status == http.StatusUnauthorized:
		r.Reason = "no token"
		return r, true
	case status < http.StatusBadRequest, status == http.StatusServiceUnavailable, status == statusGone,
		strings.HasSuffix(c.Path(), "/*"), status == http.StatusMethodNotAllowed:
		return r, false
	}
	return r, !looks || known && status < http.StatusInternalServerError
}
