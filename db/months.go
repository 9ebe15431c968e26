package db

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// byMonth are the tables that are kept by month.
var byMonth = []string{"operation_events", "audit_log", "audit_words"}

// monthsAhead is how many months have their partitions before they begin: a console that stands still for so long
// misses none.
const monthsAhead = 3

// KeepMonths makes the partitions of the tables that are kept by month, from where they end to some months after now,
// and returns how many it made. Each table is a transaction of its own, so that nobody waits for more than one of them.
func (d *DB) KeepMonths(ctx context.Context, now time.Time) (made int, err error) {
	now = now.UTC()
	until := time.Date(now.Year(), now.Month()+monthsAhead, 1, 0, 0, 0, 0, time.UTC)
	for _, table := range byMonth {
		err := d.InTx(ctx, keepsake.System("months"), func(tx Tx) error {
			n, err := tx.KeepMonths(ctx, sqlcgen.KeepMonthsParams{Parent: table, Until: until})
			made += int(n)
			return err
		})
		if err != nil {
			return made, fmt.Errorf("make the months of %s: %w", table, err)
		}
	}
	return made, nil
}
