package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/singleflight"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// readyTime is how long the console database may take to show that it answers.
const readyTime = 3 * time.Second

// ready tells a load balancer or a monitor whether this process can do its whole work: 200, or 503 and why not in one
// line. Whoever asks meanwhile shares one look, so that strangers cannot keep the console database busy.
func ready(look func(context.Context) error) echo.HandlerFunc {
	var looks singleflight.Group
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		if look == nil {
			return c.String(http.StatusOK, "ready\n")
		}
		ctx := context.WithoutCancel(c.Request().Context()) // others wait for the same look
		_, err, _ := looks.Do("", func() (any, error) {
			ctx, cancel := context.WithTimeout(ctx, readyTime)
			defer cancel()
			return nil, look(ctx)
		})
		if err != nil {
			return c.String(http.StatusServiceUnavailable, "not ready: "+keepsake.MessageOf(err)+"\n")
		}
		return c.String(http.StatusOK, "ready\n")
	}
}
