package api

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Restore is what should come back, from when, and where to. Without confirm nothing changes.
type Restore struct {
	Scope
	Point    string       `json:"point,omitempty" maxLength:"100" doc:"The recovery point, or latest. Absent: of a wedding the newest safe one before its newest damage, where rows of it went missing; else the latest"`
	Mode     scope.Mode   `json:"mode,omitempty" enum:"missing,rewind" default:"missing" doc:"Into the live platform: missing brings back what is missing and touches nothing else; rewind makes everything as it was"`
	Database *NewDatabase `json:"database,omitempty" doc:"Into a new database instead of the live platform"`
	Confirm  *Confirm     `json:"confirm,omitempty" doc:"Absent: show what would happen"`
}

// NewDatabase is where a restore goes that does not touch the platform.
type NewDatabase struct {
	Name     string `json:"name" minLength:"1" maxLength:"63"`
	Target   string `json:"target,omitempty" maxLength:"200" doc:"A server that the configuration names; absent: the platform's own"`
	Provider string `json:"provider,omitempty" maxLength:"100" doc:"Read from this provider only"`
}

// Confirm says that what would happen was looked at.
type Confirm struct {
	Fingerprint string   `json:"fingerprint,omitempty" maxLength:"100" doc:"Of the preview; required for the live platform. When the live rows have moved since, nothing is written"`
	Name        string   `json:"name" minLength:"1" maxLength:"500" doc:"The name that the preview shows, or the name of the new database"`
	Skip        []string `json:"skip,omitempty" maxItems:"1000" doc:"Rows to leave out: the table, a space, and each column of the key with its value, as in public.guests id 7 or public.seats wedding_id 7, number 3; or * for all of a table. Inside a name and a value, blank, comma and % are written %20, %2C and %25; a value that reads null is written %6Eull"`
}

// Preview is what a restore into the live platform would do.
type Preview struct {
	Point       string               `json:"point"`
	PointTime   time.Time            `json:"point_time"`
	Passed      []string             `json:"passed,omitempty" doc:"Newer recovery points that latest passed by because they cannot be read or are suspect, with why, and that this one is suspect, in words. Absent: there is none of that"`
	Untried     string               `json:"untried,omitempty" doc:"Why it could not be tried whether the platform takes these rows: starting the restore may end with another preview, or be refused. Absent: it was tried, and the platform takes every row that is not refused"`
	Name        string               `json:"name" doc:"What confirm must name"`
	Mode        scope.Mode           `json:"mode"`
	Fingerprint string               `json:"fingerprint"`
	Insert      int64                `json:"insert"`
	Update      int64                `json:"update"`
	Delete      int64                `json:"delete"`
	Refused     int64                `json:"refused"`
	Tables      []scope.TableChanges `json:"tables"`
	Weddings    map[string]int64     `json:"weddings,omitempty" doc:"Weddings that it would touch, with the number of rows of each"`
	ChunksRead  int64                `json:"chunks_read"`
	ChunksTotal int64                `json:"chunks_total"`
	Seconds     float64              `json:"seconds" doc:"What the comparison took"`
	Approval    string               `json:"approval,omitempty" doc:"Why another super admin will have to approve it once it is confirmed; absent: nobody has to"`
}

// RestoreAnswer is a preview, or the operation that was started.
type RestoreAnswer struct {
	PointWhy   string           `json:"point_why,omitempty" doc:"When rows of the wedding or the organization went missing, and which recovery point was taken, or should be; or that nobody could look for them, and why. Absent: nothing is known to be missing"`
	SaferPoint *draw.SaferPoint `json:"safer_point,omitempty" doc:"The recovery point was named, is taken, and is from after a damage: an older one that has what it has lost. Absent: none is known"`
	Preview    *Preview         `json:"preview,omitempty"`
	Operation  *Operation       `json:"operation,omitempty"`
}

type restoreOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where the operation can be watched"`
	Body     RestoreAnswer
}

// restoreAction is the name of the action whose answer is a preview or an operation.
const restoreAction = "restore"

func (h *actions) restores() {
	op := action(http.MethodPost, "/backups/restore", restoreAction, "Preview a restore, or confirm one",
		"Into the live platform: without confirm the answer is 200 and a preview of every row; with confirm it is 202 and "+
			"the operation. "+
			"Into a new database (database): confirm names it; everything there is proven by counts and hashes. What the live "+
			"platform has changed since the preview is never overwritten: the operation fails with the code conflict.",
		"Restores")
	op.Errors = []int{http.StatusNotFound, http.StatusConflict}
	answer := h.a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[RestoreAnswer](), true, "")
	op.Responses = map[string]*huma.Response{
		"202": {
			Description: "Started",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: answer}},
			Headers: map[string]*huma.Param{"Location": {
				Description: "Where the operation can be watched",
				Schema:      &huma.Schema{Type: huma.TypeString},
			}},
		}}
	register(h, op, h.restore)
	op = action(http.MethodGet, "/backups/restores/{id}", "getRestore", "What a restore into the live platform changed",
		"Both sides of every row.", "Restores")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, func(ctx context.Context, in *RestoreID) (*struct{ Body *scope.Undo }, error) {
		u, err := h.d.Console.GetScopedRestore(ctx, handlers.ActorFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body *scope.Undo }{u}, nil
	})
	op = action(http.MethodPost, "/backups/restores/{id}/undo", "undoRestore", "Take a restore back",
		"Rows that the platform has changed since stay as they are and are named in the operation's report.", "Restores")
	op.DefaultStatus, op.Errors = http.StatusAccepted, []int{http.StatusNotFound, http.StatusConflict}
	register(h, op, func(ctx context.Context, in *struct {
		Repeatable
		RestoreID
	}) (*started, error) {
		o, err := h.d.Console.UndoScope(ctx, handlers.ActorFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return startedAs(o), nil
	})
}

