// Package console holds what people and scripts can do with Keepsake: one method per use case, each authorising its
// actor, and the workers that run what was asked for. It never reads the platform's rows or a provider's objects
// itself: that is the engine's.
package console

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/policy"
)

// Engine is the part of *engine.Engine that the console needs.
type Engine interface {
	Backup(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error)
	Verify(context.Context, engine.VerifyInput, engine.Reporter) (engine.VerifyResult, error)
	Repair(context.Context, engine.VerifyInput, engine.Reporter) (engine.RepairResult, error)
	Remove(context.Context, engine.RemovalInput, engine.Reporter) (engine.RemovalResult, error)
	Removals(context.Context) (engine.PendingRemovals, error)
	Health(ctx context.Context, write func(provider string) bool) ([]engine.ProviderHealth, error)
	Restore(context.Context, engine.RestoreInput, engine.Reporter) (engine.RestoreResult, error)
	// SettleRestore reports whether a restore was finished whose worker never said so; CodeUnknown: nobody can say.
	SettleRestore(ctx context.Context, target keepsake.Secret, end engine.RestoreEnd) (bool, error)
	Points(ctx context.Context, provider string) ([]engine.Point, error)
	ListPoints(ctx context.Context, provider string) (engine.PointList, error)
	Point(ctx context.Context, id string) (engine.PointDetail, error)
	CheckPlatform(context.Context) []engine.CheckFinding
	CheckRepository(context.Context) []engine.CheckFinding
	Tables(context.Context) ([]engine.TableEstimate, error)
	MarkPoint(ctx context.Context, id string, m engine.PointMark) (engine.Kept, error)
	NewestPoint(ctx context.Context) (string, error)
	PointLister
	NewestPoints(ctx context.Context, most int) ([]engine.Point, error)
	weddingSource
	CountWeddings(ctx context.Context, organization string) (all, theirs int64, err error)
	CountWeddingsAt(ctx context.Context, point string, theirs func(organization string) bool) (all, of int64, err error)
	CountWeddingDays(context.Context) (map[string]int, error)
	Providers() []engine.Provider
	// CheckTarget returns CodeConflict, with the reason, for a database that no restore may be written into.
	CheckTarget(ctx context.Context, url keepsake.Secret) error
	SealTarget(ctx context.Context, url keepsake.Secret) (string, error)
	OpenTarget(ctx context.Context, sealed string) (keepsake.Secret, error)
	platformLooker
}

var _ Engine = (*engine.Engine)(nil)

// Deps is what New needs to make a Console.
type Deps struct {
	DB        *db.DB
	Platforms []Platform     // by name; the first is meant where nobody names one
	Typed     address.Policy // where the address of another server may lead; all targets are added to what it knows
	Logger    *slog.Logger
	Now       func() time.Time
	// BackupMaxAge is how old the newest recovery point may be before its age is an alarm; 0: 24 hours.
	BackupMaxAge time.Duration
	// Limits says how many backups of each type one actor may start within an hour. For a type that it lacks,
	// DefaultLimits counts.
	Limits map[keepsake.BackupType]int
	// SecondApprover demands another super admin's approval of a restore of the whole database, and of restores that add
	// up to more than Alone within a day. When Alone is nil, policy.DefaultAlone counts.
	SecondApprover bool
	Alone          *policy.Alone
	// Heartbeat, when set, tells a watchdog elsewhere that a protected recovery point was made.
	Heartbeat func(context.Context) error
	// Schedule says when platforms are backed up without being asked for; nil: never.
	Schedule *Schedule
	// Retention says which recovery points stay; nil: all.
	Retention *Retention
	Lease     LeaseTimes // zero: the defaults
	// Duties are duties of other rooms, besides the console's own.
	Duties []operation.Duty
	// Notes, when set, is the repository that the audit trail is sealed into.
	Notes Notes
	// Vault, when set, seals what somebody with the console database must not be able to forge. Without one, a process
	// believes only what it found itself.
	Vault Vault
}

// LeaseTimes says how a worker holds an operation: see operation.LeaseTimes.
type LeaseTimes = operation.LeaseTimes

// Console has the use cases. It is safe for concurrent use. Any number of them, in any number of processes, may share
// one console database.
type Console struct {
	db        *db.DB
	platforms []*platform
	typed     address.Policy
	log       *slog.Logger
	now       func() time.Time
	maxAge    time.Duration
	limits    operation.Limits[keepsake.BackupType]
	approve   bool
	alone     policy.Alone
	schedule  *Schedule
	retention *Retention
	heartbeat func(context.Context) error // may be nil
	runner    *operation.Runner
	duties    []operation.Duty
	holders   *operation.Standing // of duties, as this process has seen them
	wakeSync  chan struct{}       // has the repository's list read at once
	notes     Notes

	sealing sealing
	vault   Vault
	verdict knownVerdict
}

