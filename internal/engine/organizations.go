package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/scope"
)

// Organization is one organization of the platform.
type Organization struct {
	ID       string
	Name     string
	Weddings int64 // how many it has; 0 where a recovery point was asked
}

// OrganizationQuery selects organizations, OrganizationPlace is one's place among them: see platform.
type (
	OrganizationQuery = platform.OrganizationQuery
	OrganizationPlace = platform.OrganizationPlace
)

// Organizations lists organizations of the live platform by name.
func (e *Engine) Organizations(ctx context.Context, q OrganizationQuery) (list []Organization, err error) {
	err = e.questions.Ask(ctx, func(conn *pgx.Conn) error {
		rows, err := platform.QueryOrganizations(ctx, conn, e.opts.DataMap, q)
		if err != nil {
			return fmt.Errorf("list organizations: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Organization])
		return err
	})
	return list, err
}

// OrganizationsAt lists them as a recovery point knows them, with no platform; its time is returned too. It reads the whole
// table of organizations.
func (e *Engine) OrganizationsAt(ctx context.Context, point string, q OrganizationQuery) ([]Organization, time.Time, error) {
	r, from, err := e.openFor(ctx, "")
	if err != nil {
		return nil, time.Time{}, err
	}
	m, _, _, err := e.resolve(ctx, r, from, point)
	if err != nil {
		return nil, time.Time{}, err
	}
	root := e.opts.DataMap.Organization
	plan, err := scope.FromManifest(m, e.opts.DataMap, root.Table)
	if err != nil {
		return nil, m.Time, err
	}
	track := newTracker(nil, e.opts.Now)
	defer track.close()
	rows, err := scope.ReadTable(ctx, plan.Table(plan.Root), chunkOpener{newSource(r, from, m.ID, track)})
	if err != nil {
		return nil, m.Time, err
	}
	key, name := columnOf(rows, plan.RootKey), columnOf(rows, root.Name)
	var list []Organization
	for _, row := range rows.Rows {
		o := Organization{ID: key(row), Name: name(row)}
		has := func(word string) bool { return strings.Contains(strings.ToLower(o.Name), strings.ToLower(word)) }
		if words := platform.SearchWords(q.Search); !slices.ContainsFunc(words, func(w string) bool { return !has(w) }) {
			list = append(list, o)
		}
	}
	order := func(a, b Organization) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	}
	slices.SortFunc(list, order)
	if a := q.After; a != nil {
		list = slices.DeleteFunc(list, func(o Organization) bool { return order(o, Organization{ID: a.ID, Name: a.Name}) <= 0 })
	}
	return list[:min(q.Limit, len(list))], m.Time, nil
}
