package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// started answers what goes on after the request.
type started struct {
	Location string `header:"Location" doc:"Where the operation can be watched"`
	Body     Operation
}

func startedAs(o console.Operation) *started {
	return &started{Location: Prefix + "/backups/" + o.ID, Body: operationOf(o)}
}

// counted answers what goes on after the request and counts for a limit.
type counted struct {
	Location string `header:"Location" doc:"Where the operation can be watched"`
	Limit    string `header:"RateLimit" doc:"What is left of the limit that this counts for"`
	Policy   string `header:"RateLimit-Policy" doc:"That limit, and the seconds it is for"`
	Body     Operation
}

func countedAs(o console.Operation) *counted {
	out := &counted{Location: Prefix + "/backups/" + o.ID, Body: operationOf(o)}
	if o.Quota != nil {
		h := http.Header{}
		handlers.SetQuota(h, *o.Quota)
		out.Limit, out.Policy = h.Get("RateLimit"), h.Get("RateLimit-Policy")
	}
	return out
}

// Repeatable is a POST that may name itself. Huma fills exported types only.
type Repeatable struct {
	Key string `header:"Idempotency-Key" maxLength:"200" doc:"The request is carried out once, however often it is sent with this key within a day"`
}

// CreateBackup is what a backup should be.
type CreateBackup struct {
	Type      keepsake.BackupType `json:"type" enum:"full,incremental,critical" doc:"full reads everything; incremental what has changed; critical the critical tier alone"`
	Note      string              `json:"note,omitempty" maxLength:"500"`
	Labels    map[string]string   `json:"labels,omitempty" maxProperties:"20" doc:"Such as app version and deploy tag"`
	WeddingID string              `json:"wedding,omitempty" maxLength:"200" doc:"The key of the wedding that it is made for"`
	Milestone string              `json:"milestone,omitempty" maxLength:"60" doc:"Of that wedding, such as contract_signed"`
	Platform  string              `json:"platform,omitempty" maxLength:"40" doc:"The name of the platform; without it, the first, which most consoles have alone"`
}

func (h *actions) backups() {
	op := action(http.MethodPost, "/backups/create", "createBackup", "Take a backup",
		"Of a platform one runs at a time; a second one is refused with 409. Each type has its own limit an hour: 429 "+
			"says when the next may start.", "Backups")
	op.DefaultStatus, op.Errors = http.StatusAccepted,
		[]int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}
	register(h, op, func(ctx context.Context, in *struct {
		Repeatable
		Body CreateBackup
	}) (*counted, error) {
		o, err := h.d.Console.StartBackup(ctx, handlers.ActorFrom(ctx),
			console.StartBackupInput{
				Platform:  in.Body.Platform,
				Type:      in.Body.Type,
				Note:      in.Body.Note,
				Labels:    in.Body.Labels,
				WeddingID: in.Body.WeddingID,
				Milestone: in.Body.Milestone,
			})
		if err != nil {
			return nil, err
		}
		return countedAs(o), nil
	})
	op = action(http.MethodGet, "/backups/status", "getStatus", "How things stand",
		"Protection, what runs, how fast things went lately, the last backup, the next weddings. Ask with If-None-Match: "+
			"304 means that nothing has changed but the time.", "Backups")
	op.Responses = map[string]*huma.Response{"304": {Description: "Nothing has changed"}}
	register(h, op, h.status)

	register(h, action(http.MethodGet, "/operations", "listOperations", "List operations", "Newest first.", "Operations"),
		h.listOperations)
	op = action(http.MethodGet, "/backups/{id}", "getOperation", "One operation",
		"Its progress while it runs, its report when it has ended.", "Operations")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, func(ctx context.Context, in *OperationID) (*struct{ Body Operation }, error) {
		o, err := h.d.Console.GetOperation(ctx, handlers.ActorFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Operation }{operationOf(o)}, nil
	})
	op = action(http.MethodPost, "/backups/{id}/cancel", "cancelOperation", "Stop an operation",
		"It ends at the next safe place; watch it for when. Restores take the scope restore, everything else backup.",
		"Operations")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusNotFound, http.StatusConflict}
	register(h, op, h.decide(h.d.Console.CancelOperation))
	op = action(http.MethodPost, "/backups/{id}/approve", "approveOperation",
		"Approve a restore that somebody else asked for",
		"Of the whole database, or of more than one person may bring back within a day, where keepsake.yaml asks for a "+
			"second approver. One's own request is refused.", "Operations")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusNotFound, http.StatusConflict}
	register(h, op, h.decide(h.d.Console.ApproveOperation))
	op = action(http.MethodGet, "/backups/{id}/log", "getLog", "An operation's log",
		"Oldest first; after is the id of the last line that is known.", "Operations")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, h.log)
	h.events()
}

