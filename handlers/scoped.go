package handlers

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// scoped reads what comes back, from when, and how far; without a word it is the safe one.
func scoped(c echo.Context) (console.ScopedInput, error) {
	form, err := c.FormParams()
	if err != nil {
		return console.ScopedInput{}, keepsake.Errorf(keepsake.CodeInvalid, "the form could not be read; send it again: %w",
			err)
	}
	in := console.ScopedInput{Wedding: weddingParam(c), Point: cmp.Or(form.Get("point"), "latest"),
		Mode: cmp.Or(scope.Mode(form.Get("mode")), scope.Missing)}
	if in.Wedding != "" {
		return in, nil
	}
	switch in.Organization = form.Get("organization"); {
	case in.Organization != "":
	case form.Get("everything") != "":
		in.Everything = true
	default:
		for _, name := range form["tier"] {
			t, err := keepsake.ParseTier(name)
			if err != nil {
				return in, err
			}
			if !slices.Contains(in.Tiers, t) {
				in.Tiers = append(in.Tiers, t)
			}
		}
		slices.SortFunc(in.Tiers, func(a, b keepsake.Tier) int { return cmp.Compare(a.Rank(), b.Rank()) })
	}
	return in, nil
}

// weddingParam is the wedding that a path names; the router leaves a path alone that has escapes.
func weddingParam(c echo.Context) string {
	id := c.Param("id")
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}

// named reports whether a scope is named at all.
func named(in console.ScopedInput) bool {
	return in.Wedding != "" || in.Organization != "" || len(in.Tiers) > 0 || in.Everything
}
