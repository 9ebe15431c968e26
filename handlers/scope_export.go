package handlers

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type scopeExporter interface {
	pointLister
	GetPoint(ctx context.Context, actor keepsake.Actor, id string) (console.PointDetail, error)
	damageFinder
	ExportScope(ctx context.Context, actor keepsake.Actor, in console.ScopedInput, format string, w io.Writer) error
}

// ExportScope sends a wedding, an organization, tiers or everything as a ZIP, and makes it while it sends. Nothing of
// it is on a disk. An error before the first byte gets an ordinary error page. After that the download breaks off,
// and no ZIP reader takes the rest for a whole file.
func ExportScope(pages Pages, con scopeExporter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := scoped(c)
		if err != nil {
			return err
		}
		kind := c.QueryParam("format")
		if err := scope.CheckFormat(kind); err != nil {
			return err
		}
		in.Point = exported(c, con, in)
		out := &download{c: c, name: exportName(in, kind), kind: "application/zip"}
		err = con.ExportScope(c.Request().Context(), actor(c), in, kind, out)
		if err != nil && out.begun {
			panic(http.ErrAbortHandler) // the connection breaks off: a half archive must not look like an answer
		}
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusNotFound, err)
		}
		return nil
	}
}

// exported is the recovery point of a download: the one that was named, or of a wedding the newest safe one before its
// newest damage.
func exported(c echo.Context, con scopeExporter, in console.ScopedInput) string {
	if id := in.Scope.WeddingID(); c.FormValue("point") == "" && id != "" {
		if d, err := con.FindDamage(c.Request().Context(), actor(c), id); err == nil && d != nil {
			return d.Point
		}
	}
	if in.Point == "latest" { // its name says of when it is
		if p, err := con.GetPoint(c.Request().Context(), actor(c), in.Point); err == nil && p.Point.ID != "" {
			return p.Point.ID
		}
	}
	return in.Point
}

// exportName is the name of a download, with the moment that a recovery point's id begins with.
func exportName(in console.ScopedInput, kind string) string {
	moment, _, _ := strings.Cut(in.Point, "-")
	for _, r := range moment {
		if r != 'T' && r != 'Z' && (r < '0' || r > '9') {
			moment = "latest"
			break
		}
	}
	return draw.ScopeNoun(in.Scope) + "-" + moment + "-" + kind + ".zip"
}

// download sends its head with the first byte.
type download struct {
	c     echo.Context
	name  string
	kind  string
	begun bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.c.Response().Header()
		h.Set(echo.HeaderContentType, d.kind)
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+d.name+`"`)
		h.Set(echo.HeaderCacheControl, "no-store")
		d.c.Response().WriteHeader(http.StatusOK)
	}
	return d.c.Response().Write(p)
}
