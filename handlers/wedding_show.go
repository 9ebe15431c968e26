package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type weddingReader interface {
	GetWedding(ctx context.Context, actor keepsake.Actor, id string) (console.WeddingTimeline, error)
}

// ShowWedding draws one wedding: its time, its recovery points and what can be done.
func ShowWedding(pages Pages, con weddingReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		vm, err := weddingPage(c, pages, con)
		if err != nil {
			return err
		}
		return Render(c, http.StatusOK, views.OneWeddingPage(vm))
	}
}

func weddingPage(c echo.Context, pages Pages, con weddingReader) (views.WeddingPage, error) {
	t, err := con.GetWedding(c.Request().Context(), actor(c), weddingParam(c))
	if err != nil {
		return views.WeddingPage{}, err
	}
	return draw.OneWedding(pages.Shell(c, t.Couple, "weddings"), t, pages.clock()), nil
}
