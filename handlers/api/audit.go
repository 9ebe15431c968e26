package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
)

// AuditEntry is one attempt on record.
type AuditEntry struct {
	ID           int64           `json:"id"`
	At           time.Time       `json:"at"`
	Actor        string          `json:"actor"`
	ActorID      string          `json:"actor_id,omitempty"`
	Role         string          `json:"role,omitempty"`
	Platform     string          `json:"platform,omitempty" doc:"Whose the organization is"`
	Organization string          `json:"organization,omitempty" doc:"That the actor was bound to"`
	Session      string          `json:"session,omitempty" doc:"Of a browser"`
	Token        string          `json:"token,omitempty" doc:"Of a script"`
	Address      string          `json:"address,omitempty"`
	UserAgent    string          `json:"user_agent,omitempty"`
	RequestID    string          `json:"request_id,omitempty"`
	Action       string          `json:"action"`
	Target       string          `json:"target,omitempty"`
	WeddingID    string          `json:"wedding,omitempty"`
	Point        string          `json:"point,omitempty"`
	Outcome      audit.Outcome   `json:"outcome" enum:"allowed,refused,failed"`
	DurationMS   int64           `json:"duration_ms"`
	Security     bool            `json:"security"`
	Detail       json.RawMessage `json:"detail,omitempty" doc:"What else is on record, such as a setting before and after"`
	Hash         string          `json:"hash" doc:"SHA-256 over the entry and the hash of the one before it"`
}

func auditEntryOf(r audit.Row) AuditEntry {
	return AuditEntry{
		ID:           r.ID,
		At:           r.At.UTC(),
		Actor:        r.ActorName,
		ActorID:      r.ActorID,
		Role:         string(r.ActorRole),
		Platform:     r.Platform,
		Organization: r.Organization,
		Session:      r.Session,
		Token:        r.Token,
		Address:      r.Address,
		UserAgent:    r.UserAgent,
		RequestID:    r.RequestID,
		Action:       r.Action,
		Target:       r.Target,
		WeddingID:    r.WeddingID,
		Point:        r.Point,
		Outcome:      r.Outcome,
		DurationMS:   r.Took.Milliseconds(),
		Security:     r.Security,
		Detail:       r.Detail,
		Hash:         hex.EncodeToString(r.Hash),
	}
}

// AuditFilter says which entries are wanted. Huma fills exported types only.
type AuditFilter struct {
	Search    string    `query:"search" maxLength:"200" doc:"Words, each perhaps the beginning of one, in any order and without their accents"`
	Actor     string    `query:"actor" maxLength:"200" doc:"Exactly this name"`
	Action    string    `query:"action" maxLength:"100" doc:"Such as backup.start"`
	Outcome   string    `query:"outcome" enum:"allowed,refused,failed"`
	WeddingID string    `query:"wedding" maxLength:"200"`
	Point     string    `query:"point" maxLength:"100"`
	Security  bool      `query:"security" doc:"Only security events"`
	From      time.Time `query:"from" doc:"From then on"`
	To        time.Time `query:"to" doc:"Before then"`
}

func (f AuditFilter) filter() audit.Filter {
	return audit.Filter{
		Search:       f.Search,
		Actor:        f.Actor,
		Action:       f.Action,
		Outcome:      audit.Outcome(f.Outcome),
		WeddingID:    f.WeddingID,
		Point:        f.Point,
		OnlySecurity: f.Security,
		Since:        f.From,
		Until:        f.To,
	}
}

type listAuditInput struct {
	AuditFilter
	Cursor int64 `query:"cursor" minimum:"0" doc:"Of the page before; absent: the newest"`
}

type auditList struct {
	Body struct {
		Entries []AuditEntry  `json:"entries"`
		Next    int64         `json:"next,omitempty" doc:"The cursor of the following page; absent on the last"`
		Verdict *AuditVerdict `json:"verdict,omitempty" doc:"How the whole trail was found last; absent: nobody has looked, or the account sees only some of it"`
	}
}

