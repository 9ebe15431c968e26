package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// SaveTheme keeps the colours a person chose in a cookie, and comes back to the page.
func SaveTheme(secure func(*http.Request) bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		theme := c.FormValue("theme")
		if !validTheme(theme) {
			return keepsake.Errorf(keepsake.CodeInvalid, "there are no colours named %q: choose auto, light or dark", theme)
		}
		c.SetCookie(&http.Cookie{
			Name:     ThemeCookie,
			Value:    theme,
			Path:     "/",
			MaxAge:   365 * 24 * 3600,
			HttpOnly: true,
			Secure:   secure(c.Request()),
			SameSite: http.SameSiteLaxMode,
		})
		return redirect(c, LocalPath(c.FormValue("next")))
	}
}
