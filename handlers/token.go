package handlers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type tokenLister interface {
	ListTokens(ctx context.Context, actor keepsake.Actor) ([]auth.Token, error)
}

type tokenMaker interface {
	tokenLister
	CreateToken(ctx context.Context, actor keepsake.Actor, in auth.TokenInput) (auth.Token, keepsake.Secret, error)
	RevokeToken(ctx context.Context, actor keepsake.Actor, id string) error
}

// ListTokens draws a person's own tokens, and the form for a new one.
func ListTokens(pages Pages, tokens tokenLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := tokensPage(c, pages, tokens)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.TokensPage(vm))
	}
}

// CreateToken makes a token and shows it, once.
func CreateToken(pages Pages, tokens tokenMaker) echo.HandlerFunc {
	return func(c echo.Context) error {
		form, err := c.FormParams()
		if err != nil {
			return keepsake.Errorf(keepsake.CodeInvalid, "the form could not be read; send it again: %w", err)
		}
		days, _ := strconv.Atoi(form.Get("days")) // 0 is refused in words
		in := auth.TokenInput{
			ID:       form.Get("id"),
			Name:     form.Get("name"),
			Lifetime: time.Duration(min(days, 10_000)) * 24 * time.Hour,
		}
		for _, p := range form["scope"] {
			in.Permissions = append(in.Permissions, keepsake.Permission(p))
		}
		_, secret, failed := tokens.CreateToken(c.Request().Context(), actor(c), in)
		if failed != nil && keepsake.CodeOf(failed) == keepsake.CodeProof {
			return proveFirst(c, "/tokens")
		}
		status := http.StatusOK
		if failed != nil {
			switch keepsake.CodeOf(failed) {
			case keepsake.CodeInvalid:
				status = http.StatusUnprocessableEntity
			case keepsake.CodeConflict:
				status = http.StatusConflict
			default:
				return failed
			}
		}
		vm, err := tokensPage(c, pages, tokens)
		if err != nil {
			return err
		}
		if failed != nil {
			vm.Name, vm.Error = in.Name, draw.Sentence(keepsake.MessageOf(failed))
			keepChoices(&vm, in, form.Get("days"))
		} else {
			vm.Made = secret.Reveal() // the only moment that it can be read
		}
		return Render(c, status, views.TokensPage(vm))
	}
}

// keepChoices lets a refused form come back as it was sent, so that a person who corrects the name does not get other
// scopes or another end.
func keepChoices(vm *views.Tokens, in auth.TokenInput, days string) {
	has := func(p keepsake.Permission) bool { return slices.Contains(in.Permissions, p) }
	vm.Read, vm.Backup, vm.Restore = has(keepsake.MayRead), has(keepsake.MayBackup), has(keepsake.MayRestore)
	if slices.ContainsFunc(vm.Lifetimes, func(o views.PointOption) bool { return o.Value == days }) {
		for i := range vm.Lifetimes {
			vm.Lifetimes[i].Selected = vm.Lifetimes[i].Value == days
		}
	}
}

// RevokeToken ends a token.
func RevokeToken(tokens tokenMaker) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := tokens.RevokeToken(c.Request().Context(), actor(c), c.Param("id")); err != nil {
			return err
		}
		return redirect(c, "/tokens")
	}
}

func tokensPage(c echo.Context, pages Pages, tokens tokenLister) (views.Tokens, error) {
	list, err := tokens.ListTokens(c.Request().Context(), actor(c))
	if err != nil {
		return views.Tokens{}, err
	}
	next, err := auth.NewTokenID()
	if err != nil {
		return views.Tokens{}, err
	}
	clock, now := pages.clock(), pages.Now()
	vm := views.Tokens{
		ID:      next,
		Read:    true,
		Notices: proofNotice(c, pages, "making a token"),
		Shell:   pages.Shell(c, "Tokens", ""),
		Lifetimes: []views.PointOption{{Value: "7", Text: "a week"},
			{Value: "30", Text: "30 days"}, {Value: "90", Text: "90 days", Selected: true}, {Value: "365", Text: "a year"}},
	}
	for _, t := range list {
		names := make([]string, len(t.Permissions))
		for i, p := range t.Permissions {
			names[i] = string(p)
		}
		row := views.Token{
			ID:      t.ID,
			Name:    t.Name,
			Scopes:  strings.Join(names, ", "),
			Created: clock.When(t.Created),
			Expires: clock.When(t.Expires),
			State:   ui.Chip{Tone: ui.ToneOK, Text: "Valid"},
			Valid:   true,
		}
		if !t.LastUsed.IsZero() {
			row.LastUsed, row.From = clock.When(t.LastUsed), t.LastAddress
		}
		switch {
		case !t.Revoked.IsZero():
			row.State, row.Valid, row.Expires = ui.Chip{Tone: ui.ToneMute, Text: "Revoked"}, false, clock.When(t.Revoked)
		case !t.Expires.After(now):
			row.State, row.Valid = ui.Chip{Tone: ui.ToneMute, Text: "Expired"}, false
		}
		vm.List = append(vm.List, row)
	}
	return vm, nil
}
