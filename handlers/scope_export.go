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
	ExportScope(ctx context.Context, actor keepsake.Actor, in console.ScopedInput, as scope.ExportAs, w io.Writer) error
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
		as := scope.ExportAs{Format: kind}
		var unsure bool
		if in.Point, as.Note, unsure = exported(c, con, in); unsure {
			kind += "-perhaps-damaged"
		}
		out := &download{c: c, name: exportName(in, kind), kind: "application/zip"}
		err = con.ExportScope(c.Request().Context(), actor(c), in, as, out)
		if err != nil && out.begun {
			panic(http.ErrAbortHandler) // the connection breaks off: a half archive must not look like an answer
		}
		if err != nil {
			return nothingSavedYet(c, pages, con, http.StatusNotFound, err)
		}
		return nil
	}
}

// exported is the recovery point of a download: the one that was named, or but for an organization the newest safe one
// before the newest damage. The note says why it is not the latest. Where damage could not be looked for it is, and
// unsure: the note and the name of the download say so, since there is no page that could.
func exported(c echo.Context, con scopeExporter, in console.ScopedInput) (point, note string, unsure bool) {
	point = in.Point
	if c.FormValue("point") == "" && draw.TakesSafePoint(in.Scope) {
		d, err := con.FindDamage(c.Request().Context(), actor(c), in)
		note, unsure = draw.AdvisePoint(in.Scope, "", d, err).Why, err != nil
		if d != nil && err == nil {
			point = d.Point
		}
	}
	if point == "latest" { // its name says of when it is
		if p, err := con.GetPoint(c.Request().Context(), actor(c), point); err == nil && p.Point.ID != "" {
			point = p.Point.ID
		}
	}
	return point, note, unsure
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
