package api

import (
	"context"
	"net/http"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// PointID names a recovery point. Huma fills exported types only.
type PointID struct {
	ID string `path:"id" maxLength:"100" doc:"The recovery point, or latest"`
}

// PointDetail is one recovery point opened.
type PointDetail struct {
	Point
	Tests          []Test                `json:"tests" doc:"Newest first, at most ten"`
	RestoreSeconds float64               `json:"restore_seconds,omitempty" doc:"What restoring it is expected to take, at the speed of the newest whole restore"`
	TableList      []engine.PointTable   `json:"table_list,omitempty"`
	NotCarried     []keepsake.NotCarried `json:"not_carried,omitempty" doc:"What it does not hold, and why"`
	Passed         []string              `json:"passed,omitempty" doc:"Of the recovery point that latest means: newer ones that it passes by because they are suspect, with why, in words. Absent: there are none"`
	Missing        string                `json:"missing,omitempty" doc:"Why the tables cannot be listed"`
}

// CreatePoint is a recovery point to be made by hand.
type CreatePoint struct {
	WeddingID string            `json:"wedding,omitempty" maxLength:"200" doc:"The key of the wedding that it is made for"`
	Milestone string            `json:"milestone,omitempty" maxLength:"60"`
	Note      string            `json:"note,omitempty" maxLength:"500"`
	Labels    map[string]string `json:"labels,omitempty" maxProperties:"20"`
}

// SavePoint is what may be changed of a recovery point; what is absent stays.
type SavePoint struct {
	Note   *string            `json:"note,omitempty" maxLength:"500"`
	Labels *map[string]string `json:"labels,omitempty" maxProperties:"20" doc:"All of them: what is not named is removed"`
	Locked *bool              `json:"locked,omitempty" doc:"Retention never removes it"`
	Trust  *keepsake.Trust    `json:"trust,omitempty" enum:"accepted,doubted," doc:"accepted: it can be trusted, whatever its backup found. doubted: it cannot, and latest passes it by. Empty: nobody says anything. It takes the scope restore, too"`
}

type listPointsInput struct {
	Platform     string    `query:"platform" maxLength:"40" doc:"Of this platform, by its name; without it, of the first, which most consoles have alone"`
	Type         string    `query:"type" enum:"full,incremental,critical"`
	Tier         string    `query:"tier" enum:"critical,high,standard" doc:"That hold this tier"`
	State        string    `query:"state" enum:"protected,unprotected" doc:"Whether they meet the 3-2-1 rule"`
	WeddingID    string    `query:"wedding" maxLength:"200" doc:"Made for this wedding. Every full and incremental point holds it, whatever it was made for"`
	Organization string    `query:"organization" maxLength:"200" doc:"Made for a wedding that is this organization's now, as the platform tells, or the newest recovery point where that does not answer. Every full and incremental point holds all organizations"`
	Milestone    string    `query:"milestone" maxLength:"60" doc:"Made for a wedding at this milestone"`
	Phase        string    `query:"phase" enum:"planning,preparation,execution,post_event" doc:"Made for a wedding that was in this phase then"`
	From         time.Time `query:"from" doc:"Taken from then on"`
	To           time.Time `query:"to" doc:"Taken before then"`
	Cursor       string    `query:"cursor" maxLength:"100"`
	Limit        int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type pointList struct {
	Body struct {
		Points []Point `json:"points"`
		Next   string  `json:"next,omitempty" doc:"The cursor of the following page; absent on the last"`
	}
}

func (h *actions) points() {
	register(h, action(http.MethodGet, "/backups/recovery-points", "listPoints", "List recovery points",
		"Newest first. Every one of the types full and incremental holds every wedding; the filters find those that were "+
			"made for one.", "Recovery points"), h.listPoints)
	op := action(http.MethodPost, "/backups/recovery-points", "createPoint", "Make a recovery point",
		"A real snapshot, incremental. With a wedding and a milestone it is marked as theirs.", "Recovery points")
	op.DefaultStatus, op.Errors = http.StatusAccepted,
		[]int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}
	register(h, op, func(ctx context.Context, in *struct {
		Repeatable
		Body CreatePoint
	}) (*counted, error) {
		o, err := h.d.Console.StartBackup(ctx, handlers.ActorFrom(ctx),
			console.StartBackupInput{
				Type:      keepsake.BackupIncremental,
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
	op = action(http.MethodGet, "/backups/recovery-points/{id}", "getPoint", "One recovery point",
		"With its tables and tests.", "Recovery points")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, h.getPoint)
	op = action(http.MethodPatch, "/backups/recovery-points/{id}", "savePoint", "Label a recovery point",
		"Note, labels, the lock against retention, and whether it can be trusted. They lie in the repository and outlive "+
			"this console. The answer shows them, so it takes the scope read, too.", "Recovery points")
	op.Errors = []int{http.StatusNotFound}
	register(h, op, func(ctx context.Context, in *struct {
		PointID
		Body SavePoint
	}) (*struct{ Body PointDetail }, error) {
		actor := handlers.ActorFrom(ctx)
		p, err := h.d.Console.GetPoint(ctx, actor, in.ID) // whoever may not read the answer changes nothing
		if err != nil {
			return nil, err
		}
		save := console.SavePointInput{ID: p.Point.ID, Note: in.Body.Note, Locked: in.Body.Locked, Trust: in.Body.Trust}
		if in.Body.Labels != nil {
			save.Labels = *in.Body.Labels
		}
		if err := h.d.Console.SavePoint(ctx, actor, save); err != nil {
			return nil, err
		}
		return h.getPoint(ctx, &PointID{p.Point.ID})
	})
}

func (h *actions) listPoints(ctx context.Context, in *listPointsInput) (*pointList, error) {
	what := console.PointsInput{
		Platform:     in.Platform,
		Type:         keepsake.BackupType(in.Type),
		Tier:         keepsake.Tier(in.Tier),
		WeddingID:    in.WeddingID,
		Organization: in.Organization,
		Milestone:    in.Milestone,
		Phase:        keepsake.Phase(in.Phase),
		From:         in.From,
		To:           in.To,
		Cursor:       in.Cursor,
		Limit:        in.Limit,
	}
	if in.State != "" {
		protected := in.State == "protected"
		what.Protected = &protected
	}
	page, err := h.d.Console.ListPoints(ctx, handlers.ActorFrom(ctx), what)
	if err != nil {
		return nil, err
	}
	out := &pointList{}
	out.Body.Points, out.Body.Next = each(page.Points, pointOf), page.Next
	return out, nil
}

func (h *actions) getPoint(ctx context.Context, in *PointID) (*struct{ Body PointDetail }, error) {
	p, err := h.d.Console.GetPoint(ctx, handlers.ActorFrom(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := PointDetail{
		Point:          pointOf(p.Point),
		Tests:          each(p.Tests, testOf),
		RestoreSeconds: p.RestoreSeconds,
		Passed:         each(p.Passed, console.SuspectPoint.PassedBy),
		Missing:        p.Missing,
	}
	if p.Detail != nil {
		out.TableList, out.NotCarried = p.Detail.TableList, p.Detail.NotCarried
	}
	return &struct{ Body PointDetail }{out}, nil
}