// RestoreID names a restore into the live platform. Huma fills exported types only.
type RestoreID struct {
	ID string `path:"id" maxLength:"100" doc:"The restore, as its operation names it"`
}

type restoreInput struct {
	Repeatable
	Body Restore
}

// Resolve refuses what no schema can say: a scope is exactly one thing, a new database needs a confirmation, and a
// confirmation a preview.
func (in *restoreInput) Resolve(huma.Context) []error {
	if keepsake.ScopeFields(in.Body.Scope).Named() != 1 {
		return []error{&huma.ErrorDetail{
			Location: "body",
			Message:  "name one of wedding, organization, tiers and everything",
		}}
	}
	switch to, confirm := in.Body.Database, in.Body.Confirm; {
	case to != nil && confirm == nil:
		return []error{&huma.ErrorDetail{
			Location: "body.confirm",
			Message:  "a restore into a new database has no preview: confirm it with its name",
		}}
	case to == nil && confirm != nil && confirm.Fingerprint == "":
		return []error{&huma.ErrorDetail{
			Location: "body.confirm.fingerprint",
			Message:  "a restore into the live platform is confirmed with the fingerprint of its preview",
		}}
	}
	return nil
}

func (h *actions) restore(ctx context.Context, in *restoreInput) (*restoreOutput, error) {
	actor, b := handlers.ActorFrom(ctx), in.Body
	what, err := keepsake.ScopeFields(b.Scope).Scope()
	if err != nil {
		return nil, err
	}
	advice, stop := h.choosePoint(ctx, actor, what, &b)
	defer stop()
	if b.Database != nil {
		o, err := h.d.Console.StartRestore(ctx, actor, console.StartRestoreInput{
			Point:        b.Point,
			Target:       b.Database.Target,
			Database:     b.Database.Name,
			Provider:     b.Database.Provider,
			Scope:        what,
			Confirmation: b.Confirm.Name,
		})
		return startedRestore(o, advice, err)
	}
	scoped := console.ScopedInput{Scope: what, Point: b.Point, Mode: b.Mode}
	if b.Confirm != nil {
		o, err := h.d.Console.RestoreScope(ctx, actor,
			console.RestoreScopeInput{
				ScopedInput:  scoped,
				Fingerprint:  b.Confirm.Fingerprint,
				Confirmation: b.Confirm.Name,
				Name:         b.Confirm.Name,
				Skip:         b.Confirm.Skip,
			})
		return startedRestore(o, advice, err)
	}
	p, err := h.d.Console.PreviewScope(ctx, actor, scoped)
	if err != nil {
		return nil, err
	}
	out := &Preview{
		Point:       p.Point,
		PointTime:   p.PointTime,
		Passed:      p.Passed,
		Untried:     p.Untried,
		Name:        p.Name,
		Mode:        p.Mode,
		Fingerprint: p.Fingerprint,
		Tables:      append([]scope.TableChanges{}, p.Tables...),
		Weddings:    p.Weddings,
		ChunksRead:  p.ChunksRead,
		ChunksTotal: p.ChunksTotal,
		Seconds:     p.Seconds,
	}
	out.Insert, out.Update, out.Delete, out.Refused = p.Totals()
	if out.Approval, err = h.d.Console.NeedsSecondApprover(ctx, actor, scoped); err != nil {
		return nil, err
	}
	a := advice()
	return &restoreOutput{
		Status: http.StatusOK,
		Body:   RestoreAnswer{PointWhy: a.Why, SaferPoint: a.Safer, Preview: out},
	}, nil
}

// choosePoint takes the newest safe recovery point where none is named, of an organization the newest, as the pages do,
// and says why. Who
// names one gets it, and is told where an older one has more; nothing waits for that but advice. A confirmation without
// a point chooses anew: the fingerprint covers the point, so another choice than the preview's writes nothing.
func (h *actions) choosePoint(ctx context.Context, actor keepsake.Actor, what keepsake.Scope,
	b *Restore) (advice func() draw.PointAdvice,
	stop func()) {
	named := b.Point
	b.Point = cmp.Or(named, "latest")
	of := console.ScopedInput{Scope: what, Point: b.Point}
	if draw.TakesSafePoint(what) && named == "" {
		d, err := h.d.Console.FindDamage(ctx, actor, of)
		if err == nil && d != nil {
			b.Point = d.Point
		}
		return func() draw.PointAdvice { return draw.AdvisePoint(what, named, d, err) }, func() {}
	}
	found, stop := handlers.Beside(ctx,
		func(ctx context.Context) (*engine.Damage, error) { return h.d.Console.FindDamage(ctx, actor, of) })
	return func() draw.PointAdvice {
		d, err := found()
		return draw.AdvisePoint(what, of.Point, d, err)
	}, stop
}

func startedRestore(o console.Operation, advice func() draw.PointAdvice, err error) (*restoreOutput, error) {
	if err != nil {
		return nil, err
	}
	op, a := operationOf(o), advice()
	return &restoreOutput{
		Status:   http.StatusAccepted,
		Location: Prefix + "/backups/" + o.ID,
		Body:     RestoreAnswer{PointWhy: a.Why, SaferPoint: a.Safer, Operation: &op},
	}, nil
}
