package console

import (
	"context"
	"io"
	"strings"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// auditPage is how many entries a page of the trail has.
const auditPage = 50

// AuditPage is one page of the trail, newest entry first.
type AuditPage struct {
	Rows []audit.Row
	Next int64 // the cursor of the following page; 0: this is the last
	// Verdict is the newest verdict on the whole trail. It is nil when there is none, and for actors who see only some
	// of the trail.
	Verdict *AuditVerdict
}

// mayReadAudit lets everybody who may look at the console read the trail: whoever is bound to an organization sees what
// its people did.
func mayReadAudit(actor keepsake.Actor) error {
	bound := actor
	bound.Platform, bound.Organization = "", ""
	return mayActOnPlatform(bound, keepsake.MayRead)
}

// ListAudit returns a page of the trail's entries that the filter selects and the actor may see. The newest verdict
// on the trail comes with it, but not for an actor bound to an organization.
func (c *Console) ListAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter) (AuditPage, error) {
	if err := mayReadAudit(actor); err != nil {
		return AuditPage{}, c.recordRefused(ctx, actor, audit.TrailRead, "", nil, err)
	}
	f.Most = auditPage + 1
	rows, err := audit.List(ctx, c.db, actor, plainFilter(f))
	if err != nil {
		return AuditPage{}, err
	}
	page := AuditPage{Rows: rows}
	if len(rows) > auditPage {
		page.Rows = rows[:auditPage]
		page.Next = page.Rows[auditPage-1].ID
	}
	if actor.Organization == "" {
		page.Verdict, err = c.lastVerdict(ctx)
	}
	return page, err
}

// plainFilter makes what people typed into text that PostgreSQL takes.
func plainFilter(f audit.Filter) audit.Filter {
	for _, s := range []*string{&f.Actor, &f.Action, &f.WeddingID, &f.Point, &f.Search, (*string)(&f.Outcome)} {
		*s = strings.ToValidUTF8(strings.ReplaceAll(strings.TrimSpace(*s), "\x00", ""), "")
	}
	return f
}

// ExportAudit writes the entries that the filter selects to w, as csv or jsonl, a few hundred at a time. The export
// is on record before the first byte leaves.
func (c *Console) ExportAudit(ctx context.Context, actor keepsake.Actor, f audit.Filter, format string,
	w io.Writer) error {
	f = plainFilter(f)
	detail := map[string]any{"format": format, "filter": filterDetail(f)}
	err := mayReadAudit(actor)
	if err == nil {
		err = audit.CheckFormat(format)
	}
	if err != nil {
		return c.recordRefused(ctx, actor, audit.TrailExport, "", detail, err)
	}
	if err := c.recordDone(ctx, actor, audit.TrailExport, "", detail); err != nil {
		return err
	}
	write, end, err := audit.NewWriter(w, format)
	if err != nil {
		return err
	}
	if err = audit.Each(ctx, c.db, actor, f, write); err == nil {
		err = end()
	}
	if err != nil {
		return c.recordRefused(ctx, actor, audit.TrailExport, "", detail, err)
	}
	return nil
}

// filterDetail says in the trail what was asked for.
func filterDetail(f audit.Filter) map[string]any {
	detail := map[string]any{}
	for name, value := range map[string]string{"actor": f.Actor, "action": f.Action, "outcome": string(f.Outcome),
		"wedding": f.WeddingID, "point": f.Point, "search": f.Search} {
		if value != "" {
			detail[name] = value
		}
	}
	if f.OnlySecurity {
		detail["security"] = true
	}
	if !f.Since.IsZero() {
		detail["since"] = f.Since
	}
	if !f.Until.IsZero() {
		detail["until"] = f.Until
	}
	return detail
}
