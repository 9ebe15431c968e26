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

// recordTime is how long recording a request may take. The request's answer waits for it.
const recordTime = 2 * time.Second

// reasonKey holds why a request was refused that reached no use case.
const reasonKey = "refused because"

// onRecord records a refused request before it is answered, where nothing else has. Use cases record what they
// refuse. But many requests reach no use case: they come from another site, have no session, or have a form that
// cannot be read.
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

// refusalOf returns what to record of the answer that c is about to give. It reports false for an address that does
// not exist, because there is nothing there, and for the sign-in page, because opening it attempts nothing. It also
// reports false for a page that could not be shown and for a database that is away, because the log has those.
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
