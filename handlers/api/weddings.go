package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/scope"
)

// WeddingID names a wedding. Huma fills exported types only.
type WeddingID struct {
	ID string `path:"id" maxLength:"200" doc:"The key of the wedding"`
}

// Milestone is a day of a wedding that has a name.
type Milestone struct {
	Name    string `json:"name"`
	Day     string `json:"day" format:"date"`
	Derived bool   `json:"derived" doc:"From the wedding's day: nobody can move it"`
}

// Timeline is one wedding with its past.
type Timeline struct {
	Wedding
	Milestones []Milestone `json:"milestones"`
	Points     []Point     `json:"points" doc:"Recovery points that hold it, newest first"`
	Missing    string      `json:"missing,omitempty" doc:"Why this is not the live platform's own"`
}

// WeddingTable is a table of a wedding as it was. Values are text as PostgreSQL prints it; null is null.
type WeddingTable struct {
	Table   string      `json:"table"`
	Shared  bool        `json:"shared,omitempty" doc:"Other weddings use these rows too"`
	Columns []string    `json:"columns"`
	Rows    [][]*string `json:"rows"`
}

type listInput struct {
	Search string `query:"search" maxLength:"200" doc:"Words of couple, organization, place or vendor, in any order and without their accents, and days such as tomorrow, 5 December or 2026-12-05"`
	Cursor string `query:"cursor" maxLength:"4000"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type weddingList struct {
	Body struct {
		Weddings []Wedding `json:"weddings"`
		Next     string    `json:"next,omitempty" doc:"The cursor of the following page; absent on the last. Weddings that come or go meanwhile move no others"`
		Missing  string    `json:"missing,omitempty" doc:"Why they are not the live platform's own"`
		Total    int       `json:"total" doc:"How many there are on all pages"`
		Days     []string  `json:"days,omitempty" doc:"How days in the search have been read"`
	}
}

type contactList struct {
	Body struct {
		Contacts []scope.Contact `json:"contacts"`
	}
}

func (h *actions) weddings() {
	register(h, action(http.MethodGet, "/weddings", "listWeddings", "Find weddings",
		"Those that fit a search best first, and among equals those ahead, the nearest of them first.", "Weddings"),
		func(ctx context.Context, in *listInput) (*weddingList, error) {
			page, err := h.d.Console.ListWeddings(ctx, handlers.ActorFrom(ctx),
				console.WeddingsInput{Search: in.Search, Cursor: in.Cursor, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			out := &weddingList{}
			out.Body.Weddings, out.Body.Next, out.Body.Missing = each(page.Weddings, weddingOf), page.Next, page.Missing
			out.Body.Total, out.Body.Days = page.Total, page.Days
			return out, nil
		})
	one := func(path, id, summary, text string) huma.Operation {
		op := action(http.MethodGet, path, id, summary, text, "Weddings")
		op.Errors = []int{http.StatusNotFound}
		return op
	}
	register(h, action(http.MethodGet, "/organizations", "listOrganizations",
		"Find organizations", "By name.", "Weddings"), h.organizations)
	register(h, one("/weddings/{id}", "getWedding", "One wedding's timeline", "Its milestones and recovery points."),
		func(ctx context.Context, in *WeddingID) (*struct{ Body Timeline }, error) {
			t, err := h.d.Console.GetWedding(ctx, handlers.ActorFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &struct{ Body Timeline }{Timeline{
				Wedding: weddingOf(t.Wedding),
				Points:  each(t.Points, pointOf),
				Missing: t.Missing,
				Milestones: each(t.Milestones, func(m console.Milestone) Milestone {
					return Milestone{
						m.Name, m.Day.Format(time.DateOnly), m.Derived}
				}),
			}}, nil
		})
	register(h, one("/weddings/{id}/then", "getWeddingThen", "A wedding as it was",
		"Its rows at a recovery point, straight from the providers: no platform is needed."), h.then)
	register(h, one("/weddings/{id}/contacts", "getContacts", "A wedding's vendors",
		"As a recovery point knows them; no platform is needed."),
		func(ctx context.Context, in *atInput) (*contactList, error) {
			w, err := h.d.Console.GetWeddingAt(ctx, handlers.ActorFrom(ctx), in.ID, in.Point)
			if err != nil {
				return nil, err
			}
			out := &contactList{}
			out.Body.Contacts = append([]scope.Contact{}, w.Contacts...)
			return out, nil
		})
	register(h, one("/weddings/{id}/changes", "getChanges", "What changed in a wedding",
		"Between two recovery points, or between one and now."), func(ctx context.Context, in *struct {
		WeddingID
		From string `query:"from" maxLength:"100" default:"latest"`
		To   string `query:"to" maxLength:"100" default:"now"`
	}) (*struct{ Body Changes }, error) {
		w, err := h.d.Console.GetWeddingChanges(ctx, handlers.ActorFrom(ctx), in.ID, in.From, in.To)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Changes }{Changes{
			Name:      w.Name,
			From:      w.From,
			To:        moment(w.To),
			FromPoint: w.FromPoint,
			ToPoint:   w.ToPoint,
			Tables:    append([]scope.TableChanges{}, w.Tables...),
		}}, nil
	})
}

// Changes is what changed between two moments of a wedding.
type Changes struct {
	Name      string               `json:"name"`
	From      time.Time            `json:"from"`
	To        *time.Time           `json:"to,omitempty" doc:"Absent for the live platform"`
	FromPoint string               `json:"from_point"`
	ToPoint   string               `json:"to_point" doc:"now for the live platform"`
	Tables    []scope.TableChanges `json:"tables"`
}

type atInput struct {
	WeddingID
	Point string `query:"point" maxLength:"100" default:"latest" doc:"The recovery point, or latest"`
}

// Then is a wedding as it was.
type Then struct {
	Point  string         `json:"point"`
	Time   time.Time      `json:"time"`
	Name   string         `json:"name"`
	Tables []WeddingTable `json:"tables"`
}

func (h *actions) then(ctx context.Context, in *atInput) (*struct{ Body Then }, error) {
	w, err := h.d.Console.GetWeddingAt(ctx, handlers.ActorFrom(ctx), in.ID, in.Point)
	if err != nil {
		return nil, err
	}
	out := Then{Point: w.Point, Time: w.Time, Name: w.Name, Tables: []WeddingTable{}}
	for _, t := range w.Tables {
		table := WeddingTable{Table: t.Table, Shared: t.Belongs == scope.Shared, Rows: append([][]*string{}, t.Rows...)}
		for _, c := range t.Columns {
			table.Columns = append(table.Columns, c.Name)
		}
		out.Tables = append(out.Tables, table)
	}
	return &struct{ Body Then }{out}, nil
}

// Organization is one organization of the platform.
type Organization struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Weddings int64  `json:"weddings"`
}

type organizationList struct {
	Body struct {
		Organizations []Organization `json:"organizations"`
		Next          string         `json:"next,omitempty" doc:"The cursor of the following page; absent on the last"`
		Missing       string         `json:"missing,omitempty" doc:"Why they are not the live platform's own"`
	}
}

func (h *actions) organizations(ctx context.Context, in *struct {
	Search string `query:"search" maxLength:"200"`
	Cursor string `query:"cursor" maxLength:"4000"`
}) (*organizationList, error) {
	page, err := h.d.Console.ListOrganizations(ctx, handlers.ActorFrom(ctx), in.Search, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &organizationList{}
	out.Body.Organizations, out.Body.Next, out.Body.Missing = []Organization{}, page.Next, page.Missing
	for _, o := range page.Organizations {
		out.Body.Organizations = append(out.Body.Organizations, Organization{o.ID, o.Name, o.Weddings})
	}
	return out, nil
}