// New returns a Console. It runs nothing, and hears nothing of other processes, until Run is called.
func New(d Deps) (*Console, error) {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	platforms, err := platformsOf(d)
	if err != nil {
		return nil, err
	}
	c := &Console{
		db:        d.DB,
		platforms: platforms,
		log:       d.Logger,
		now:       d.Now,
		maxAge:    orDefault(d.BackupMaxAge, 24*time.Hour),
		limits:    limitsOf(d.Limits),
		approve:   d.SecondApprover,
		schedule:  d.Schedule,
		retention: d.Retention,
		heartbeat: d.Heartbeat,
		holders:   operation.NewStanding(0),
		wakeSync:  make(chan struct{}, 1),
		notes:     d.Notes,
		vault:     d.Vault,
	}
	c.typed = d.Typed
	for _, p := range platforms {
		for _, t := range p.Targets {
			c.typed.Known = append(c.typed.Known, t.URL)
		}
	}
	c.alone = policy.DefaultAlone()
	if d.Alone != nil {
		c.alone = *d.Alone
	}
	var kinds []operation.Kind
	for _, k := range kindsOf(c) {
		kinds = append(kinds, k)
	}
	if c.runner, err = operation.NewRunner(d.DB, d.Logger, d.Now, d.Lease, kinds...); err != nil {
		return nil, err
	}
	c.duties = dutiesOf(c, d.Duties)
	return c, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

// Run listens to other processes until ctx ends. With work it also runs operations and duties. When it returns, every
// operation that this process held has been given back, and starts again elsewhere at once.
func (c *Console) Run(ctx context.Context, work bool) error { return c.runner.Run(ctx, work, c.duties) }

// reconcile sees to it that what dead workers held goes on.
func (c *Console) reconcile(ctx context.Context) error {
	lost, err := c.runner.Reconcile(ctx)
	if lost {
		// The dead worker may have published a recovery point and died before it could say so. Providers are slower than the
		// next worker may die: another duty asks them.
		select {
		case c.wakeSync <- struct{}{}:
		default:
		}
	}
	return err
}

// attemptJudged runs fn in one transaction as actor and records it, last and in the same transaction, as allowed. fn
// returns the target of the attempt where target is not known before. The actor's right to it has been judged: err says
// why not. When fn refuses or breaks, that is on record too, and nothing else of it remains.
func (c *Console) attemptJudged(ctx context.Context, actor keepsake.Actor, err error, action audit.Action,
	target string,
	detail map[string]any, fn func(db.Tx) (string, error)) error {
	if err == nil {
		err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
			if target, err = fn(tx); err != nil {
				return err
			}
			return audit.Record(ctx, tx, actor, audit.Entry{
				Action:  action,
				Target:  target,
				Outcome: audit.Allowed,
				Detail:  detail,
			})
		})
	}
	if err == nil || errors.Is(err, errTurnTaken) { // that another process was first is no failure
		return err
	}
	return c.recordRefused(ctx, actor, action, target, detail, err)
}

// recordRefusedLook records that somebody asked for what they may not look at, or for what is not there for them, and
// returns why. A look at the console's own facts that is allowed leaves no entry: that a session or a token is used
// does.
func (c *Console) recordRefusedLook(ctx context.Context, actor keepsake.Actor, action audit.Action, target string,
	err error) error {
	if code := keepsake.CodeOf(err); err != nil && (code == keepsake.CodeForbidden || code == keepsake.CodeNotFound) {
		return c.recordRefused(ctx, actor, action, target, nil, err)
	}
	return err
}

// recordTime bounds what is put on record when nobody may be waiting any more.
const recordTime = 5 * time.Second

// recordRefused records an attempt that did not work and returns why.
func (c *Console) recordRefused(ctx context.Context, actor keepsake.Actor, action audit.Action, target string,
	detail map[string]any,
	err error) error {
	entry := audit.Entry{
		Action:  action,
		Target:  target,
		Outcome: audit.Refused,
		Detail:  map[string]any{"code": keepsake.CodeOf(err)},
	}
	switch keepsake.CodeOf(err) {
	case keepsake.CodeUnavailable, keepsake.CodeInternal:
		entry.Outcome = audit.Failed
	}
	for k, v := range detail {
		entry.Detail[k] = v
	}
	if failed := audit.RecordRefused(ctx, c.db, actor, entry); failed != nil {
		c.log.ErrorContext(ctx, "a refused attempt could not be recorded",
			"action", action, "actor", actor.Name, "err", failed)
	}
	return err
}