type decision struct {
	Repeatable
	OperationID
}

// decide does something to an operation and answers with where it stands then.
func (h *actions) decide(do func(ctx context.Context, actor keepsake.Actor, id string) error) func(context.Context,
	*decision) (*started, error) {
	return func(ctx context.Context, in *decision) (*started, error) {
		actor := handlers.ActorFrom(ctx)
		if err := do(ctx, actor, in.ID); err != nil {
			return nil, err
		}
		o, err := h.d.Console.GetOperation(ctx, actor, in.ID)
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	}
}

// OperationID names an operation. Huma fills exported types only.
type OperationID struct {
	ID string `path:"id" maxLength:"64" doc:"The operation"`
}

type listOperationsInput struct {
	Kind         string    `query:"kind" enum:"backup,verify,repair,restore,scoped,retention"`
	State        string    `query:"state" enum:"proposed,queued,running,interrupted,done,failed,cancelled"`
	Type         string    `query:"type" enum:"full,incremental,critical" doc:"Of a backup"`
	Tier         string    `query:"tier" enum:"critical,high,standard" doc:"A restore of this tier"`
	WeddingID    string    `query:"wedding" maxLength:"200" doc:"A restore of this wedding, or a backup made for it"`
	Organization string    `query:"organization" maxLength:"200" doc:"Asked for by an account bound to this organization, or about it, or about or made for a wedding that is its now"`
	Active       bool      `query:"active" doc:"Only those that have not ended"`
	From         time.Time `query:"from" doc:"Asked for from then on"`
	To           time.Time `query:"to" doc:"Asked for before then"`
	Covers       string    `query:"covers" format:"date" doc:"Backups that cover weddings of this day, such as 2026-12-05"`
	CoversTier   string    `query:"covers_tier" enum:"critical,high,standard" doc:"Backups that cover this tier"`
	Contacts     bool      `query:"contacts" doc:"Only backups that cover vendors with a telephone number or an e-mail address"`
	Platform     string    `query:"platform" maxLength:"40" doc:"Of this platform, by its name; without it, of all that the account sees"`
	Milestone    string    `query:"milestone" maxLength:"60" doc:"Backups made for this milestone of a wedding, such as final_payment"`
	Cursor       string    `query:"cursor" maxLength:"64"`
	Limit        int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type operationList struct {
	Body struct {
		Operations []Operation `json:"operations"`
		Next       string      `json:"next,omitempty" doc:"The cursor of the following page; absent on the last"`
	}
}

func (h *actions) listOperations(ctx context.Context, in *listOperationsInput) (*operationList, error) {
	var covers time.Time
	if in.Covers != "" {
		var err error
		if covers, err = time.Parse(time.DateOnly, in.Covers); err != nil {
			return nil, keepsake.Wrong("covers", "this is no day: write it as 2026-12-05")
		}
	}
	page, err := h.d.Console.ListOperations(ctx, handlers.ActorFrom(ctx),
		console.ListInput{
			Platform:     in.Platform,
			Kind:         console.Kind(in.Kind),
			State:        console.State(in.State),
			Type:         keepsake.BackupType(in.Type),
			Tier:         keepsake.Tier(in.Tier),
			WeddingID:    in.WeddingID,
			Organization: in.Organization,
			Active:       in.Active,
			From:         in.From,
			To:           in.To,
			Cursor:       in.Cursor,
			Limit:        in.Limit,
			Covers:       covers,
			CoversTier:   keepsake.Tier(in.CoversTier),
			Contacts:     in.Contacts,
			Milestone:    in.Milestone,
		})
	if err != nil {
		return nil, err
	}
	out := &operationList{}
	out.Body.Operations, out.Body.Next = each(page.Operations, operationOf), page.Next
	return out, nil
}

// LogLine is one line of an operation's log.
type LogLine struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Level   string    `json:"level" enum:"info,warn,error"`
	Message string    `json:"message"`
}

func lineOf(l console.LogLine) LogLine {
	return LogLine{ID: l.ID, At: l.Time, Level: l.Level, Message: l.Message}
}

type logInput struct {
	OperationID
	After int64 `query:"after" minimum:"0"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

type logOutput struct {
	Body struct {
		Lines []LogLine `json:"lines"`
	}
}

func (h *actions) log(ctx context.Context, in *logInput) (*logOutput, error) {
	lines, err := h.d.Console.OperationLog(ctx, handlers.ActorFrom(ctx), in.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &logOutput{}
	out.Body.Lines = each(lines, lineOf)
	return out, nil
}
