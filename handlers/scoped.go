package handlers

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func weddingURL(id string) string { return "/weddings/" + url.PathEscape(id) }

func organizationURL(id string) string {
	return platformRestore + "?" + url.Values{"organization": {id}}.Encode()
}

// platformRestore is where restores into the live platform are compared, but for those of one wedding, which has a page
// of its own.
const platformRestore = "/platform/restore"

func scopedURL(restore string) string { return "/restores/" + url.PathEscape(restore) }

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

// scopedPath is the page of a scope's comparison, and scopedQuery what it is asked for.
func scopedPath(in console.ScopedInput) string {
	if in.Wedding != "" {
		return weddingURL(in.Wedding) + "/restore"
	}
	return platformRestore
}

// scopedFields name a scope that no path names.
func scopedFields(in console.ScopedInput) url.Values {
	q := url.Values{}
	switch {
	case in.Organization != "":
		q.Set("organization", in.Organization)
	case in.Everything:
		q.Set("everything", "yes")
	}
	for _, t := range in.Tiers {
		q.Add("tier", string(t))
	}
	return q
}

func scopedQuery(in console.ScopedInput) string {
	q := scopedFields(in)
	q.Set("point", in.Point)
	q.Set("mode", string(in.Mode))
	return "?" + q.Encode()
}

// scopeNoun is what comes back, in a word.
func scopeNoun(in console.ScopedInput) string {
	switch {
	case in.Wedding != "":
		return "wedding"
	case in.Organization != "":
		return "organization"
	case in.Everything:
		return "platform"
	default:
		return "tier"
	}
}

// scopeBack is the page that a comparison was reached from.
func scopeBack(in console.ScopedInput) (href, text string) {
	switch {
	case in.Wedding != "":
		return weddingURL(in.Wedding), "Back to the wedding"
	case in.Organization != "":
		return "/organizations", "All organizations"
	case strings.HasPrefix(in.Point, "2"):
		return pointURL(in.Point), "Back to the recovery point"
	default:
		return "/points", "All recovery points"
	}
}
