package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Schedule says when platforms are backed up without being asked for.
type Schedule struct {
	policy.Schedule
	Paused time.Time // until when nothing begins; zero: it is not paused
}

const (
	// scheduleEvery is how late a backup that is due may begin.
	scheduleEvery = 2 * time.Second
	// countEvery is how old the number of weddings of each day may be that decides, and countAgain when a platform that
	// does not say it is asked again. The days themselves go by without it.
	countEvery = 10 * time.Minute
	countAgain = time.Minute
	// beginAgain is how long after a backup that was due could not be begun, which is put on record, it is tried again.
	beginAgain = 5 * time.Minute
	// mostPlanned is how many of the next backups are listed.
	mostPlanned = 12
	// planAhead is how far ahead they are counted.
	planAhead = 30 * 24 * time.Hour
	// mostCounted bounds how many are: more than one a minute.
	mostCounted = 45_000
)

// errTurnTaken says that another process has begun the backup that was due.
var errTurnTaken = errors.New("another process has begun it")

// KeepSchedule begins the backup of each platform that is due. While any backup of it runs it begins none.
func (c *Console) KeepSchedule(ctx context.Context) error {
	return c.everyPlatform(ctx, c.keepScheduleOf)
}

func (c *Console) keepScheduleOf(ctx context.Context, p *platform) error {
	now := c.now()
	s, err := c.readSchedule(ctx, p, now)
	if err != nil {
		return err
	}
	if s, err = c.countDays(ctx, p, s, now); err != nil {
		return err
	}
	next := c.schedule.Next(s.facts)
	at := next.At.Truncate(time.Microsecond) // as PostgreSQL keeps it
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	if !at.Equal(s.next) && !(due(at) && due(s.next)) { // or there is nothing new to say
		if err := c.setNext(ctx, p, at); err != nil {
			return err
		}
	}
	if s.busy || !due(at) || within(p.refused.Load(), now, beginAgain) {
		return nil
	}
	note := "Automatic backup: " + next.Why()
	marks, err := c.lackingMarks(ctx, p) // of a platform that is always being backed up nobody else gets a turn
	if err != nil {
		p.log.WarnContext(ctx, "could not ask which weddings reach a milestone", "err", err)
	} else if len(marks) > 0 {
		note += "; " + marksWords(marks)
	}
	_, err = c.StartBackup(ctx, keepsake.System("schedule"), StartBackupInput{
		Platform: p.Name,
		Type:     next.Type,
		Note:     note,
		weddings: marks,
		claim:    func(ctx context.Context, tx db.Tx, id string) error { return claimTurn(ctx, tx, p, s, id) },
	})
	if errors.Is(err, errTurnTaken) || errors.Is(err, errBackupRuns) {
		return nil
	}
	if err != nil {
		p.refused.Store(&now)
	}
	return err
}

// claimTurn takes the turn within the transaction that begins a backup.
func claimTurn(ctx context.Context, tx db.Tx, p *platform, s scheduleSeen, id string) error {
	_, err := tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: p.Name, Name: backupSlot})
	if err == nil {
		return errTurnTaken
	}
	if !db.IsNoRows(err) {
		return err
	}
	n, err := tx.TakeTurn(ctx, sqlcgen.TakeTurnParams{
		Operation: id,
		Failures:  int32(min(s.facts.Failures, maxFailures)),
		Newest:    s.newest,
		Platform:  p.Name,
		Turn:      s.turn,
	})
	if err == nil && n == 0 {
		err = errTurnTaken
	}
	return err
}

// within reports whether a time lies at most so long ago.
func within(t *time.Time, now time.Time, long time.Duration) bool {
	return t != nil && !t.After(now) && now.Sub(*t) < long
}

// maxFailures is more than changes how long the next try waits.
const maxFailures = 1000

// scheduleSeen is what the console database knows of a platform's schedule.
type scheduleSeen struct {
	facts   policy.ScheduleFacts
	turn    int64
	counted time.Time  // when the platform said the facts' days
	busy    bool       // a backup waits or runs
	next    time.Time  // what the row says of the next backup
	newest  string     // the newest recovery point of every tier; empty: none
	last    *Operation // the one that the schedule began last
}

func (c *Console) readSchedule(ctx context.Context, p *platform, now time.Time) (s scheduleSeen, err error) {
	s.facts.Now, s.facts.Paused = now, c.schedule.Paused
	upto := now.Add(policy.Skew)
	err = c.db.InTx(ctx, keepsake.System("schedule"), func(tx db.Tx) error {
		row, err := tx.GetSchedule(ctx, p.Name)
		if db.IsNoRows(err) {
			if err := tx.AddSchedule(ctx, p.Name); err != nil {
				return err
			}
			row, err = tx.GetSchedule(ctx, p.Name)
		}
		if err != nil {
			return err
		}
		s.turn, s.counted, s.next = row.Turn, deref(row.CountedAt), deref(row.NextAt)
		if err := json.Unmarshal(row.Days, &s.facts.Days); err != nil {
			return fmt.Errorf("decode the days of weddings: %w", err)
		}
		newest, err := tx.GetNewestTaken(ctx, sqlcgen.GetNewestTakenParams{Platform: p.Name, Upto: upto})
		if err != nil && !db.IsNoRows(err) {
			return err
		}
		s.newest, s.facts.Newest = newest.ID, newest.TakenAt
		s.facts.NewestFull, err = tx.GetNewestFullTaken(ctx,
			sqlcgen.GetNewestFullTakenParams{Platform: p.Name, Upto: upto})
		if err != nil && !db.IsNoRows(err) {
			return err
		}
		_, err = tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: p.Name, Name: backupSlot})
		if s.busy = err == nil; err != nil && !db.IsNoRows(err) {
			return err
		}
		return s.lookAtLast(ctx, tx, row)
	})
	if err != nil {
		return s, fmt.Errorf("read when backups are due: %w", err)
	}
	return s, nil
}

