package weddings

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
)

// CountWeddingsAt counts the weddings of a recovery point, and among them those of the organizations for which theirs
// is true.
func (by *Finder) CountWeddingsAt(ctx context.Context, point string, theirs func(organization string) bool) (all,
	of int64, err error) {
	d, _, err := by.directoryAt(ctx, point, false)
	if err != nil {
		return 0, 0, err
	}
	all, of = d.Count(theirs)
	return all, of, nil
}

// CountWeddings counts the weddings of the live platform, and among them those of one organization. "" means no
// organization.
func (by *Finder) CountWeddings(ctx context.Context, organization string) (all, theirs int64, err error) {
	err = by.questions.Ask(ctx, func(conn *pgx.Conn) error {
		all, theirs, err = platform.CountWeddings(ctx, conn, by.dataMap, organization)
		if err != nil {
			return fmt.Errorf("count weddings: %w", err)
		}
		return nil
	})
	return all, theirs, err
}

// CountWeddingDays counts the weddings of the live platform by their day, written as time.DateOnly, and those without
// one under "".
func (by *Finder) CountWeddingDays(ctx context.Context) (days map[string]int, err error) {
	err = by.questions.Ask(ctx, func(conn *pgx.Conn) error {
		if days, err = platform.CountWeddingDays(ctx, conn, by.dataMap); err != nil {
			return fmt.Errorf("count weddings by day: %w", err)
		}
		return nil
	})
	return days, err
}
