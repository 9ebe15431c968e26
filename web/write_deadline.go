package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// pieceTimeout is how long a browser may take for the next piece of a download before it is given up.
const pieceTimeout = 60 * time.Second

// deadlinePerPiece lets an answer take as long as it needs while the browser keeps taking it: the server's time for a
// whole answer becomes the time for each piece of it.
func deadlinePerPiece(each time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Response()
			r.Writer = &deadlineWriter{ResponseWriter: r.Writer, control: http.NewResponseController(r.Writer), each: each}
			return next(c)
		}
	}
}

// deadlineByPath gives requests to the long ones among the paths the time of a download, and all others that of a
// comparison.
func deadlineByPath(long ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		download, comparison := deadline(longTimeout)(deadlinePerPiece(pieceTimeout)(next)), deadline(wideTimeout)(next)
		return func(c echo.Context) error {
			if slices.Contains(long, c.Path()) {
				return download(c)
			}
			return comparison(c)
		}
	}
}

type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
}

// Unwrap is for http.ResponseController.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *deadlineWriter) WriteHeader(status int) {
	w.more()
	w.ResponseWriter.WriteHeader(status)
}

func (w *deadlineWriter) Write(p []byte) (int, error) {
	w.more()
	return w.ResponseWriter.Write(p)
}

// more moves the deadline on. A writer that has none, such as a test's, needs no time.
func (w *deadlineWriter) more() { _ = w.control.SetWriteDeadline(time.Now().Add(w.each)) }
