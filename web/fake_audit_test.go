package web_test

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// fakeAudit is a trail of a few entries.
type fakeAudit struct {
	trail     []audit.Row
	verdict   *console.AuditVerdict
	filters   []audit.Filter
	auditors  []keepsake.Actor
	verified  int
	exportErr error
	until     time.Time  // when the last export or verification would have been given up
	holding   func()     // what an export waits for; may be nil
	exporting sync.Mutex // a client asks again by itself when an answer breaks off
}

func entry(id int64, action string, outcome audit.Outcome, change ...func(*audit.Row)) audit.Row {
	r := audit.Row{
		ID:        id,
		At:        moment.Add(-time.Duration(id) * time.Minute),
		ActorID:   "1",
		ActorName: "anna@wedsync.example",
		ActorRole: keepsake.RoleSuperAdmin,
		Session:   "session-a",
		Address:   "192.0.2.1",
		UserAgent: "Firefox",
		RequestID: "REQ1",
		Action:    action,
		Outcome:   outcome,
		Detail:    json.RawMessage("{}"),
		Hash:      []byte{1, 2},
	}
	for _, f := range change {
		f(&r)
	}
	return r
}

func (f *fakeAudit) ListAudit(_ context.Context, actor keepsake.Actor, in audit.Filter) (console.AuditPage, error) {
	f.auditors = append(f.auditors, actor)
	f.filters = append(f.filters, in)
	page := console.AuditPage{Rows: f.trail, Verdict: f.verdict}
	if in.Before == 0 && len(f.trail) > 0 {
		page.Next = 41
	}
	return page, nil
}

func (f *fakeAudit) ExportAudit(ctx context.Context, _ keepsake.Actor, in audit.Filter, format string,
	w io.Writer) error {
	if f.holding != nil {
		f.holding()
	}
	f.exporting.Lock()
	defer f.exporting.Unlock()
	f.filters = append(f.filters, in)
	f.until, _ = ctx.Deadline()
	write, end, err := audit.NewWriter(w, format)
	if err != nil {
		return err
	}
	for _, r := range f.trail {
		if err := write(r); err != nil {
			return err
		}
	}
	if f.exportErr != nil {
		return f.exportErr
	}
	return end()
}

func (f *fakeAudit) VerifyAudit(ctx context.Context, _ keepsake.Actor) (console.AuditVerdict, error) {
	f.verified++
	f.until, _ = ctx.Deadline()
	return console.AuditVerdict{}, nil
}
