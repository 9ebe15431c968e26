package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// wholeBody reads what a request sends before anybody acts on it, so that half a form is never taken for one with empty fields: what is larger than any
// form here is 413, what does not come in the server's time for a request 408, and what breaks off is refused too.
func wholeBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength > bodyLimit {
			return echo.ErrStatusRequestEntityTooLarge
		}
		if r.Body != nil && r.Body != http.NoBody {
			body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, bodyLimit))
			if err != nil {
				return halfBody(c, err)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		return next(c)
	}
}

// halfBody says what was wrong with a body. Reading it has cancelled the request, which must be answered all the same.
func halfBody(c echo.Context, err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return echo.ErrStatusRequestEntityTooLarge
	}
	c.SetRequest(c.Request().WithContext(context.WithoutCancel(c.Request().Context())))
	c.Response().Header().Set(echo.HeaderConnection, "close")
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return echo.NewHTTPError(http.StatusRequestTimeout).SetInternal(err)
	}
	return &keepsake.Error{Code: keepsake.CodeInvalid, Message: "The request broke off before its end. Nothing was changed. Send it again.", Err: err}
}
