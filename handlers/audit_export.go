package handlers

import (
	"context"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

type auditExporter interface {
	ExportAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter, format string, w io.Writer) error
}

type auditVerifier interface {
	VerifyAudit(ctx context.Context, actor keepsake.Actor) (console.AuditVerdict, error)
}

// ExportAudit sends the entries that the filters select, and makes them while it sends. An error before the first
// byte gets an ordinary error page. After that the download breaks off.
func ExportAudit(pages Pages, con auditExporter) echo.HandlerFunc {
	return func(c echo.Context) error {
		f, err := auditFilter(c, pages.Zone)
		if err != nil {
			return err
		}
		kind := c.QueryParam("format")
		if err := audit.CheckFormat(kind); err != nil {
			return err
		}
		out := &download{
			c:    c,
			name: "audit." + kind,
			kind: map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}[kind],
		}
		err = con.ExportAudit(c.Request().Context(), actor(c), f, kind, out)
		if err != nil && out.begun {
			panic(http.ErrAbortHandler) // the connection breaks off: half a trail must not look like an answer
		}
		if err == nil && !out.begun {
			_, err = out.Write(nil) // an export without entries is one too
		}
		return err
	}
}

// VerifyAudit verifies the whole trail and goes back to its page, which shows the verdict.
func VerifyAudit(con auditVerifier) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, err := con.VerifyAudit(c.Request().Context(), actor(c)); err != nil {
			return err
		}
		return redirect(c, "/audit")
	}
}
