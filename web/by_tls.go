package web

import (
	"log/slog"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"
)

// warnWithoutTLS says in the log, once, that people are meant to come by https and that requests do not look as if they
// did. Their pages say it too. Cookies are then sent without Secure, and every address on record is the proxy's.
func warnWithoutTLS(log *slog.Logger, insecure func(*http.Request) bool) echo.MiddlewareFunc {
	var once sync.Once
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if r := c.Request(); insecure(r) && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
				once.Do(func() {
					log.WarnContext(r.Context(), "server.base_url says https, but a request did not come by TLS, nor from a proxy of "+
						"server.trusted_proxies that says so: cookies are not marked Secure, and addresses on record are the "+
						"proxy's. Name the proxy in server.trusted_proxies and let it send X-Forwarded-Proto and X-Forwarded-For",
						"peer", r.RemoteAddr)
				})
			}
			return next(c)
		}
	}
}
