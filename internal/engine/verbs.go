package engine

import (
	"context"
	"io"
	"time"

	"github.com/wedsync/keepsake/internal/engine/check"
	"github.com/wedsync/keepsake/internal/engine/removal"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/engine/scoped"
	"github.com/wedsync/keepsake/internal/engine/verify"
	"github.com/wedsync/keepsake/internal/engine/weddings"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// What the verbs do, each in words of the room that does it.

// Backup takes a snapshot of the platform and publishes it at every provider that can take it.
func (e *Engine) Backup(
	ctx context.Context, in report.BackupInput, reporter report.Reporter,
) (report.BackupResult, error) {
	return e.snapshots.Backup(ctx, in, reporter)
}

// Verify checks recovery points at every provider. It checks that the manifest opens and that every chunk is there
// with its size. With deep it also checks that every chunk's bytes are the stored ones, open, and hold the rows that
// they promise.
func (e *Engine) Verify(
	ctx context.Context, in report.VerifyInput, reporter report.Reporter,
) (report.VerifyResult, error) {
	return e.verifier.Verify(ctx, in, reporter)
}

// Repair verifies recovery points, and copies what a provider lacks or holds damaged from one that has a sound copy.
func (e *Engine) Repair(
	ctx context.Context, in report.VerifyInput, reporter report.Reporter,
) (verify.RepairResult, error) {
	return e.verifier.Repair(ctx, in, reporter)
}

// Remove takes recovery points out of the repository in two steps, and what nothing else needs: it marks what is to go
// now, and deletes what was marked a grace period ago and still is to go.
func (e *Engine) Remove(ctx context.Context, in removal.Input, reporter report.Reporter) (removal.Result, error) {
	return e.remover.Run(ctx, in, reporter)
}

// Removals returns what was marked and has yet to go. It changes nothing.
func (e *Engine) Removals(ctx context.Context) (removal.Pending, error) {
	return e.remover.Pending(ctx)
}

// Restore writes a recovery point into a new, empty database and proves it. It is verified only when every table's
// row count and hash equal the recovery point's.
func (e *Engine) Restore(
	ctx context.Context, in report.RestoreInput, reporter report.Reporter,
) (report.RestoreResult, error) {
	return e.restorer.Restore(ctx, in, reporter)
}

// SettleRestore reports whether a restore into a new database was finished whose process ended before it could say so.
// It returns CodeUnknown when nobody can say.
func (e *Engine) SettleRestore(ctx context.Context, target keepsake.Secret, end report.RestoreEnd) (bool, error) {
	return e.restorer.Settle(ctx, target, end)
}

// CheckTarget returns an error for a database that no restore may be written into.
func (e *Engine) CheckTarget(ctx context.Context, url keepsake.Secret) error {
	return e.restorer.CheckTarget(ctx, url)
}

// Schema returns the statements that make a recovery point's schema, or those of single entries of it. It shows them
// as they are, and they may hold passwords.
func (e *Engine) Schema(ctx context.Context, point, provider string, numbers []int) (string, error) {
	return e.restorer.Schema(ctx, point, provider, numbers)
}

// Roots returns the tables whose rows are weddings and organizations.
func (e *Engine) Roots() (wedding, organization string) { return e.scopes.Roots() }

// ExplainScope returns which tables of the live platform belong to weddings or organizations, and why.
func (e *Engine) ExplainScope(ctx context.Context, root string) (*scope.Plan, error) {
	return e.scopes.ExplainScope(ctx, root)
}

// ReadScope reads a scope's rows at a recovery point from the chunks that can hold them.
func (e *Engine) ReadScope(ctx context.Context, in scoped.ScopeInput) (*scoped.ScopeAt, error) {
	return e.scopes.ReadScope(ctx, in)
}

// NewRestoreID returns an id for a restore into the live platform.
func (e *Engine) NewRestoreID() string { return e.scopes.NewRestoreID() }

// PreviewScope reads a scope and compares it with the live platform.
func (e *Engine) PreviewScope(ctx context.Context, in scoped.ScopeInput) (*scope.Preview, error) {
	return e.scopes.PreviewScope(ctx, in)
}

// ApplyScope reads a scope and makes the changes of a preview.
func (e *Engine) ApplyScope(ctx context.Context, in scoped.ScopeInput, a scoped.ScopeApply, reporter report.Reporter) (
	scoped.ScopeResult, error) {
	return e.scopes.ApplyScope(ctx, in, a, reporter)
}

// Undos returns the ids of restores that can be undone, newest first.
func (e *Engine) Undos(ctx context.Context) ([]string, error) { return e.scopes.Undos(ctx) }

// ReadUndo returns what a restore changed.
func (e *Engine) ReadUndo(ctx context.Context, restore string) (*scope.Undo, error) {
	return e.scopes.ReadUndo(ctx, restore)
}

// Undo takes a scoped restore back. It leaves rows alone that the platform has changed since, and names them.
func (e *Engine) Undo(ctx context.Context, restore string) (scoped.ScopeResult, error) {
	return e.scopes.Undo(ctx, restore)
}

// TakeBack does the same as Undo under an id that the caller chose.
func (e *Engine) TakeBack(ctx context.Context, restore string, a scoped.ScopeApply, reporter report.Reporter) (
	scoped.ScopeResult, error) {
	return e.scopes.TakeBack(ctx, restore, a, reporter)
}

// Settle reports whether a restore into the live platform was made, or an undo, whose process ended before it could say
// so. It returns CodeUnknown when nobody can say.
func (e *Engine) Settle(ctx context.Context, restore string) (result scoped.ScopeResult, made bool, err error) {
	return e.scopes.Settle(ctx, restore)
}

// FindDamage looks for the newest damage of a scope: first between the newest of the points and the live platform, then
// between the points, however many there are. points are ids, newest first. It compares tiers and everything by the row
// counts of their tables. found is false when there is none. Where it could not look at all points, err is a
// *LookedShort.
func (e *Engine) FindDamage(ctx context.Context, in scoped.ScopeInput, points []string) (d scoped.Damage, found bool,
	err error) {
	return e.scopes.FindDamage(ctx, in, points)
}

// WeddingAt reads a wedding from a recovery point. It needs no platform.
func (e *Engine) WeddingAt(ctx context.Context, in scoped.ScopeInput) (scoped.WeddingAt, error) {
	return e.scopes.WeddingAt(ctx, in)
}

// Export writes a scope as it was at a recovery point: a ZIP with one file a table, csv or json,
// streamed.
func (e *Engine) Export(ctx context.Context, in scoped.ScopeInput, as scope.ExportAs, w io.Writer) error {
	return e.scopes.Export(ctx, in, as, w)
}

// WeddingChanges compares a wedding at in.Point with itself at another recovery point, or in the
// live platform (Now).
func (e *Engine) WeddingChanges(ctx context.Context, in scoped.ScopeInput, to string) (scoped.WeddingChanges, error) {
	return e.scopes.WeddingChanges(ctx, in, to)
}

// Weddings returns weddings of the live platform: those ahead first, the nearest first, then past ones.
func (e *Engine) Weddings(ctx context.Context, q weddings.WeddingQuery) (list []weddings.Wedding, err error) {
	return e.weddings.Weddings(ctx, q)
}

// WeddingsAt returns weddings as a recovery point knows them, in the same order, and the point's time. It needs no
// platform.
func (e *Engine) WeddingsAt(
	ctx context.Context, point string, q weddings.WeddingQuery,
) ([]weddings.Wedding, time.Time, error) {
	return e.weddings.WeddingsAt(ctx, point, q)
}

// FindWeddings searches the live platform, as it was some seconds ago at most.
func (e *Engine) FindWeddings(ctx context.Context, q weddings.WeddingSearch) (weddings.FoundWeddings, error) {
	return e.weddings.FindWeddings(ctx, q)
}

// FindWeddingsAt searches a recovery point and finds the same as FindWeddings would have found then. It also returns
// the point's time, and needs no platform.
func (e *Engine) FindWeddingsAt(ctx context.Context, point string, q weddings.WeddingSearch) (weddings.FoundWeddings,
	time.Time, error) {
	return e.weddings.FindWeddingsAt(ctx, point, q)
}

// Organizations returns organizations of the live platform, ordered by name, as they were some seconds ago at most.
func (e *Engine) Organizations(ctx context.Context, q weddings.OrganizationQuery) ([]weddings.Organization, error) {
	return e.weddings.Organizations(ctx, q)
}

// OrganizationsAt returns organizations as a recovery point knows them, and the point's time. It needs no platform.
func (e *Engine) OrganizationsAt(ctx context.Context, point string, q weddings.OrganizationQuery) (
	[]weddings.Organization, time.Time, error) {
	return e.weddings.OrganizationsAt(ctx, point, q)
}

// KnownWeddings returns the weddings of the newest recovery point, and those of earlier points that the newest has
// lost.
func (e *Engine) KnownWeddings(ctx context.Context, q weddings.WeddingQuery) ([]weddings.Wedding, time.Time, error) {
	return e.weddings.KnownWeddings(ctx, q)
}

// FindGone searches the weddings that recovery points know and that the live platform has lost. It knows the platform
// as it was some seconds ago at most. Without a platform it searches those that the newest point has lost.
func (e *Engine) FindGone(ctx context.Context, q weddings.WeddingSearch, platform bool) (weddings.FoundWeddings,
	time.Time, error) {
	return e.weddings.FindGone(ctx, q, platform)
}

// CountWeddingsAt counts the weddings of a recovery point, and among them those of the organizations for which theirs
// is true.
func (e *Engine) CountWeddingsAt(
	ctx context.Context,
	point string,
	theirs func(organization string) bool,
) (all, of int64, err error) {
	return e.weddings.CountWeddingsAt(ctx, point, theirs)
}

// CountWeddings counts the weddings of the live platform, and among them those of one organization. "" means no
// organization.
func (e *Engine) CountWeddings(ctx context.Context, organization string) (all, theirs int64, err error) {
	return e.weddings.CountWeddings(ctx, organization)
}

// CountWeddingDays counts the weddings of the live platform by their day, written as time.DateOnly, and those without
// one under "".
func (e *Engine) CountWeddingDays(ctx context.Context) (map[string]int, error) {
	return e.weddings.CountWeddingDays(ctx)
}

// Check is the preflight. It looks at the tools, the key, the providers, the platform and its clock, and says what to
// do about each thing that is wrong. It changes nothing.
func (e *Engine) Check(ctx context.Context) []report.CheckFinding { return e.checker.Check(ctx) }

// CheckPlatform does the part of Check that asks the platform.
func (e *Engine) CheckPlatform(ctx context.Context) []report.CheckFinding {
	return e.checker.CheckPlatform(ctx)
}

// CheckRepository does the part of Check that does not ask the platform.
func (e *Engine) CheckRepository(ctx context.Context) []report.CheckFinding {
	return e.checker.CheckRepository(ctx)
}

// CheckThoroughly does what Check does. It also tries at each provider the largest object that a backup writes, and
// whether the provider shows anything to somebody without credentials.
func (e *Engine) CheckThoroughly(ctx context.Context) []report.CheckFinding {
	return e.checker.CheckThoroughly(ctx)
}

// Tables returns the tables that a backup of the platform would read, largest first.
func (e *Engine) Tables(ctx context.Context) ([]check.TableEstimate, error) {
	return e.checker.Tables(ctx)
}

// AskPlatform asks whether the platform answers at this moment and whether its server is a standby, and nothing else.
func (e *Engine) AskPlatform(ctx context.Context) (standby bool, err error) {
	return e.checker.AskPlatform(ctx)
}

// LookAtPlatform asks whether the platform answers and has what the data map names.
func (e *Engine) LookAtPlatform(ctx context.Context) (look check.PlatformLook, err error) {
	return e.checker.LookAtPlatform(ctx)
}
