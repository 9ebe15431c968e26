package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// The pages of the second step.
const (
	secondStepPath = "/second-step"
	enrolPath      = "/second-step/begin"
)

type secondStepReader interface {
	GetSecondStep(ctx context.Context, actor keepsake.Actor) (auth.SecondStep, error)
}

type secondStepKeeper interface {
	secondStepReader
	BeginSecondStep(ctx context.Context, actor keepsake.Actor) error
	GetEnrolment(ctx context.Context, actor keepsake.Actor) (auth.Enrolment, error)
	ConfirmSecondStep(ctx context.Context, actor keepsake.Actor, code keepsake.Secret) ([]keepsake.Secret, error)
	RenewRecoveryCodes(ctx context.Context, actor keepsake.Actor, made time.Time) ([]keepsake.Secret, error)
	EndSecondStep(ctx context.Context, actor keepsake.Actor, in auth.Proof) error
}

// fewCodes is when a person should make new ones.
const fewCodes = 3

// ShowSecondStep draws whether sign-in asks for a code, and what the person can do about it.
func ShowSecondStep(pages Pages, steps secondStepReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		state, err := steps.GetSecondStep(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.SecondStepPage(secondStepPage(c, pages, state)))
	}
}

func secondStepPage(c echo.Context, pages Pages, state auth.SecondStep, notices ...ui.Notice) views.SecondStep {
	vm := views.SecondStep{
		Shell:     pages.Shell(c, "Second step", ""),
		Notices:   notices,
		Local:     state.Local,
		On:        state.On,
		CodesLeft: format.Plural(int64(state.CodesLeft), "recovery code", "recovery codes"),
		CodesMade: state.CodesMade.UTC().Format(time.RFC3339Nano),
	}
	if state.On {
		vm.Since = pages.clock().When(state.Since)
		vm.Notices = append(vm.Notices, codeNotices(c, state, actor(c))...)
	}
	return vm
}

// codeNotices say what a person should know of their recovery codes. Where one was used to come in, they say so first.
func codeNotices(c echo.Context, state auth.SecondStep, who keepsake.Actor) []ui.Notice {
	left := "None is left."
	if state.CodesLeft > 0 {
		left = format.Plural(int64(state.CodesLeft), "recovery code is left.", "recovery codes are left.")
	}
	switch {
	case c.QueryParam("used") == "recovery":
		return []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "You signed in with a recovery code",
			Text: left + " Is the phone lost? Switch the second step off and on again with the new one, and end its sessions. " +
				"Was it not you? Have your password changed.",
			Href: LocalPath(c.QueryParam("next")),
			Link: "Go on to where you were going",
		}}
	case state.CodesLeft < fewCodes:
		return []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "Make new recovery codes",
			Text:  left + " Without any, a lost phone means that somebody with access to the server must help " + who.Name + ".",
		}}
	}
	return nil
}

// BeginSecondStep makes a secret and goes to the page that shows it.
func BeginSecondStep(steps secondStepKeeper) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := steps.BeginSecondStep(c.Request().Context(), actor(c)); err != nil {
			return orElsewhere(c, err, secondStepPath)
		}
		return redirect(c, enrolPath)
	}
}

// orElsewhere leads to where a person can do something about err: to a proof and back to here, or to how things stand.
func orElsewhere(c echo.Context, err error, here string) error {
	switch keepsake.CodeOf(err) {
	case keepsake.CodeProof:
		return proveFirst(c, here)
	case keepsake.CodeNotFound, keepsake.CodeConflict:
		return redirect(c, secondStepPath)
	}
	return err
}

// ShowEnrolment draws the secret for an authenticator: as a QR code, as a link and as text.
func ShowEnrolment(pages Pages, steps secondStepKeeper) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := enrolmentPage(c, pages, steps)
		if err != nil {
			return orElsewhere(c, err, enrolPath)
		}
		return Render(c, http.StatusOK, views.EnrolmentPage(vm))
	}
}

func enrolmentPage(c echo.Context, pages Pages, steps secondStepKeeper) (views.Enrolment, error) {
	e, err := steps.GetEnrolment(c.Request().Context(), actor(c))
	if err != nil {
		return views.Enrolment{}, err
	}
	drawn, err := drawQR(e.Link.Reveal())
	return views.Enrolment{
		Shell:  pages.Shell(c, "Switch the second step on", ""),
		QR:     drawn,
		Secret: e.Secret.Reveal(),
		Link:   e.Link.Reveal(),
	}, err
}

