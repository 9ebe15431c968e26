package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type words struct{ status, title, action, href string }

var statusWords = map[int]words{
	http.StatusNotFound:              {"404 · not found", "There is nothing at this address", "Go to the overview", "/"},
	http.StatusForbidden:             {"403 · not allowed", "You may not do this", "Go to the overview", "/"},
	http.StatusConflict:              {"409 · not now", "That is not possible now", "Go to the overview", "/"},
	http.StatusRequestTimeout:        {"408 · too slow", "The request did not come in time", "Go to the overview", "/"},
	http.StatusRequestEntityTooLarge: {"413 · too large", "That was more than Keepsake takes", "Go to the overview", "/"},
	http.StatusUnprocessableEntity: {"422 · please check", "Something in that request is not right",
		"Go to the overview", "/"},
	http.StatusTooManyRequests: {"429 · too often", "That was done too often for now", "Go to the overview", "/"},
	http.StatusInternalServerError: {"500 · our fault", "Something went wrong inside Keepsake",
		"Go to the overview", "/"},
	http.StatusServiceUnavailable: {"503 · unavailable", "Keepsake cannot reach something it needs",
		"Try again", "/"},
}

// errorHandler answers every error of every handler: a page, or a partial for htmx. It logs what a person could not
// have caused, once.
func errorHandler(pages handlers.Pages, log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		r := c.Request()
		if c.Response().Committed {
			log.WarnContext(r.Context(), "answer broke off", "request_id", handlers.RequestID(r.Context()), "err", err)
			return
		}
		if errors.Is(r.Context().Err(), context.Canceled) {
			_ = c.NoContent(statusGone) // should somebody be there after all, nothing is not an answer of 200
			return
		}
		code, text := verdict(err)
		if code >= http.StatusInternalServerError {
			log.ErrorContext(r.Context(), "request failed", "request_id", handlers.RequestID(r.Context()), "path", r.URL.Path,
				"status", code, "err", keepsake.CauseOf(err))
		}
		if r.URL.Path == api.Prefix || strings.HasPrefix(r.URL.Path, api.Prefix+"/") {
			if err := api.WriteError(c, err); err != nil {
				log.ErrorContext(r.Context(), "error answer failed", "request_id", handlers.RequestID(r.Context()), "err", err)
			}
			return
		}
		handlers.SetRateLimit(c.Response().Header(), err)
		if err := handlers.Render(c, code, problem(c, pages, code, text)); err != nil {
			log.ErrorContext(r.Context(), "error page failed", "request_id", handlers.RequestID(r.Context()), "err", err)
		}
	}
}

// verdict returns the status of an error and the sentence for people. It leaves out what only the log should say.
func verdict(err error) (int, string) {
	var he *echo.HTTPError
	var ke *keepsake.Error
	switch {
	case errors.As(err, &ke):
		code := handlers.StatusOf(ke.Code)
		if ke.Code == keepsake.CodeInternal {
			return code, "This request was not carried out. Your backups are not affected. Reload the page; if it happens " +
				"again, the log has the cause."
		}
		return code, ke.Message
	case errors.As(err, &he):
		switch he.Code {
		case http.StatusNotFound:
			return he.Code, "The link may be old, or what it showed was removed. Nothing is wrong with your backups."
		case http.StatusRequestEntityTooLarge:
			return he.Code, api.TooLarge
		case http.StatusRequestTimeout:
			return he.Code, api.TooSlow
		}
		if he.Code < http.StatusInternalServerError {
			return http.StatusUnprocessableEntity,
				"Keepsake did not understand that request. Go back, check the form and send it again."
		}
	}
	return http.StatusInternalServerError, "This request was not carried out. Your backups are not affected. Reload the " +
		"page; if it happens again, the log has the cause."
}

func problem(c echo.Context, pages handlers.Pages, code int, text string) templ.Component {
	w, ok := statusWords[code]
	if !ok {
		w = statusWords[http.StatusInternalServerError]
	}
	if r := c.Request(); r.Method == http.MethodGet && !handlers.IsPartial(c) {
		switch {
		case code == http.StatusServiceUnavailable:
			w.href = handlers.LocalPath(r.URL.RequestURI())
		case code == http.StatusUnprocessableEntity && r.URL.RawQuery != "":
			w.action, w.href = "Open the page without it", handlers.LocalPath(r.URL.EscapedPath())
		}
	}
	vm := views.Problem{
		Shell:   pages.Shell(c, w.title, ""),
		Status:  w.status,
		Title:   w.title,
		Text:    text,
		Action:  w.action,
		Href:    w.href,
		Request: handlers.RequestID(c.Request().Context()),
	}
	if handlers.IsPartial(c) {
		return views.ProblemPart(vm)
	}
	return views.ProblemPage(vm)
}
