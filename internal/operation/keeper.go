package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// noteEvery is how old the note of a duty that each process does may get.
const noteEvery = time.Minute

// noteTime bounds writing down how a duty ended.
const noteTime = 10 * time.Second

// errDutyLost ends a run whose process could not say for too long that it is still there: by now another may do it.
var errDutyLost = errors.New("this process does not hold the duty any more")

// Keeper does the duties of one process.
type Keeper struct {
	db      *db.DB
	log     *slog.Logger
	process string // its name in leases
	duties  []Duty
	times   times
	// clock is the wall clock of all processes.
	clock func(context.Context, db.Tx) (time.Time, error)
}

// NewKeeper returns a keeper that does nothing before Run. process must name this process and no other.
func NewKeeper(d *db.DB, log *slog.Logger, process string, duties []Duty) *Keeper {
	return &Keeper{
		db:      d,
		log:     log,
		process: process,
		duties:  duties,
		times:   defaultTimes(),
		clock:   func(ctx context.Context, tx db.Tx) (time.Time, error) { return tx.GetDutyTime(ctx) },
	}
}

// Run does the duties until ctx ends, and then waits for those that are running.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, d := range k.duties {
		if d.Who == OneHolder {
			wg.Go(func() { k.again(ctx, k.times.look, nil, k.whenDue(d)) })
			continue
		}
		wg.Go(func() { k.again(ctx, d.Every, d.Wake, k.each(d)) })
	}
}

// again calls fn at once and then again and again until ctx ends, and whenever wake says so.
func (k *Keeper) again(ctx context.Context, every time.Duration, wake <-chan struct{}, fn func(context.Context)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		fn(ctx)
		select {
		case <-tick.C:
		case <-wake:
		case <-ctx.Done():
			return
		}
	}
}

// each returns what does a duty of each process, and notes how it went: at once where that is new, and else once a
// minute.
func (k *Keeper) each(d Duty) func(context.Context) {
	var noted time.Time
	before := ""
	return func(ctx context.Context) {
		began := time.Now()
		outcome, message := k.do(ctx, d)
		if ctx.Err() != nil || outcome+message == before && time.Since(noted) < noteEvery {
			return
		}
		took := time.Since(began)
		err := k.inTx(ctx, func(ctx context.Context, tx db.Tx) error {
			now, err := k.clock(ctx, tx)
			if err != nil {
				return err
			}
			if err := tx.AddDuty(ctx, d.Name); err != nil {
				return err
			}
			return tx.NoteDuty(ctx, sqlcgen.NoteDutyParams{
				Name:    d.Name,
				Began:   now.Add(-took),
				Ended:   now,
				Stale:   now.Add(-noteEvery),
				Outcome: outcome,
				Message: message,
			})
		})
		if err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "how a duty ended could not be noted", "duty", d.Name, "err", err)
		}
		if err == nil {
			noted, before = time.Now(), outcome+message
		}
	}
}

// whenDue returns what looks whether a duty of one holder is due, and does it.
func (k *Keeper) whenDue(d Duty) func(context.Context) {
	var seen sight
	began := time.Now()
	return func(ctx context.Context) {
		fence, err := k.take(ctx, d, &seen, time.Since(began))
		if err == nil && fence > 0 {
			err = k.hold(ctx, d, fence)
		}
		if err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "a duty could not be looked after; it is tried again", "duty", d.Name, "err", err)
		}
	}
}

// take takes a duty that is due and that no process holds. It returns the fencing number to hold it by, or 0 where
// there is nothing to do.
func (k *Keeper) take(ctx context.Context, d Duty, seen *sight, steady time.Duration) (fence int64, err error) {
	err = k.inTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row, err := tx.GetDuty(ctx, d.Name)
		if db.IsNoRows(err) {
			if err = tx.AddDuty(ctx, d.Name); err == nil {
				row, err = tx.GetDuty(ctx, d.Name)
			}
		}
		if err != nil {
			return err
		}
		now, err := k.clock(ctx, tx)
		if err != nil {
			return err
		}
		if !seen.look(row, steady, k.times.take) || !d.due(row.NextAt, now, steady-seen.resting) {
			return nil
		}
		fence, err = tx.TakeDuty(ctx, sqlcgen.TakeDutyParams{
			Name:   d.Name,
			Holder: k.process,
			Fence:  row.Fence,
			Beats:  row.Beats,
			Moment: now,
		})
		if db.IsNoRows(err) {
			return nil // another was faster
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look whether it is due: %w", err)
	}
	return fence, nil
}

