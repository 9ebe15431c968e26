package handlers

import (
	"cmp"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// scoped reads what comes back, from when, and how far; without a word it is the safe one.
func scoped(c echo.Context) (console.ScopedInput, error) {
	form, err := c.FormParams()
	if err != nil {
		return console.ScopedInput{}, keepsake.Errorf(keepsake.CodeInvalid,
			"the form could not be read; send it again: %w", err)
	}
	in := console.ScopedInput{
		Point: cmp.Or(form.Get("point"), "latest"),
		Mode:  cmp.Or(scope.Mode(form.Get("mode")), scope.Missing),
	}
	in.Scope, err = scopeOf(weddingParam(c), form)
	return in, err
}

// scopeOf is the scope that a path and a form name, as draw.ScopedPath and draw.ScopedFields write it; the zero Scope
// where they name none. A button that says everything counts more than the tiers that are ticked beside it.
func scopeOf(wedding string, form url.Values) (keepsake.Scope, error) {
	switch {
	case wedding != "":
		return keepsake.WeddingScope(wedding)
	case form.Get("organization") != "":
		return keepsake.OrganizationScope(form.Get("organization"))
	case form.Get("everything") != "":
		return keepsake.Everything(), nil
	case len(form["tier"]) > 0:
		return keepsake.TierScope(tiersNamed(form["tier"])...)
	}
	return keepsake.Scope{}, nil
}

// tiersNamed are tiers by the names that a form gives them, known or not.
func tiersNamed(names []string) []keepsake.Tier {
	tiers := make([]keepsake.Tier, len(names))
	for i, name := range names {
		tiers[i] = keepsake.Tier(name)
	}
	return tiers
}

// weddingParam is the wedding that a path names; the router leaves a path alone that has escapes.
func weddingParam(c echo.Context) string {
	id := c.Param("id")
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}
