package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/api"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// wholeBody reads what a request sends before anybody acts on it, so that half a form is never taken for one with empty
// fields: what is larger than any form here is 413, what does not come in the server's time for a request 408, and what
// breaks off is refused too.
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
			if err := readableForm(r, body); err != nil {
				return err
			}
		}
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil && !ofAPI(r) {
			return unreadable(err)
		}
		return next(c)
	}
}

// ofAPI reports a request to the API, which reads JSON and queries whole itself, and names what is wrong there.
func ofAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, api.Prefix+"/") }

// readableForm refuses a form that cannot be read whole. Handlers would take the missing part for empty.
func readableForm(r *http.Request, body []byte) error {
	if len(body) == 0 || ofAPI(r) {
		return nil
	}
	kind, more, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil {
		return unreadable(err)
	}
	if coding := r.Header.Get(echo.HeaderContentEncoding); coding != "" && !strings.EqualFold(coding, "identity") {
		return unreadable(fmt.Errorf("it is encoded as %q", coding))
	}
	if charset, is := more["charset"]; is &&
		!slices.Contains([]string{"utf-8", "utf8", "us-ascii"}, strings.ToLower(charset)) {
		return unreadable(fmt.Errorf("its characters are %q", charset))
	}
	var fields map[string][]string
	switch kind {
	case echo.MIMEApplicationForm:
		fields, err = url.ParseQuery(string(body))
	case echo.MIMEMultipartForm:
		var form *multipart.Form
		if form, err = multipart.NewReader(bytes.NewReader(body), more["boundary"]).ReadForm(bodyLimit); err == nil {
			fields, err = form.Value, form.RemoveAll()
		}
	default:
		err = fmt.Errorf("a form is not %q", kind)
	}
	for name, values := range fields {
		if text := name + strings.Join(values, ""); err == nil && !utf8.ValidString(text) {
			err = errors.New("it is not UTF-8")
		}
	}
	if err != nil {
		return unreadable(err)
	}
	return nil
}

func unreadable(err error) error {
	return &keepsake.Error{
		Code: keepsake.CodeInvalid,
		Message: "The form, or the address it was sent to, cannot be read whole, so nothing was done. Go back and " +
			"send it again.",
		Err: err,
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
	return &keepsake.Error{
		Code:    keepsake.CodeInvalid,
		Message: "The request broke off before its end. Nothing was changed. Send it again.",
		Err:     err,
	}
}
