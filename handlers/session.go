package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type prover interface {
	secondStepReader
	Prove(ctx context.Context, actor keepsake.Actor, in auth.Proof) error
}

type sessionLister interface {
	secondStepReader
	ListSessions(ctx context.Context, actor keepsake.Actor) ([]auth.OpenSession, error)
}

type sessionManager interface {
	sessionLister
	EndSession(ctx context.Context, actor keepsake.Actor, id string) error
}

// proveFirst sends a person who must prove their identity again to the page for that, and back to next afterwards.
// Nothing is done until they confirm there again what they asked for.
func proveFirst(c echo.Context, next string) error {
	return redirect(c, "/prove?"+url.Values{"next": {next}}.Encode())
}

// proofNotice tells a person beforehand that the password will be asked for.
func proofNotice(c echo.Context, pages Pages, what string) []ui.Notice {
	if actor(c).Proven(pages.Now()) {
		return nil
	}
	return []ui.Notice{{
		Tone:  ui.ToneMute,
		Title: "Give your password first",
		Text:  "It has been a while since you did, and " + what + " asks for it again. You come back to this page.",
		Href:  "/prove?" + url.Values{"next": {c.Request().URL.RequestURI()}}.Encode(),
		Link:  "Give it now",
	}}
}

// ShowProve asks for the password again, or for a code where there is an authenticator.
func ShowProve(pages Pages, auth prover) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := provePage(c, pages, auth, LocalPath(c.QueryParam("next")))
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.ProvePage(vm))
	}
}

func provePage(c echo.Context, pages Pages, auth prover, next string) (views.Prove, error) {
	state, err := auth.GetSecondStep(c.Request().Context(), actor(c))
	return views.Prove{Shell: pages.Shell(c, "Your password again", ""), Next: next, Code: state.On}, err
}

// Prove checks the password or the code, and goes back to where the person came from.
func Prove(pages Pages, sessions prover) echo.HandlerFunc {
	return func(c echo.Context) error {
		next := LocalPath(c.FormValue("next"))
		in := auth.Proof{Password: keepsake.Secret(c.FormValue("password")), Code: keepsake.Secret(c.FormValue("code"))}
		err := sessions.Prove(c.Request().Context(), actor(c), in)
		if code := keepsake.CodeOf(err); err != nil && (code == keepsake.CodeInvalid || code == keepsake.CodeForbidden ||
			code == keepsake.CodeWrongKey) {
			vm, failed := provePage(c, pages, sessions, next)
			if failed != nil {
				return failed
			}
			if in.Password == "" && in.Code != "" {
				vm.CodeError = draw.Sentence(keepsake.MessageOf(err))
			} else {
				vm.Error = draw.Sentence(keepsake.MessageOf(err))
			}
			return Render(c, http.StatusUnprocessableEntity, views.ProvePage(vm))
		}
		if err != nil {
			return err
		}
		return redirect(c, next)
	}
}

// ListSessions draws a person's own sessions.
func ListSessions(pages Pages, sessions sessionLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		list, err := sessions.ListSessions(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		step, err := sessions.GetSecondStep(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm, clock := views.Sessions{Shell: pages.Shell(c, "Sessions", "")}, pages.clock()
		for _, s := range list {
			vm.List = append(vm.List, views.Session{
				ID:      s.ID,
				Device:  draw.Device(s.UserAgent),
				Agent:   s.UserAgent,
				Place:   draw.OrDash(s.Address),
				Started: clock.When(s.Started),
				Seen:    clock.When(s.Seen),
				Current: s.Current,
			})
		}
		vm.Count = format.Plural(int64(len(list)), "session", "sessions")
		if step.Local && !step.On {
			vm.Notices = []ui.Notice{{
				Tone:  ui.ToneMute,
				Title: "Your password alone opens the console",
				Text:  "Also ask for a code from your phone: then a stolen password opens nothing.",
				Href:  secondStepPath,
				Link:  "Switch the second step on",
			}}
		}
		return Render(c, http.StatusOK, views.SessionsPage(vm))
	}
}

// EndSession ends one session, or all but the person's current one.
func EndSession(sessions sessionManager) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := sessions.EndSession(c.Request().Context(), actor(c), c.FormValue("session")); err != nil {
			return err
		}
		return redirect(c, "/sessions")
	}
}
