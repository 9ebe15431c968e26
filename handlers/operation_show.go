package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// shownLines is how many of the newest log lines an operation's page embeds.
const shownLines = 200

type operationReader interface {
	GetOperation(ctx context.Context, actor keepsake.Actor, id string) (console.Operation, error)
	OperationLog(ctx context.Context, actor keepsake.Actor, id string, after int64, limit int) ([]console.LogLine, error)
}

// ShowOperation draws one operation. The page of a running one has the address of its stream, which starts where the
// page ends.
func ShowOperation(pages Pages, con operationReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, clock := c.Request().Context(), pages.clock()
		o, err := con.GetOperation(ctx, actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		lines, more, err := newestLines(ctx, con, actor(c), o.ID)
		if err != nil {
			return err
		}
		vm := draw.Operation(pages.Shell(c, draw.OperationTitle(o), "operations"), o, actor(c), lines, clock)
		if more {
			vm.Log.More, vm.Log.URL = fmt.Sprintf("The newest %d lines.", shownLines), draw.OperationURL(o.ID)+"/log"
		}
		return Render(c, http.StatusOK, views.OperationPage(vm))
	}
}

// newestLines returns the last lines of a log, oldest first, and whether there are more before them.
func newestLines(
	ctx context.Context, con operationReader, a keepsake.Actor, id string,
) ([]console.LogLine, bool, error) {
	lines, err := con.OperationLog(ctx, a, id, 0, shownLines+1)
	if err != nil {
		return nil, false, err
	}
	if len(lines) > shownLines {
		return lines[len(lines)-shownLines:], true, nil
	}
	return lines, false, nil
}

// ShowOperationLog draws the whole log of an operation.
func ShowOperationLog(pages Pages, con operationReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		o, err := con.GetOperation(ctx, actor(c), c.Param("id"))
		if err != nil {
			return err
		}
		lines, err := con.OperationLog(ctx, actor(c), o.ID, 0, 0)
		if err != nil {
			return err
		}
		title := "Log: " + draw.OperationTitle(o)
		log := views.Log{Lines: draw.LogLines(lines, pages.clock()), More: format.Plural(int64(len(lines)), "line", "lines")}
		return Render(c, http.StatusOK, views.LogPage(pages.Shell(c, title, "operations"), title,
			draw.OperationURL(o.ID), log))
	}
}
