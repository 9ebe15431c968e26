package engine

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
)

// CountWeddings counts the weddings of the live platform, and of them those of one organization; "" is none.
func (e *Engine) CountWeddings(ctx context.Context, organization string) (all, theirs int64, err error) {
	err = e.questions.Ask(ctx, func(conn *pgx.Conn) error {
		all, theirs, err = platform.CountWeddings(ctx, conn, e.opts.DataMap, organization)
		if err != nil {
			return fmt.Errorf("count weddings: %w", err)
		}
		return nil
	})
	return all, theirs, err
}
