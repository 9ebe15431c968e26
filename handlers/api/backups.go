package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// Repeatable is a POST that may name itself. Huma fills exported types only.
type Repeatable struct {
	Key string `header:"Idempotency-Key" maxLength:"200" doc:"The request is carried out once, however often it is sent with this key within a day"`
}

// CreateBackup is what a backup should be.
type CreateBackup struct {
	Type      keepsake.BackupType `json:"type" enum:"full,incremental,critical" doc:"full reads everything; incremental what has changed; critical the critical tier alone"`
	Note      string              `json:"note,omitempty" maxLength:"500"`
	Labels    map[string]string   `json:"labels,omitempty" doc:"Such as app version and deploy tag; at most 20"`
	Wedding   string              `json:"wedding,omitempty" maxLength:"200" doc:"The key of the wedding that it is made for"`
	Milestone string              `json:"milestone,omitempty" maxLength:"60" doc:"Of that wedding, such as contract_signed"`
}

func (h *actions) backups(a huma.API) {
	op := action(http.MethodPost, "/backups/create", "createBackup", "Take a backup", "One runs at a time; a second one is refused with 409. Each type has its own limit an hour: 429 says when the next may start.", "Backups")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusConflict, http.StatusTooManyRequests}
	register(a, op, func(ctx context.Context, in *struct {
		Repeatable
		Body CreateBackup
	}) (*started, error) {
		o, err := h.d.Console.StartBackup(ctx, handlers.ActorFrom(ctx), console.StartBackupInput{Type: in.Body.Type, Note: in.Body.Note, Labels: in.Body.Labels, Wedding: in.Body.Wedding, Milestone: in.Body.Milestone})
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})
	register(a, action(http.MethodGet, "/backups/status", "getStatus", "How things stand", "Protection, what runs, the last backup, the next weddings. Ask with If-None-Match: 304 means that nothing has changed.", "Backups"), h.status)

	op = action(http.MethodPost, "/backups/verify", "verify", "Verify recovery points", "Without a point, all of them. deep reads every object back.", "Backups")
	op.DefaultStatus = http.StatusAccepted
	register(a, op, func(ctx context.Context, in *struct {
		Repeatable
		Body struct {
			Point string `json:"point,omitempty" maxLength:"100"`
			Deep  bool   `json:"deep,omitempty"`
		}
	}) (*started, error) {
		o, err := h.d.Console.StartVerify(ctx, handlers.ActorFrom(ctx), console.StartVerifyInput{Point: in.Body.Point, Deep: in.Body.Deep})
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})

	register(a, action(http.MethodGet, "/operations", "listOperations", "List operations", "Newest first.", "Operations"), h.listOperations)
	op = action(http.MethodGet, "/backups/{id}", "getOperation", "One operation", "Its progress while it runs, its report when it has ended.", "Operations")
	op.Errors = []int{http.StatusNotFound}
	register(a, op, func(ctx context.Context, in *OperationID) (*struct{ Body Operation }, error) {
		o, err := h.d.Console.GetOperation(ctx, handlers.ActorFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Operation }{operationOf(o)}, nil
	})
	op = action(http.MethodPost, "/backups/{id}/cancel", "cancelOperation", "Stop an operation", "It ends at the next safe place; watch it for when.", "Operations")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusNotFound, http.StatusConflict}
	register(a, op, func(ctx context.Context, in *struct {
		Repeatable
		OperationID
	}) (*started, error) {
		actor := handlers.ActorFrom(ctx)
		if err := h.d.Console.CancelOperation(ctx, actor, in.ID); err != nil {
			return nil, err
		}
		o, err := h.d.Console.GetOperation(ctx, actor, in.ID)
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})
	op = action(http.MethodGet, "/backups/{id}/log", "getLog", "An operation's log", "Oldest first; after is the id of the last line that is known.", "Operations")
	op.Errors = []int{http.StatusNotFound}
	register(a, op, h.log)
	h.events(a)
}

// OperationID names an operation. Huma fills exported types only.
type OperationID struct {
	ID string `path:"id" maxLength:"64" doc:"The operation"`
}