// ConfirmSecondStep switches the second step on and shows the recovery codes, once.
func ConfirmSecondStep(pages Pages, steps secondStepKeeper) echo.HandlerFunc {
	return func(c echo.Context) error {
		codes, err := steps.ConfirmSecondStep(c.Request().Context(), actor(c), keepsake.Secret(c.FormValue("code")))
		if keepsake.CodeOf(err) == keepsake.CodeInvalid && err != nil {
			vm, failed := enrolmentPage(c, pages, steps)
			if failed != nil {
				return orElsewhere(c, failed, enrolPath)
			}
			vm.Error = draw.Sentence(keepsake.MessageOf(err))
			return Render(c, http.StatusUnprocessableEntity, views.EnrolmentPage(vm))
		}
		if err != nil {
			return orElsewhere(c, err, enrolPath)
		}
		return Render(c, http.StatusOK, views.RecoveryCodesPage(codesPage(c, pages, codes, true)))
	}
}

// RenewRecoveryCodes replaces the recovery codes and shows the new ones, once.
func RenewRecoveryCodes(pages Pages, steps secondStepKeeper) echo.HandlerFunc {
	return func(c echo.Context) error {
		made, _ := time.Parse(time.RFC3339Nano, c.FormValue("made")) // no time is that of no codes
		codes, err := steps.RenewRecoveryCodes(c.Request().Context(), actor(c), made)
		if keepsake.CodeOf(err) == keepsake.CodeConflict && err != nil {
			state, failed := steps.GetSecondStep(c.Request().Context(), actor(c))
			if failed != nil {
				return failed
			}
			return Render(c, http.StatusConflict, views.SecondStepPage(secondStepPage(c, pages, state, ui.Notice{
				Tone: ui.ToneWarn, Title: "No new recovery codes were made", Text: draw.Sentence(keepsake.MessageOf(err))})))
		}
		if err != nil {
			return orElsewhere(c, err, secondStepPath)
		}
		return Render(c, http.StatusOK, views.RecoveryCodesPage(codesPage(c, pages, codes, false)))
	}
}

func codesPage(c echo.Context, pages Pages, codes []keepsake.Secret, fresh bool) views.RecoveryCodes {
	vm := views.RecoveryCodes{Shell: pages.Shell(c, "Your recovery codes", ""), Fresh: fresh}
	text := "Keepsake recovery codes of " + actor(c).Name + "\nMade " + pages.clock().When(pages.Now()).Absolute +
		". Each works once, instead of the authenticator's code.\n\n"
	for i, code := range codes {
		vm.Codes = append(vm.Codes, code.Reveal())
		text += strconv.Itoa(i+1) + ". " + code.Reveal() + "\n"
	}
	// The file is in the page: nothing is asked of the server again, and no script is needed.
	vm.File = "data:text/plain;charset=utf-8," + strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	return vm
}

// ShowEndSecondStep draws the form that asks for password and code before the second step is switched off.
func ShowEndSecondStep(pages Pages, steps secondStepReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		state, err := steps.GetSecondStep(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		if !state.On {
			return redirect(c, secondStepPath)
		}
		return Render(c, http.StatusOK, views.EndSecondStepPage(
			views.EndSecondStep{Shell: pages.Shell(c, "Switch the second step off", "")}))
	}
}

// EndSecondStep switches the second step off.
func EndSecondStep(pages Pages, steps secondStepKeeper) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := auth.Proof{Password: keepsake.Secret(c.FormValue("password")), Code: keepsake.Secret(c.FormValue("code"))}
		err := steps.EndSecondStep(c.Request().Context(), actor(c), in)
		switch code := keepsake.CodeOf(err); {
		case err == nil:
			return redirect(c, secondStepPath)
		case code == keepsake.CodeInvalid || code == keepsake.CodeForbidden || code == keepsake.CodeWrongKey:
			return Render(c, http.StatusUnprocessableEntity,
				views.EndSecondStepPage(views.EndSecondStep{
					Shell: pages.Shell(c, "Switch the second step off", ""),
					Error: draw.Sentence(keepsake.MessageOf(err)),
				}))
		}
		return orElsewhere(c, err, secondStepPath)
	}
}

// afterRecovery is where a person goes who came in by a recovery code: to how many are left, and on from there.
func afterRecovery(next string) string {
	return secondStepPath + "?" + url.Values{"used": {"recovery"}, "next": {next}}.Encode()
}