// lookAtLast notes how the backup went that the schedule began last, and when that was. It takes only differences of
// times of one clock: the database, the platform and this process need not agree. A newer recovery point makes up for a
// backup that failed. The first backup is tried again although somebody cancelled it.
func (s *scheduleSeen) lookAtLast(ctx context.Context, tx db.Tx, row sqlcgen.Schedule) error {
	if row.Operation == nil {
		return nil
	}
	o, err := tx.GetOperation(ctx, *row.Operation)
	if err != nil {
		if db.IsNoRows(err) {
			return nil
		}
		return err
	}
	last, err := operationOf(o)
	if err != nil {
		return err
	}
	age, err := tx.GetOperationAge(ctx, o.ID)
	if err != nil {
		return err
	}
	s.last, s.facts.Tried = &last, s.facts.Now.Add(-time.Duration(age*float64(time.Second)))
	if (last.State == StateFailed || last.State == StateCancelled && s.newest == "") && s.newest == row.Newest {
		s.facts.Failures = int(row.Failures) + 1
	}
	return nil
}

// countDays asks the platform how many weddings are on each day, where what is known is too old. A platform that does
// not answer leaves what it said last.
func (c *Console) countDays(ctx context.Context, p *platform, s scheduleSeen, now time.Time) (scheduleSeen, error) {
	if within(&s.counted, now, countEvery) || within(p.asked.Load(), now, countAgain) {
		return s, nil
	}
	p.asked.Store(&now)
	short, cancel := context.WithTimeout(ctx, weddingsTime)
	defer cancel()
	days, err := p.Engine.CountWeddingDays(short)
	if err != nil {
		p.log.WarnContext(ctx, "could not count the weddings that decide when the next backup is due", "err", err)
		return s, ctx.Err()
	}
	written, err := json.Marshal(days)
	if err != nil {
		return s, err
	}
	s.facts.Days, s.counted = days, now
	return s, c.db.InTx(ctx, keepsake.System("schedule"), func(tx db.Tx) error {
		return tx.SetScheduleDays(ctx, sqlcgen.SetScheduleDaysParams{Days: written, CountedAt: now, Platform: p.Name})
	})
}

func (c *Console) setNext(ctx context.Context, p *platform, at time.Time) error {
	var next *time.Time
	if !at.IsZero() {
		next = &at
	}
	return c.db.InTx(ctx, keepsake.System("schedule"), func(tx db.Tx) error {
		return tx.SetScheduleNext(ctx, sqlcgen.SetScheduleNextParams{NextAt: next, Platform: p.Name})
	})
}

// nextBackup is when the next backup begins by itself, as whoever looked last reckoned it. That tells nobody how many
// weddings there are.
func (c *Console) nextBackup(ctx context.Context, p *platform) (at time.Time, err error) {
	if c.schedule == nil {
		return at, nil
	}
	err = c.db.InTx(ctx, keepsake.System("schedule"), func(tx db.Tx) error {
		next, err := tx.GetScheduleNext(ctx, p.Name)
		if db.IsNoRows(err) {
			return nil
		}
		at = deref(next)
		return err
	})
	return at, err
}

// ScheduleState is how a platform's schedule stands.
type ScheduleState struct {
	Schedule Schedule
	On       bool // false: nothing begins by itself
	Next     policy.NextBackup
	Running  bool            // a backup waits or runs, which the next one waits for
	Phases   []policy.Demand // all of them, as they are today, the most urgent first
	Failures int             // of those that it began, in a row
	Last     *Operation      // the one that it began last
	Counted  time.Time       // when the platform said how many weddings there are; zero: it never did
	// Planned are the next ones, as if each were done at once, and Ahead and Full how many there are within the next 30
	// days.
	Planned     []policy.NextBackup
	Days        []policy.PlannedDay // all of them
	Ahead, Full int
}

// GetSchedule returns how the schedule of the actor's platform stands. It tells how many weddings there are, so only
// an actor who may see the whole platform gets it.
func (c *Console) GetSchedule(ctx context.Context, actor keepsake.Actor) (state ScheduleState, err error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return state, c.recordRefused(ctx, actor, audit.ScheduleRead, "", nil, err)
	}
	p, err := c.platformOf(actor)
	if err != nil || c.schedule == nil {
		return state, err
	}
	now := c.now()
	s, err := c.readSchedule(ctx, p, now)
	if err != nil {
		return state, err
	}
	state = ScheduleState{
		Schedule: *c.schedule,
		On:       true,
		Next:     c.schedule.Next(s.facts),
		Running:  s.busy,
		Phases:   c.schedule.OnDay(s.facts.Days, now),
		Failures: s.facts.Failures,
		Last:     s.last,
		Counted:  s.counted,
	}
	planned := c.schedule.Simulate(s.facts, now.Add(planAhead), mostCounted)
	state.Ahead, state.Days = len(planned), c.schedule.ByDay(planned)
	for _, d := range state.Days {
		state.Full += d.Full
	}
	state.Planned = planned[:min(len(planned), mostPlanned)]
	return state, nil
}
