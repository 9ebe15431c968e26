package weddings

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Wedding is one wedding of the platform. FoundWeddings is what a search found: see search. WeddingQuery selects
// weddings, WeddingPlace is one's place among them: see platform.
type (
	Wedding       = search.Wedding
	FoundWeddings = search.Found
	WeddingQuery  = platform.WeddingQuery
	WeddingPlace  = platform.WeddingPlace
	WeddingSearch = search.Query
)

// Finder lists and searches weddings and organizations. It is safe for concurrent use, and keeps the names that were
// read last.
type Finder struct {
	replicas    *replicas.Set
	dataMap     keepsake.DataMap
	questions   *platform.Questions
	now         func() time.Time
	directories *directories
}

// NewFinder returns a Finder that asks the platform through these questions. Close ends what it reads.
func NewFinder(set *replicas.Set, dataMap keepsake.DataMap, questions *platform.Questions,
	now func() time.Time) *Finder {
	return &Finder{replicas: set, dataMap: dataMap, questions: questions, now: now, directories: newDirectories()}
}

// Close ends the readings that are under way. The Finder must not be used afterwards.
func (by *Finder) Close() { by.directories.close() }

// Weddings returns weddings of the live platform: those ahead first, the nearest first, then past ones. O(weddings)
// in the database.
func (by *Finder) Weddings(ctx context.Context, q WeddingQuery) (list []Wedding, err error) {
	err = by.questions.Ask(ctx, func(conn *pgx.Conn) error {
		rows, err := platform.QueryWeddings(ctx, conn, by.dataMap, q)
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

// WeddingsAt returns weddings as a recovery point knows them, in the same order, and the point's time. It needs no
// platform. It reads the whole table of weddings once, and answers later calls for the same point from memory.
func (by *Finder) WeddingsAt(ctx context.Context, point string, q WeddingQuery) ([]Wedding, time.Time, error) {
	d, at, err := by.directoryAt(ctx, point, false)
	if err != nil {
		return nil, at, err
	}
	return listed(d, q), at, nil
}

// listed are the weddings of a directory that a query selects.
func listed(d *search.Directory, q WeddingQuery) []Wedding {
	s := WeddingSearch{Organization: q.Organization, Today: q.Today, Limit: q.Limit}
	if q.After != nil {
		s.After = &Wedding{ID: q.After.ID, Couple: q.After.Couple, Date: q.After.Day}
	}
	s.Keep = func(w Wedding) bool {
		if days := keepsake.DaysBefore(w.Date, q.Today); q.Within > 0 && (days < 0 || days > q.Within) {
			return false
		}
		return (q.IDs == nil || slices.Contains(q.IDs, w.ID)) &&
			(q.Days == nil || slices.ContainsFunc(q.Days, func(d time.Time) bool { return d.Format(time.DateOnly) == w.Day() }))
	}
	return d.Find(s).Weddings
}

// FindWeddings searches the live platform, as it was some seconds ago at most. O(weddings) in memory.
func (by *Finder) FindWeddings(ctx context.Context, q WeddingSearch) (FoundWeddings, error) {
	d, err := by.liveDirectory(ctx, q.Text != "")
	if err != nil {
		return FoundWeddings{}, err
	}
	return d.Find(q), nil
}

// FindWeddingsAt searches a recovery point and finds the same as FindWeddings would have found then. It also returns
// the point's time, and needs no platform.
func (by *Finder) FindWeddingsAt(ctx context.Context, point string, q WeddingSearch) (FoundWeddings, time.Time, error) {
	d, at, err := by.directoryAt(ctx, point, q.Text != "")
	if err != nil {
		return FoundWeddings{}, at, err
	}
	return d.Find(q), at, nil
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
