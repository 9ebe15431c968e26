package engine

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/verify"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// What the verbs do, each in words of the room that does it.

// Backup takes a snapshot of the platform and publishes it at every provider that can take it.
func (e *Engine) Backup(ctx context.Context, in report.BackupInput, reporter report.Reporter) (report.BackupResult, error) {
	return e.snapshots.Backup(ctx, in, reporter)
}

// Verify checks recovery points at every provider: that the manifest opens, that every chunk is
// there with its size, and, when deep, that every chunk's bytes are the stored ones, open, and hold
// the rows they promise.
func (e *Engine) Verify(ctx context.Context, in report.VerifyInput, reporter report.Reporter) (report.VerifyResult, error) {
	return e.verifier.Verify(ctx, in, reporter)
}

// Repair verifies recovery points and copies what a provider misses, or holds damaged, from one
// that has a sound copy.
func (e *Engine) Repair(ctx context.Context, in report.VerifyInput, reporter report.Reporter) (verify.RepairResult, error) {
	return e.verifier.Repair(ctx, in, reporter)
}

// Restore writes a recovery point into a new, empty database and proves it: it is verified only
// when every table's row count and hash equal the recovery point's.
func (e *Engine) Restore(ctx context.Context, in report.RestoreInput, reporter report.Reporter) (report.RestoreResult, error) {
	return e.restorer.Restore(ctx, in, reporter)
}

// CheckTarget refuses, in words, a database that no restore may be written into.
func (e *Engine) CheckTarget(ctx context.Context, url keepsake.Secret) error {
	return e.restorer.CheckTarget(ctx, url)
}

// Schema returns the statements that make a recovery point's schema, or those of single entries of
// it, as they are: they may hold passwords.
func (e *Engine) Schema(ctx context.Context, point, provider string, numbers []int) (string, error) {
	return e.restorer.Schema(ctx, point, provider, numbers)
}
