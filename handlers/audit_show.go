package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

type auditLister interface {
	ListAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter) (console.AuditPage, error)
}

// ShowAudit draws a page of the audit trail.
func ShowAudit(pages Pages, con auditLister) echo.HandlerFunc {
	return func(c echo.Context) error {
		f, err := auditFilter(c, pages.Zone)
		if err != nil {
			return err
		}
		page, err := con.ListAudit(c.Request().Context(), actor(c), f)
		if err != nil {
			return err
		}
		q := auditQuery(c)
		address := func(path string, more ...string) string {
			with := url.Values{}
			for k, v := range q {
				with[k] = v
			}
			for i := 0; i+1 < len(more); i += 2 {
				with.Set(more[i], more[i+1])
			}
			if len(with) == 0 {
				return path
			}
			return path + "?" + with.Encode()
		}
		vm := draw.Audit(pages.Shell(c, "Audit trail", "audit"), page, q, actor(c).Organization == "", pages.clock())
		vm.CSV, vm.JSONL = address("/audit/export", "format", "csv"), address("/audit/export", "format", "jsonl")
		if f.Before > 0 {
			vm.First = address("/audit")
		}
		if page.Next > 0 {
			vm.Next = address("/audit", "before", strconv.FormatInt(page.Next, 10))
		}
		return Render(c, http.StatusOK, views.AuditPage(vm))
	}
}

// auditFields are what the trail can be filtered by.
var auditFields = []string{"search", "actor", "action", "outcome", "wedding", "point", "since", "until", "security"}

// auditQuery returns the filters of the request that are filled in.
func auditQuery(c echo.Context) url.Values {
	q := url.Values{}
	for _, name := range auditFields {
		if v := c.QueryParam(name); v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// auditFilter reads the filters of the request. Days are those of the zone that pages write times in.
func auditFilter(c echo.Context, zone *time.Location) (audit.Filter, error) {
	f := audit.Filter{
		Search:       c.QueryParam("search"),
		Actor:        c.QueryParam("actor"),
		Action:       c.QueryParam("action"),
		WeddingID:    c.QueryParam("wedding"),
		Point:        c.QueryParam("point"),
		Outcome:      audit.Outcome(c.QueryParam("outcome")),
		OnlySecurity: c.QueryParam("security") != "",
	}
	switch f.Outcome {
	case "", audit.Allowed, audit.Refused, audit.Failed:
	default:
		return f, keepsake.Errorf(keepsake.CodeInvalid, "There is no outcome %q: use allowed, refused or failed.", f.Outcome)
	}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		text := c.QueryParam(name)
		if text == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			return f, keepsake.Errorf(keepsake.CodeInvalid, "%q is no day: write it as 2026-11-23.", text)
		}
		*to = day
	}
	if !f.Until.IsZero() {
		f.Until = f.Until.AddDate(0, 0, 1) // the day that was named belongs to it
	}
	if before := c.QueryParam("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 1 {
			return f, keepsake.Errorf(keepsake.CodeInvalid, "This page of the trail does not exist: begin with the newest.")
		}
		f.Before = n
	}
	return f, nil
}
