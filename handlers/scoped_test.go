package handlers

import (
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestScopeAddressRoundTrip: the address that a page writes for a scope names the same scope, point and mode when it is
// read.
func TestScopeAddressRoundTrip(t *testing.T) {
	t.Parallel()
	must := keepsake.MustScope
	for _, s := range []keepsake.Scope{must(keepsake.WeddingScope("7")), must(keepsake.WeddingScope("w 1/2?&=%")),
		must(keepsake.OrganizationScope("o 1/2?&=%")), must(keepsake.TierScope(keepsake.TierHigh)),
		must(keepsake.TierScope(keepsake.TierStandard, keepsake.TierCritical)),
		must(keepsake.TierScope(keepsake.Tiers()...)), keepsake.Everything()} {
		in := console.ScopedInput{Scope: s, Point: "20260101T000000Z-aa", Mode: scope.Rewind}
		e := echo.New()
		var got console.ScopedInput
		read := func(c echo.Context) (err error) {
			got, err = scoped(c)
			return err
		}
		e.GET("/weddings/:id/restore", read)
		e.GET(draw.PlatformRestore, read)
		address := draw.ScopedPath(s) + draw.ScopedQuery(in)
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", address, nil))
		if got != in || answer.Code != 200 {
			t.Errorf("%s of %s is read as %+v, status %d", address, s, got, answer.Code)
		}
		if draw.ScopeNoun(s) == "" {
			t.Errorf("%s has no noun", s)
		}
	}
}
