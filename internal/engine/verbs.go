package engine

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/report"
)

// What the verbs do, each in words of the room that does it.

// Backup takes a snapshot of the platform and publishes it at every provider that can take it.
func (e *Engine) Backup(ctx context.Context, in report.BackupInput, reporter report.Reporter) (report.BackupResult, error) {
	return e.snapshots.Backup(ctx, in, reporter)
}
