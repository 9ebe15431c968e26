package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/progress"
)

// restoreEnding is what a restore into another database keeps before it becomes final there.
type restoreEnding struct {
	End    engine.RestoreEnd    `json:"end"`
	Result engine.RestoreResult `json:"result"`
}

// keepTime bounds one try to keep it.
const keepTime = 10 * time.Second

// keepEnding keeps how a restore ends, as long as its worker holds the operation. While the console database does not
// answer it tries again, until ctx ends: what nobody could ask about later does not become final.
func (c *Console) keepEnding(ctx context.Context, row operation.Operation, e restoreEnding) error {
	ending, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode how the restore ends: %w", err)
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		once, cancel := context.WithTimeout(ctx, keepTime)
		defer cancel()
		err := c.db.InTx(once, keepsake.System("worker"), func(tx db.Tx) error {
			_, err := tx.KeepEnding(once, sqlcgen.KeepEndingParams{
				ID:     row.ID,
				Fence:  row.Fence,
				Ending: progress.CleanJSON(ending),
			})
			return err
		})
		if db.IsNoRows(err) {
			err = backoff.Permanent(progress.ErrLeaseLost)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(0))
	if err != nil {
		return fmt.Errorf("keep how the restore ends: %w", err)
	}
	return nil
}

// settled returns the report of a restore that an earlier attempt finished; made is false where none has.
func (p *platform) settled(ctx context.Context, row operation.Operation, url keepsake.Secret) (
	result engine.RestoreResult, made bool, err error) {
	if len(row.Ending) == 0 { // no attempt came that far
		return result, false, nil
	}
	var e restoreEnding
	if err := json.Unmarshal(row.Ending, &e); err != nil {
		return result, false, fmt.Errorf("decode how the restore ended: %w", err)
	}
	made, err = p.Engine.SettleRestore(ctx, url, e.End)
	return e.Result, made, err
}