// Status is how things stand.
type Status struct {
	Protected       bool        `json:"protected" doc:"The newest recovery point meets the 3-2-1 rule"`
	Lacks           string      `json:"lacks,omitempty" doc:"What the rule misses, in words"`
	Alarm           string      `json:"alarm,omitempty" enum:"never,late,failed" doc:"Why the age of the last good backup is an alarm"`
	AlarmText       string      `json:"alarm_text,omitempty"`
	AgeSeconds      float64     `json:"age_seconds,omitempty" doc:"Of the newest recovery point"`
	MaxAgeSeconds   float64     `json:"max_age_seconds" doc:"Beyond it the age alarms"`
	Newest          *Point      `json:"newest,omitempty" doc:"The newest recovery point that holds every tier"`
	Points          int64       `json:"points"`
	LastBackup      *Operation  `json:"last_backup,omitempty"`
	Running         []Operation `json:"running"`
	Providers       []Provider  `json:"providers"`
	Urgency         string      `json:"urgency" enum:"emergency,urgent,elevated,normal" doc:"Of the next wedding"`
	Weddings        []Wedding   `json:"weddings" doc:"The next ones: what would be touched if the platform were lost now"`
	WeddingsMissing string      `json:"weddings_missing,omitempty" doc:"Why they are not the live platform's own"`
}

// Provider is one storage target.
type Provider struct {
	Name          string     `json:"name"`
	Medium        string     `json:"medium"`
	Region        string     `json:"region,omitempty"`
	Offsite       bool       `json:"offsite"`
	Reachable     bool       `json:"reachable"`
	Error         string     `json:"error,omitempty"`
	Checked       *time.Time `json:"checked,omitempty"`
	LastPoint     string     `json:"last_point,omitempty" doc:"The newest recovery point confirmed there"`
	LastConfirmed *time.Time `json:"last_confirmed,omitempty"`
	Points        int64      `json:"points" doc:"Recovery points confirmed there"`
}

func providerOf(p console.ProviderState) Provider {
	return Provider{Name: p.Name, Medium: p.Medium, Region: p.Region, Offsite: p.Offsite, Reachable: p.Reachable, Error: p.Error, Checked: moment(p.Checked), LastPoint: p.LastPoint, LastConfirmed: moment(p.LastConfirmed), Points: p.Points}
}

type statusInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"200"`
}

type statusOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *Status
}

func (h *actions) status(ctx context.Context, in *statusInput) (*statusOutput, error) {
	d, err := h.d.Console.Dashboard(ctx, handlers.ActorFrom(ctx))
	if err != nil {
		return nil, err
	}
	s := &Status{Protected: d.Protection.Protected(), Lacks: d.Protection.Lacks(), Alarm: string(d.Alarm), AlarmText: d.AlarmText, MaxAgeSeconds: d.MaxAge.Seconds(), Points: d.Points,
		Running: each(d.Running, operationOf), Providers: each(d.Providers, providerOf), Weddings: each(d.Weddings, weddingOf), WeddingsMissing: d.WeddingsMissing, Urgency: string(keepsake.UrgencyNormal)}
	if len(d.Weddings) > 0 {
		s.Urgency = string(d.Weddings[0].Urgency)
	}
	if d.Newest != nil {
		p := pointOf(*d.Newest)
		s.Newest = &p
	}
	if d.LastBackup != nil {
		o := operationOf(*d.LastBackup)
		s.LastBackup = &o
	}
	tag, err := etag(s) // before the age, which changes while nothing does
	if err != nil {
		return nil, err
	}
	if in.IfNoneMatch == tag {
		return &statusOutput{Status: http.StatusNotModified, ETag: tag}, nil
	}
	s.AgeSeconds = d.Age.Seconds()
	return &statusOutput{Status: http.StatusOK, ETag: tag, Body: s}, nil
}

func etag(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:12]) + `"`, nil
}

type listOperationsInput struct {
	Kind         string    `query:"kind" enum:"backup,verify,restore,scoped"`
	State        string    `query:"state" enum:"queued,running,interrupted,done,failed,cancelled"`
	Type         string    `query:"type" enum:"full,incremental,critical"`
	Tier         string    `query:"tier" enum:"critical,high,standard"`
	Wedding      string    `query:"wedding" maxLength:"200"`
	Organization string    `query:"organization" maxLength:"200"`
	Active       bool      `query:"active" doc:"Only those that have not ended"`
	From         time.Time `query:"from" doc:"Asked for from then on"`
	To           time.Time `query:"to" doc:"Asked for before then"`
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
	page, err := h.d.Console.ListOperations(ctx, handlers.ActorFrom(ctx), console.ListInput{Kind: console.Kind(in.Kind), State: console.State(in.State), Type: keepsake.BackupType(in.Type),
		Tier: keepsake.Tier(in.Tier), Wedding: in.Wedding, Organization: in.Organization, Active: in.Active, From: in.From, To: in.To, Cursor: in.Cursor, Limit: in.Limit})
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