// hold does a duty while beating for it, and writes down how it ended.
func (k *Keeper) hold(ctx context.Context, d Duty, fence int64) error {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		// A run that does not end when it is stopped holds the duty no longer: another process does it next.
		beating, quit := context.WithTimeout(running, d.within()+k.times.hold)
		defer quit()
		if err := k.beat(beating, d, fence); err != nil {
			stop(err)
		}
	})
	outcome, message := k.do(running, d)
	lost := errors.Is(context.Cause(running), errDutyLost)
	stop(nil)
	wg.Wait()
	if lost {
		return errDutyLost
	}
	// A process that stops gives the duty back at once, and another does it again.
	interrupted := ctx.Err() != nil
	return k.inTx(context.WithoutCancel(ctx), func(ctx context.Context, tx db.Tx) error {
		now, err := k.clock(ctx, tx)
		if err != nil {
			return err
		}
		p := sqlcgen.EndDutyParams{
			Name:    d.Name,
			Fence:   fence,
			Moment:  now,
			NextAt:  d.following(now, outcome == failed),
			Outcome: outcome,
			Message: message,
		}
		if interrupted && outcome == failed {
			p.NextAt, p.Message = now, "Its process was stopped."
		}
		n, err := tx.EndDuty(ctx, p)
		if err == nil && n == 0 {
			return errDutyLost
		}
		return err
	})
}

// beat counts until ctx ends. It returns errDutyLost when another holds the duty, and when it could not count for so
// long that another may.
func (k *Keeper) beat(ctx context.Context, d Duty, fence int64) error {
	tick := time.NewTicker(k.times.beat)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		began := time.Now()
		beating, cancel := context.WithDeadline(ctx, last.Add(k.times.hold))
		var n int64
		err := k.db.InTx(beating, keepsake.System("duties"), func(tx db.Tx) (err error) {
			n, err = tx.BeatDuty(beating, sqlcgen.BeatDutyParams{Name: d.Name, Fence: fence})
			return err
		})
		cancel()
		switch {
		case err == nil && n == 0:
			return errDutyLost
		case err == nil:
			last = began
		case ctx.Err() != nil:
			return nil
		case time.Since(last) >= k.times.hold:
			return errDutyLost
		}
	}
}

// The outcomes of a run.
const (
	done   = "done"
	failed = "failed"
)

// do runs a duty, for as long as one run may take. A panic in it fails the run and no more.
func (k *Keeper) do(ctx context.Context, d Duty) (outcome, message string) {
	running, stop := context.WithTimeout(ctx, d.within())
	defer stop()
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				k.log.ErrorContext(ctx, "a duty panicked", "duty", d.Name, "panic", p, "stack", string(debug.Stack()))
				err = keepsake.Errorf(keepsake.CodeInternal, "A fault inside Keepsake ended it. The log has the cause.")
			}
		}()
		return d.Run(running)
	}()
	if err != nil && ctx.Err() == nil && running.Err() != nil {
		err = keepsake.Errorf(keepsake.CodeUnavailable, "It had not ended after %s, and was stopped.", d.within())
	}
	if err == nil {
		return done, ""
	}
	if ctx.Err() == nil {
		k.log.WarnContext(ctx, "could not "+d.Does+"; it is tried again",
			"duty", d.Name, "err", keepsake.CauseOf(err), "in", d.Every)
	}
	return failed, cmp.Or(progress.Clean(keepsake.MessageOf(err)), "It gave no reason.")
}

func (k *Keeper) inTx(ctx context.Context, fn func(context.Context, db.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	return k.db.InTx(ctx, keepsake.System("duties"), func(tx db.Tx) error { return fn(ctx, tx) })
}
