package console

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// outcome is what a test found of one recovery point.
type outcome struct {
	problems    int      // copies that are not as they should be
	asked, away []string // providers that were, and could not be, asked for all of it
}

// insertTest stores a test of a recovery point. One that found nothing wrong, but could not ask every provider, neither
// passed nor failed.
func insertTest(ctx context.Context, tx db.Tx, row sqlcgen.BackupOperation, point, kind string, found outcome,
	seconds float64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a test id: %w", err)
	}
	return tx.InsertTest(ctx, sqlcgen.InsertTestParams{
		ID:          id.String(),
		PointID:     point,
		OperationID: &row.ID,
		Kind:        kind,
		Ok:          found.problems == 0 && len(found.away) == 0,
		Findings:    int32(found.problems),
		Seconds:     seconds,
		Asked:       append([]string{}, found.asked...),
		Away:        append([]string{}, found.away...),
	})
}

// lockCopies reads what is known of the copies of a platform's points; nobody else changes it until the transaction
// ends.
func lockCopies(ctx context.Context, tx db.Tx, platform string, points []string) ([]sqlcgen.ListPointCopiesRow, error) {
	if err := tx.LockPoints(ctx, points); err != nil {
		return nil, fmt.Errorf("lock the recovery points: %w", err)
	}
	rows, err := tx.ListPointCopies(ctx, points)
	for _, r := range rows {
		if r.Platform != platform {
			return nil, otherPlatforms(r.ID, r.Platform)
		}
	}
	return rows, err
}

// setCopies stores the copies of a point and what the 3-2-1 rule says of them.
func setCopies(ctx context.Context, tx db.Tx, point string, copies []keepsake.Copy) error {
	verdict := keepsake.JudgeProtection(copies)
	encoded, err := json.Marshal(copies)
	if err != nil {
		return fmt.Errorf("encode the copies of recovery point %s: %w", point, err)
	}
	err = tx.SetPointCopies(ctx, sqlcgen.SetPointCopiesParams{
		ID:        point,
		Copies:    progress.CleanJSON(encoded),
		Protected: verdict.Protected(),
		Lacks:     verdict.Lacks(),
	})
	if err != nil {
		return fmt.Errorf("store the copies of recovery point %s: %w", point, err)
	}
	return nil
}
