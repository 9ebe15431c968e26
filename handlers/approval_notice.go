package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
)

type approvalForeteller interface {
	NeedsSecondApprover(ctx context.Context, actor keepsake.Actor, in console.ScopedInput) (string, error)
}

// approvalNotice says before a restore is confirmed that another super admin will have to approve it, and why.
func approvalNotice(c echo.Context, con approvalForeteller, in console.ScopedInput) ([]ui.Notice, error) {
	why, err := con.NeedsSecondApprover(c.Request().Context(), actor(c), in)
	if err != nil || why == "" {
		return nil, err
	}
	return []ui.Notice{{
		Tone:  ui.ToneWarn,
		Title: "Another super admin must approve this",
		Text:  "When you confirm, it waits for them and nothing is changed yet, because " + why + ".",
	}}, nil
}
