package console

import (
	"context"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
)

// newestWhole returns the newest recovery point that holds every tier and is not suspect, or the newest of them where
// all are.
func newestWhole(ctx context.Context, tx db.Tx, platform string) (sqlcgen.RecoveryPoint, error) {
	row, err := tx.GetNewestWholePoint(ctx, platform)
	if db.IsNoRows(err) {
		row, err = tx.GetNewestSuspectPoint(ctx, platform)
	}
	return row, err
}

// latest returns the recovery point that the word latest means, as policy.Latest does: newestWhole, or where no point
// holds every tier the newest one of the critical tier, suspect ones last.
func latest(ctx context.Context, tx db.Tx, platform string) (sqlcgen.RecoveryPoint, error) {
	row, err := newestWhole(ctx, tx, platform)
	if db.IsNoRows(err) {
		row, err = tx.GetNewestCriticalPoint(ctx, platform)
	}
	if db.IsNoRows(err) {
		row, err = tx.GetNewestPoint(ctx, platform)
	}
	return row, err
}
