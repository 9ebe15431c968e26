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
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Wedding is one wedding of the platform.
type Wedding struct {
	ID             string
	Couple         string
	OrganizationID string
	Organization   string
	Date           time.Time // the day, at midnight UTC; zero: there is none yet
}

// Day is the wedding's day as YYYY-MM-DD, "" where there is none yet.
func (w Wedding) Day() string {
	if w.Date.IsZero() {
		return ""
	}
	return w.Date.Format(time.DateOnly)
}

// WeddingQuery selects weddings, WeddingPlace is one's place among them: see platform.
type (
	WeddingQuery = platform.WeddingQuery
	WeddingPlace = platform.WeddingPlace
)

// Weddings lists weddings of the live platform: those ahead first, nearest first, then the past ones. O(weddings) in the database.
func (e *Engine) Weddings(ctx context.Context, q WeddingQuery) (list []Wedding, err error) {
	err = e.questions.Ask(ctx, func(conn *pgx.Conn) error {
		rows, err := platform.QueryWeddings(ctx, conn, e.opts.DataMap, q)
		if err != nil {
			return fmt.Errorf("list weddings: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Wedding, err error) {
			var day *time.Time
			err = row.Scan(&w.ID, &w.Couple, &w.OrganizationID, &w.Organization, &day)
			if day != nil {
				w.Date = *day
			}
			return w, err
		})
		return err
	})
	return list, err
}

// WeddingsAt lists weddings as a recovery point knows them, with no platform, in the same order; its time is returned too. A
// search does not find vendors. O(weddings): it reads the whole table of weddings, and that of organizations.
func (e *Engine) WeddingsAt(ctx context.Context, point string, q WeddingQuery) ([]Wedding, time.Time, error) {
	r, from, err := e.openFor(ctx, "")
	if err != nil {
		return nil, time.Time{}, err
	}
	m, _, _, err := e.resolve(ctx, r, from, point)
	if err != nil {
		return nil, time.Time{}, err
	}
	plan, err := scope.FromManifest(m, e.opts.DataMap, e.opts.DataMap.Wedding.Table)
	if err != nil {
		return nil, m.Time, err
	}
	track := newTracker(nil, e.opts.Now)
	defer track.close()
	chunks := chunkOpener{newSource(r, from, m.ID, track)}
	w, o := e.opts.DataMap.Wedding, e.opts.DataMap.Organization
	names := map[string]string{}
	if organizations := plan.Table(keepsake.QualifiedName(o.Table)); organizations != nil && len(organizations.Key) == 1 {
		rows, err := scope.ReadTable(ctx, organizations, chunks)
		if err != nil {
			return nil, m.Time, err
		}
		key, name := columnOf(rows, organizations.Key[0]), columnOf(rows, o.Name)
		for _, row := range rows.Rows {
			names[key(row)] = name(row)
		}
	}
	rows, err := scope.ReadTable(ctx, plan.Table(plan.Root), chunks)
	if err != nil {
		return nil, m.Time, err
	}
	key, couple, organization, day := columnOf(rows, plan.RootKey), columnOf(rows, w.Name), columnOf(rows, w.Organization), columnOf(rows, w.Date)
	var list []Wedding
	for _, row := range rows.Rows {
		x := Wedding{ID: key(row), Couple: couple(row), OrganizationID: organization(row)}
		x.Organization = names[x.OrganizationID]
		text := day(row)
		if date, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))]); err == nil {
			x.Date = date
		}
		if matches(x, q) {
			list = append(list, x)
		}
	}
	order := nearestFirst(q.Today)
	slices.SortFunc(list, order)
	if a := q.After; a != nil {
		last := Wedding{ID: a.ID, Couple: a.Couple, Date: a.Day}
		list = slices.DeleteFunc(list, func(w Wedding) bool { return order(w, last) <= 0 })
	}
	return list[:min(q.Limit, len(list))], m.Time, nil
}

// nearestFirst orders weddings as the platform is asked to.
func nearestFirst(day time.Time) func(a, b Wedding) int {
	today := day.Format(time.DateOnly)
	return func(a, b Wedding) int {
		if a.Date.IsZero() != b.Date.IsZero() {
			if b.Date.IsZero() {
				return -1
			}
			return 1
		}
		pastA, pastB := a.Date.Format(time.DateOnly) < today, b.Date.Format(time.DateOnly) < today
		switch {
		case pastA != pastB && pastB:
			return -1
		case pastA != pastB:
			return 1
		case pastA:
			return cmp.Or(b.Date.Compare(a.Date), strings.Compare(a.Couple, b.Couple), strings.Compare(a.ID, b.ID))
		}
		return cmp.Or(a.Date.Compare(b.Date), strings.Compare(a.Couple, b.Couple), strings.Compare(a.ID, b.ID))
	}
}

// columnOf returns how to read a column of rows, "" for null and for a column that is not there.
func columnOf(t scope.TableRows, name string) func([]*string) string {
	i := slices.IndexFunc(t.Columns, func(c repository.Column) bool { return c.Name == name })
	return func(row []*string) string {
		if i < 0 || row[i] == nil {
			return ""
		}
		return *row[i]
	}
}

func matches(w Wedding, q WeddingQuery) bool {
	if q.IDs != nil && !slices.Contains(q.IDs, w.ID) || q.Days != nil && !slices.ContainsFunc(q.Days, func(d time.Time) bool { return d.Format(time.DateOnly) == w.Date.Format(time.DateOnly) }) {
		return false
	}
	if q.Organization != "" && w.OrganizationID != q.Organization {
		return false
	}
	if days := keepsake.DaysBefore(w.Date, q.Today); q.Within > 0 && (days < 0 || days > q.Within) {
		return false
	}
	text := strings.ToLower(w.Couple + " " + w.Organization)
	if !w.Date.IsZero() {
		text += strings.ToLower(w.Date.Format(" 2006-01-02 Monday 2 January 2006"))
	}
	for _, word := range platform.SearchWords(strings.ToLower(q.Search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
