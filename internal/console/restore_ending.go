package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

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

// keepTime bounds one try to keep it. settleTime bounds finding out for somebody who cancelled, who waits for no
// session that does not end.
const (
	keepTime   = 10 * time.Second
	settleTime = 5 * time.Minute
)

// keepEnding keeps how a restore ends, as long as its worker holds the operation. While the console database does not
// answer it tries again, until ctx ends: what nobody could ask about later does not become final. What the database
// refuses is not tried again.
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
		switch {
		case db.IsNoRows(err):
			err = backoff.Permanent(progress.ErrLeaseLost)
		case refusedForGood(err):
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(0))
	if err != nil {
		return fmt.Errorf("keep how the restore ends: %w", err)
	}
	return nil
}

// refusedForGood reports whether the console database said no to what was asked, and will say it again. A failover, a
// full disk and a fault of the server pass.
func refusedForGood(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pgerrcode.IsDataException(pg.Code) ||
		pgerrcode.IsIntegrityConstraintViolation(pg.Code) || pgerrcode.IsSyntaxErrororAccessRuleViolation(pg.Code))
}

// settled returns the report of a restore that an attempt finished which could not say so; made is false where none
// has. It returns CodeUnknown where an attempt may have, and nobody can say.
func (k restores) settled(ctx context.Context, row operation.Operation) (found operation.Report, made bool, err error) {
	if len(row.Ending) == 0 { // no attempt came that far
		return found, false, nil
	}
	var e restoreEnding
	if err := json.Unmarshal(row.Ending, &e); err != nil {
		return found, false, notAsked(fmt.Errorf("decode how the restore ended: %w", err))
	}
	_, p, url, err := k.targetOf(ctx, row)
	if err != nil {
		return found, false, notAsked(err)
	}
	if made, err = p.Engine.SettleRestore(ctx, url, e.End); err != nil || !made {
		return found, false, err
	}
	return restoreReport(e.Result), true, nil
}

// notAsked says that nobody could be asked whether a restore was finished.
func notAsked(why error) error {
	return keepsake.Errorf(keepsake.CodeUnknown, "An attempt may have finished this restore, and the new database cannot "+
		"be asked. Nothing was changed since. It is unfinished as long as it has a schema keepsake_restore: %w", why)
}
