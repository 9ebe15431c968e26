package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
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
		vm := views.Audit{Shell: pages.Shell(c, "Audit trail", "audit"), Filter: auditForm(q), Filtered: len(q) > 0,
			MayVerify: actor(c).Organization == "",
			CSV:       address("/audit/export", "format", "csv"), JSONL: address("/audit/export", "format", "jsonl")}
		if vm.MayVerify {
			vm.Verdict = auditVerdict(page.Verdict, pages.clock())
		}
		for _, r := range page.Rows {
			vm.Entries = append(vm.Entries, auditEntry(r, pages.clock()))
		}
		vm.Count = format.Plural(int64(len(page.Rows)), "entry", "entries") + " on this page"
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
	f := audit.Filter{Search: c.QueryParam("search"), Actor: c.QueryParam("actor"), Action: c.QueryParam("action"),
		Wedding: c.QueryParam("wedding"),
		Point:   c.QueryParam("point"), Outcome: audit.Outcome(c.QueryParam("outcome")),
		OnlySecurity: c.QueryParam("security") != ""}
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

func auditForm(q url.Values) views.AuditFilter {
	f := views.AuditFilter{Search: q.Get("search"), Actor: q.Get("actor"), Wedding: q.Get("wedding"),
		Point: q.Get("point"), Since: q.Get("since"), Until: q.Get("until"),
		Security: q.Get("security") != "", Actions: auditActions(q.Get("action"))}
	for _, o := range []views.AuditOption{{Text: "Any"}, {Value: "allowed", Text: "Allowed"},
		{Value: "refused", Text: "Refused"}, {Value: "failed", Text: "Failed"}} {
		o.Chosen = o.Value == q.Get("outcome")
		f.Outcomes = append(f.Outcomes, o)
	}
	f.Open = len(q) > 1 || len(q) == 1 && f.Search == ""
	return f
}

func auditEntry(r audit.Row, clock format.Clock) views.AuditEntry {
	e := views.AuditEntry{ID: fmt.Sprintf("entry-%d", r.ID), Text: auditSentence(r), Security: r.Security,
		When: clock.When(r.At), From: r.Address, Facts: auditFacts(r, clock)}
	switch r.Outcome {
	case audit.Refused:
		e.Outcome = &ui.Chip{Tone: ui.ToneWarn, Text: "Refused", Icon: "ban"}
	case audit.Failed:
		e.Outcome = &ui.Chip{Tone: ui.ToneBad, Text: "Failed"}
	}
	link := func(text, name, value string) {
		if value != "" {
			e.Links = append(e.Links, views.AuditLink{Href: "/audit?" + url.Values{name: {value}}.Encode(), Text: text})
		}
	}
	link("All by "+r.ActorName, "actor", r.ActorName)
	link("All "+r.Action, "action", r.Action)
	link("All about this wedding", "wedding", r.Wedding)
	link("All about this recovery point", "point", r.Point)
	link("All of this request", "search", r.RequestID)
	return e
}

// sealedLate is the age of the newest seal from which on it is not only that a day has just begun.
const sealedLate = 48 * time.Hour

// sealedAhead is how far the clocks of two machines may differ before it is said.
const sealedAhead = time.Hour

// auditVerdict says how the whole trail was found.
func auditVerdict(v *console.AuditVerdict, clock format.Clock) *ui.Notice {
	if v == nil {
		return &ui.Notice{Tone: ui.ToneMute, Title: "Not verified yet",
			Text: "A worker reads the whole trail once a day, and seals its end into the repository every hour."}
	}
	checked := "Last verified " + clock.Relative(v.Checked) + "."
	n := &ui.Notice{Tone: ui.ToneOK, List: v.Missing}
	for _, s := range v.Earlier {
		n.List = append(n.List,
			fmt.Sprintf("An earlier trail of this repository ended with row %s; it was last sealed on %s.", format.Count(s.Row),
				s.At.Format(time.DateOnly)))
	}
	switch {
	case v.Replaced:
		n.Tone, n.Title = ui.ToneBad, "This is another trail than before"
		n.Text = sentence(v.Problem) + " " + checked
	case !v.Intact:
		n.List = append(n.List, v.Words(clock.Now)...)
		n.Tone, n.Title = ui.ToneBad, "The trail is broken at row "+format.Count(v.Broken)
		n.Text = sentence(v.Problem) + " " + checked + " Whoever owns the console database can do that; recovery points do " +
			"not lie there and are not affected. Export the trail before anything changes, and find out who did."
	case v.Unsealed != "":
		n.Tone, n.Title = ui.ToneWarn, "Intact in itself; the seals could not be read"
		n.Text = sentence(v.Unsealed) + " " + checked
	case v.Sealed == nil:
		n.Tone, n.Title, n.Text = ui.ToneWarn, "Intact, not sealed yet",
			checked+" A worker seals its end into the repository every hour."
	default:
		n.Title = fmt.Sprintf("Intact, sealed up to row %s on %s", format.Count(v.Sealed.Row),
			v.Sealed.At.In(clock.Zone).Format("2 Jan 2006 15:04 MST"))
		n.Text = checked + " The seal lies in the repository, where whoever owns the console database cannot reach it."
		if since := v.Rows - v.Sealed.Row; since > 0 {
			n.Text += " " + format.Plural(since, "row since is", "rows since are") +
				" vouched for by the chain alone, until the next seal."
		}
		switch age := clock.Now.Sub(v.Sealed.At); {
		case age < -sealedAhead:
			n.Tone = ui.ToneWarn
			n.Text = checked + " That seal is dated ahead of this machine’s clock, so one of two clocks is wrong, and whether " +
				"a new seal is late cannot be told. Look at the clocks of console and workers: the seal that a worker makes next " +
				"has the right date again."
		case age > sealedLate:
			n.Tone = ui.ToneWarn
			n.Text = checked + " What was written after that seal could be rewritten unseen, and a new one is late: a worker " +
				"makes one every hour in which anything happens. Look whether one runs, and what its log says of the providers."
		}
	}
	return n
}
