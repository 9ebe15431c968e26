package sample

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed console.sql
var consoleSQL string

// ConsoleSize is how large a console database becomes.
type ConsoleSize struct{ Operations, Points, Audit int }

// LoadConsole fills a console database that is migrated and empty, over its owner's URL, and analyzes it. The audit
// trail's hashes are not real ones.
func LoadConsole(ctx context.Context, owner string, size ConsoleSize) error {
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select set_config('fill.operations', $1, true), set_config('fill.points', $2, true), "+
			"set_config('fill.audit', $3, true)",
			fmt.Sprint(size.Operations), fmt.Sprint(size.Points), fmt.Sprint(size.Audit))
		if err == nil {
			_, err = tx.Exec(ctx, consoleSQL)
		}
		return err
	})
	if err == nil {
		_, err = conn.Exec(ctx, "vacuum analyze")
	}
	return err
}