// AuditVerdict is how the audit trail was found.
type AuditVerdict struct {
	Checked  time.Time  `json:"checked"`
	Intact   bool       `json:"intact" doc:"Every entry is as it was written, none is missing, and every seal agrees"`
	Rows     int64      `json:"rows" doc:"Entries that were read and follow each other"`
	Broken   int64      `json:"broken,omitempty" doc:"The first entry that is not as it was written, or may not be"`
	Problem  string     `json:"problem,omitempty"`
	Replaced bool       `json:"replaced,omitempty" doc:"Nothing is wrong with the entries, but another trail was sealed before: the console database was made anew, or somebody has taken the old trail away"`
	Words    []string   `json:"words" doc:"What is vouched for, and by what, before and after each break"`
	Seals    int        `json:"seals" doc:"That were compared"`
	SealedAt *time.Time `json:"sealed_at,omitempty" doc:"When the newest of them was made"`
	SealedTo int64      `json:"sealed_to,omitempty" doc:"The last entry that it covers: what came later could be rewritten unseen until the next"`
	Missing  []string   `json:"missing,omitempty" doc:"What of the seals could not be read"`
	Unsealed string     `json:"unsealed,omitempty" doc:"Why there was nothing to compare with"`
}

func auditVerdictOf(v *console.AuditVerdict) *AuditVerdict {
	if v == nil {
		return nil
	}
	out := &AuditVerdict{
		Checked:  v.Checked,
		Intact:   v.Intact,
		Rows:     v.Rows,
		Broken:   v.Broken,
		Problem:  v.Problem,
		Replaced: v.Replaced,
		Words:    append([]string{}, v.Words(time.Now())...),
		Seals:    v.Seals,
		Missing:  v.Missing,
		Unsealed: v.Unsealed,
	}
	if v.Sealed != nil {
		out.SealedAt, out.SealedTo = moment(v.Sealed.At), v.Sealed.Row
	}
	return out
}

func (h *actions) audit() {
	register(h, action(http.MethodGet, "/audit", "listAudit", "Read the audit trail",
		"Every attempt, allowed or refused. Newest first, fifty a page.", "Audit"),
		func(ctx context.Context, in *listAuditInput) (*auditList, error) {
			f := in.filter()
			f.Before = in.Cursor
			page, err := h.d.Console.ListAudit(ctx, handlers.ActorFrom(ctx), f)
			if err != nil {
				return nil, err
			}
			out := &auditList{}
			out.Body.Entries, out.Body.Next, out.Body.Verdict = each(page.Rows, auditEntryOf), page.Next,
				auditVerdictOf(page.Verdict)
			return out, nil
		})
	op := action(http.MethodPost, "/audit/verify", "verifyAudit", "Is the audit trail intact?",
		"Reads all of it and compares it with the seals in the repository. The answer names the first entry that is not as "+
			"it was written.", "Audit")
	op.Errors = []int{http.StatusConflict, http.StatusTooManyRequests} // the first of the Idempotency-Key
	register(h, op, func(ctx context.Context, _ *Repeatable) (*struct{ Body *AuditVerdict }, error) {
		v, err := h.d.Console.VerifyAudit(ctx, handlers.ActorFrom(ctx))
		if err != nil {
			return nil, err
		}
		return &struct{ Body *AuditVerdict }{auditVerdictOf(&v)}, nil
	})
	op = action(http.MethodGet, "/audit/export", "exportAudit", "Take the audit trail out",
		"Sent while it is read, newest first. An answer that breaks off is not all of it.", "Audit")
	op.Errors = []int{http.StatusTooManyRequests}
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The entries", Content: map[string]*huma.MediaType{"text/csv": text,
			"application/x-ndjson": text}}}
	register(h, op, h.exportAudit)
}

type exportAuditInput struct {
	AuditFilter
	Format string `query:"format" enum:"csv,jsonl" default:"jsonl"`
}

func (h *actions) exportAudit(ctx context.Context, in *exportAuditInput) (*huma.StreamResponse, error) {
	actor := handlers.ActorFrom(ctx)
	//nolint:contextcheck // the stream outlives the call and has the request's context
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		c := humaecho.Unwrap(hc)
		out := &late{c: c, kind: map[string]string{"csv": "text/csv; charset=utf-8",
			"jsonl": "application/x-ndjson"}[in.Format]}
		err := h.d.Console.ExportAudit(c.Request().Context(), actor, in.filter(), in.Format, out)
		switch {
		case err != nil && out.begun:
			panic(http.ErrAbortHandler) // the connection breaks off: half a trail must not look like an answer
		case err != nil:
			h.fail(c, err)
		case !out.begun:
			_, _ = out.Write(nil) // an export without entries is one too
		}
	}}, nil
}

// late answers 200 with the first byte, so that what fails before is a problem document.
type late struct {
	c     echo.Context
	kind  string
	begun bool
}

func (w *late) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.c.Response().Header().Set(echo.HeaderContentType, w.kind)
		w.c.Response().WriteHeader(http.StatusOK)
	}
	return w.c.Response().Write(p)
}
