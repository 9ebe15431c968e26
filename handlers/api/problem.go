package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Problem is an error in the form of RFC 9457.
type Problem struct {
	Type    string       `json:"type" format:"uri-reference" doc:"What kind of problem it is; about:blank means what the status means" example:"about:blank"`
	Title   string       `json:"title" doc:"The status in words"`
	Status  int          `json:"status" doc:"The HTTP status"`
	Detail  string       `json:"detail,omitempty" doc:"What happened, what it means for the data, and what to do"`
	Code    string       `json:"code" doc:"For machines: invalid, not_found, conflict, forbidden, proof (the password first), limited, unavailable, unknown (it may have happened: look before doing it again), wrong_key, damaged, unprotected, cancelled, unsupported, internal"`
	Errors  []FieldError `json:"errors,omitempty" doc:"Each field that is wrong"`
	Request string       `json:"request_id,omitempty" doc:"Name it when you ask for help"`

	cause   error
	headers http.Header
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Location string `json:"location" doc:"Where it is, such as body.note"`
	Message  string `json:"message"`
}

// Error returns the words.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the problem, such as Retry-After.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is that of problem documents.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Unwrap returns the error that caused the problem, for the log.
func (p *Problem) Unwrap() error { return p.cause }

// internal is what anybody may read of a fault inside Keepsake.
const internal = "This request was not carried out. Your backups are not affected. Try again; if it happens again, " +
	"the log has the cause."

func newProblem(status int, code keepsake.Code, detail string) *Problem {
	return &Problem{
		Type:   "about:blank",
		Title:  http.StatusText(status),
		Status: status,
		Code:   string(code),
		Detail: detail,
	}
}

// codes are the codes of what the HTTP layer itself refuses.
var codes = map[int]keepsake.Code{http.StatusNotFound: keepsake.CodeNotFound,
	http.StatusUnauthorized: keepsake.CodeForbidden, http.StatusForbidden: keepsake.CodeForbidden,
	http.StatusConflict: keepsake.CodeConflict, http.StatusTooManyRequests: keepsake.CodeLimited,
	http.StatusServiceUnavailable: keepsake.CodeUnavailable, http.StatusInternalServerError: keepsake.CodeInternal}

func init() { //nolint:gochecknoinits // huma makes its own errors by these, before any of ours is asked
	huma.ValidateStrictCasing = true  // Type is not type, and is unknown
	huma.DefaultArrayNullable = false // a list without items is empty, never null
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		code, known := codes[status]
		if !known {
			code = keepsake.CodeInvalid
		}
		p := newProblem(status, code, message)
		for _, err := range errs {
			var d huma.ErrorDetailer
			switch {
			case err == nil:
			case errors.As(err, &d): // without the value: it may be a password
				p.Errors = append(p.Errors, FieldError{Location: d.ErrorDetail().Location, Message: d.ErrorDetail().Message})
			default:
				p.Errors = append(p.Errors, FieldError{Location: "body", Message: err.Error()})
			}
		}
		return p
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		if ctx != nil && status == http.StatusUnprocessableEntity {
			errs = append(slices.Clone(wrongQuery(ctx.Context())), errs...)
		}
		p, ok := huma.NewError(status, message, errs...).(*Problem)
		if ok && ctx != nil {
			p.Request = handlers.RequestID(ctx.Context())
		}
		return p
	}
}

// invalid names what is wrong.
func invalid(ctx context.Context, wrong []error) error {
	err := huma.NewError(http.StatusUnprocessableEntity, "validation failed", wrong...)
	if p, ok := err.(*Problem); ok {
		p.Request = handlers.RequestID(ctx)
	}
	return err
}

// problemOf turns an error of a use case into a problem document.
func problemOf(ctx context.Context, err error) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	code := keepsake.CodeOf(err)
	if code == keepsake.CodeInternal && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = keepsake.CodeUnavailable
		err = &keepsake.Error{
			Code:    code,
			Message: "The answer took too long and was given up; nothing was lost. Try again in a moment.",
			Err:     err,
		}
	}
	p := newProblem(handlers.StatusOf(code), code, strings.TrimSpace(keepsake.MessageOf(err)))
	if code == keepsake.CodeInternal {
		p.Detail = internal
	}
	p.Request, p.cause, p.headers = handlers.RequestID(ctx), err, http.Header{}
	handlers.SetRateLimit(p.headers, err)
	return p
}

// What the HTTP layer refuses, in words for the API and for pages.
const (
	TooLarge = "A request has at most 64 KiB here, and this one has more. Nothing was changed. Shorten it and " +
		"send it again."
	TooSlow = "The request did not come whole in the time that there is for it. Nothing was changed. Send it again."
)

var refusedWords = map[int]string{http.StatusRequestEntityTooLarge: TooLarge, http.StatusRequestTimeout: TooSlow}

// WriteError answers with an error that happened outside of an action: in a middleware, or for an address that does
// not exist.
func WriteError(c echo.Context, err error) error {
	p := problemOf(c.Request().Context(), err)
	var he *echo.HTTPError
	if errors.As(err, &he) {
		code, found := codes[he.Code]
		if !found {
			code = keepsake.CodeInvalid
		}
		p = newProblem(he.Code, code, cmp.Or(refusedWords[he.Code], http.StatusText(he.Code)))
		p.Request = handlers.RequestID(c.Request().Context())
	}
	return p.write(c)
}

func (p *Problem) write(c echo.Context) error {
	for name, values := range p.headers {
		c.Response().Header()[name] = values
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.Blob(p.Status, p.ContentType(""), body)
}
