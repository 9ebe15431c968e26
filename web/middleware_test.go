package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// serveOne answers one request with handler behind the middleware that every request goes through.
func serveOne(t *testing.T, r *http.Request, handler echo.HandlerFunc, more ...echo.MiddlewareFunc) (
	*httptest.ResponseRecorder, string) {
	t.Helper()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	e := echo.New()
	e.HTTPErrorHandler = errorHandler(handlers.Pages{Now: time.Now, Zone: time.UTC}, logger)
	e.Use(requestID, accessLog(logger), recoverPanic)
	e.GET("/thing", handler, more...)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, log.String()
}

func TestRequestThatTheClientClosedIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest(http.MethodGet, "/thing?token=secret", nil).WithContext(ctx)
	w, log := serveOne(t, r, func(c echo.Context) error {
		cancel()
		return keepsake.Errorf(keepsake.CodeInternal, "read: %w", c.Request().Context().Err())
	})
	if w.Body.Len() != 0 || !strings.Contains(log, "status=499") || strings.Contains(log, "level=ERROR") ||
		strings.Contains(log, "secret") {
		t.Errorf("body %q, log %s", w.Body, log)
	}
}

func TestAPanicIsAnErrorPageAndALogLine(t *testing.T) {
	t.Parallel()
	// as every page has one
	w, log := serveOne(t, httptest.NewRequest(http.MethodGet, "/thing", nil),
		func(echo.Context) error { panic("boom") }, deadline(time.Minute))
	id := w.Header().Get("X-Request-ID")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), id) ||
		strings.Contains(w.Body.String(), "boom") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if !strings.Contains(log, "panic: boom") || !strings.Contains(log, "middleware_test.go") ||
		strings.Count(log, "level=ERROR") != 1 {
		t.Errorf("log: %s", log)
	}
}

func TestPageDeadlineEndsAStuckAnswer(t *testing.T) {
	t.Parallel()
	w, log := serveOne(t, httptest.NewRequest(http.MethodGet, "/thing", nil), func(c echo.Context) error {
		<-c.Request().Context().Done()
		return fmt.Errorf("read the tables: %w", c.Request().Context().Err())
	}, deadline(time.Millisecond))
	if body := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(body, "given up") ||
		strings.Contains(body, "tables") || !strings.Contains(log, "read the tables") {
		t.Errorf("status %d: %s\n%s", w.Code, body, log)
	}
}
