package handlers

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// stepPath is the page that asks for the second step of signing in.
func stepPath(next string, recovery bool) string {
	q := url.Values{}
	if next != "/" {
		q.Set("next", next)
	}
	if recovery {
		q.Set("use", "recovery")
	}
	if len(q) == 0 {
		return "/sign-in/code"
	}
	return "/sign-in/code?" + q.Encode()
}

// stepPage is the page for a step, by authenticator or by recovery code.
func stepPage(c echo.Context, pages Pages, step auth.Step, next string, recovery bool) views.SignInStep {
	vm := views.SignInStep{Shell: pages.Shell(c, "Sign in", ""), Email: step.Email, Next: next, Recovery: recovery &&
		step.Recoverable()}
	if step.Recoverable() {
		vm.Other = stepPath(next, !vm.Recovery)
	}
	return vm
}

// ShowStep draws the form for the second step of a sign-in.
func ShowStep(pages Pages, cookie SignInCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		next := LocalPath(c.QueryParam("next"))
		step, ok := cookie.Step(c.Request())
		if !ok || !pages.Now().Before(step.Until) {
			return beginAgain(c, cookie, next)
		}
		return Render(c, http.StatusOK, views.SignInStepPage(
			stepPage(c, pages, step, next, c.QueryParam("use") == "recovery")))
	}
}

// ContinueSignIn checks the code and starts the session.
func ContinueSignIn(pages Pages, sessions SessionStarter, cookie SignInCookie) echo.HandlerFunc {
	return func(c echo.Context) error {
		next := LocalPath(c.FormValue("next"))
		step, ok := cookie.Step(c.Request())
		if !ok {
			return beginAgain(c, cookie, next)
		}
		vm := stepPage(c, pages, step, next, c.FormValue("use") == "recovery")
		code := keepsake.Secret(c.FormValue("code"))
		if code.Reveal() == "" {
			vm.Error = "Type the code."
			return Render(c, http.StatusUnprocessableEntity, views.SignInStepPage(vm))
		}
		session, err := sessions.Continue(c.Request().Context(), step, code,
			auth.Credentials{Address: c.RealIP(), UserAgent: c.Request().UserAgent()})
		switch kind := keepsake.CodeOf(err); {
		case err == nil:
		case kind == keepsake.CodeNotFound:
			return beginAgain(c, cookie, next)
		case kind == keepsake.CodeForbidden || kind == keepsake.CodeInvalid || kind == keepsake.CodeWrongKey:
			if after, ok := auth.NextStep(err); ok {
				if err := cookie.SetStep(c, &after); err != nil {
					return err
				}
			}
			vm.Error = draw.Sentence(keepsake.MessageOf(err))
			return Render(c, http.StatusUnprocessableEntity, views.SignInStepPage(vm))
		default:
			return err
		}
		if err := cookie.SetStep(c, nil); err != nil {
			return err
		}
		if session.Recovered && !pages.Standby {
			next = afterRecovery(next)
		}
		return enter(c, sessions, cookie, session, next)
	}
}

// beginAgain forgets a sign-in that cannot be finished.
func beginAgain(c echo.Context, cookie SignInCookie, next string) error {
	if err := cookie.SetStep(c, nil); err != nil {
		return err
	}
	q := url.Values{"ended": {"step"}}
	if next != "/" {
		q.Set("next", next)
	}
	return redirect(c, "/sign-in?"+q.Encode())
}
