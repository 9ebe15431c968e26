package console

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// nextWeddings is how many weddings after tomorrow an overview shows.
	nextWeddings = 8
	// MostAhead is the largest number of weddings that an overview asks for.
	MostAhead     = 500
	weddingsAhead = 366 // days
	recentShown   = 8
	suspectsShown = 3
)

// Dashboard returns the overview. It reads the console database, and asks the platform for the next weddings and
// nothing else. When the platform does not answer within three seconds, the weddings come from the newest recovery
// point, and the overview says so.
func (c *Console) Dashboard(ctx context.Context, actor keepsake.Actor) (Dashboard, error) {
	return c.overview(ctx, actor, func(ctx context.Context, p *platform) FoundWeddings { return p.next(ctx, actor) })
}

// overview is the dashboard, with the next weddings as next tells them.
func (c *Console) overview(ctx context.Context, actor keepsake.Actor,
	next func(context.Context, *platform) FoundWeddings) (Dashboard, error) {
	d := Dashboard{Now: c.now(), MaxAge: c.maxAge}
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRead)
	}
	if err != nil {
		return d, c.recordRefused(ctx, actor, audit.OverviewRead, "", nil, err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.readDashboard(gctx, p, actor, &d) })
	g.Go(func() error {
		found := next(gctx, p)
		d.Weddings, d.WeddingsAhead, d.WeddingsMissing, d.WeddingsFrom, d.Platform = found.Weddings, found.Total,
			found.Missing, found.From, found.Platform
		d.GoneUnknown = found.GoneUnknown
		return nil
	})
	g.Go(func() (err error) {
		d.NextBackup, err = c.nextBackup(gctx, p)
		return err
	})
	if err := g.Wait(); err != nil {
		return d, fmt.Errorf("read the overview: %w", err)
	}
	d.judge()
	d.suspect()
	return d, nil
}

// takeNewest takes the point that latest means, and those that it passes by, from whole points, newest first.
func (d *Dashboard) takeNewest(points []Point) {
	if newest := trusted(points); len(newest) > 0 {
		d.Newest = &newest[0]
	}
	d.Suspects = passedBy(points)
	d.Suspects = d.Suspects[:min(len(d.Suspects), suspectsShown)]
}

// suspect says that newer recovery points are passed by. That a backup failed, or that none was taken for too long, is
// said first.
func (d *Dashboard) suspect() {
	if len(d.Suspects) == 0 || d.Alarm == AlarmFailed || d.TooOld(d.Suspects[0].Time) {
		return
	}
	d.Alarm, d.AlarmText = AlarmSuspect, "The newest recovery point may show damage, so a restore of the latest one "+
		"takes an older one where there is one. "+d.Suspects[0].DoubtWords()+" Look at it, and say whether it can be trusted."
}

func (c *Console) readDashboard(ctx context.Context, of *platform, actor keepsake.Actor, d *Dashboard) error {
	readNewest := func(tx db.Tx) ([]Point, error) {
		row, err := newestWhole(ctx, tx, of.Name)
		if db.IsNoRows(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return withTests(ctx, tx, []sqlcgen.RecoveryPoint{row})
	}
	var newest []Point
	var err error
	readSuspects := func(tx db.Tx) ([]Point, error) { return suspects(ctx, tx, of.Name, newest) }
	if actor.Organization != "" { // read with other rights than the rest
		if newest, err = c.inPoints(ctx, actor, "", readNewest); err == nil {
			d.Suspects, err = c.inPoints(ctx, actor, "", readSuspects)
		}
		if err != nil {
			return err
		}
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		if actor.Organization == "" {
			if newest, err = readNewest(tx); err == nil {
				d.Suspects, err = readSuspects(tx)
			}
			if err != nil {
				return err
			}
		}
		states, err := tx.ListProviderStates(ctx, of.Name)
		if err != nil {
			return err
		}
		for _, p := range of.Engine.Providers() {
			d.Providers = append(d.Providers, providerOf(p, states))
			d.Points = max(d.Points, d.Providers[len(d.Providers)-1].Points)
		}
		list := sqlcgen.ListOperationsParams{Platform: of.Name, Organization: orNil(actor.Organization)}
		active, ended := list, list
		active.Active, active.Most = true, defaultLimit
		ended.Ended, ended.Most = true, recentShown
		if d.Running, err = listOperations(ctx, tx, active); err != nil {
			return err
		}
		if err := c.listen(ctx, tx, each(d.Running)...); err != nil {
			return err
		}
		if d.Recent, err = listOperations(ctx, tx, ended); err != nil {
			return err
		}
		d.LastBackup, err = lastBackup(ctx, tx, d.Recent, ended)
		return err
	})
	if err == nil && len(newest) > 0 {
		d.Newest = &newest[0]
	}
	for i, p := range d.Providers {
		d.Providers[i].Behind = lacks(d.Newest, p.Name)
	}
	return err
}

// suspects returns the newest recovery points that latest passes by, of which nobody has said whether they are right.
func suspects(ctx context.Context, tx db.Tx, platform string, latest []Point) (out []Point, err error) {
	after := ""
	if len(latest) > 0 && !latest[0].Suspect() {
		after = latest[0].ID
	}
	rows, err := tx.ListSuspectPoints(ctx, sqlcgen.ListSuspectPointsParams{
		Platform: platform,
		After:    after,
		Most:     suspectsShown,
	})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p, err := pointOf(r)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// lastBackup returns the newest backup that succeeded or failed, or nil where there is none: one that somebody stopped
// says nothing of whether backups work. recent are the newest operations that ended; of is how they were asked for.
func lastBackup(ctx context.Context, tx db.Tx, recent []Operation, of sqlcgen.ListOperationsParams) (
	last *Operation, err error) {
	i := slices.IndexFunc(recent, func(o Operation) bool { return o.Kind == KindBackup && o.State != StateCancelled })
	if i >= 0 {
		return &recent[i], nil
	}
	for _, state := range []State{StateDone, StateFailed} { // all of those were something else
		of.Kind, of.State, of.Most = string(KindBackup), string(state), 1
		list, err := listOperations(ctx, tx, of)
		if err != nil {
			return nil, err
		}
		if len(list) == 1 && (last == nil || list[0].ID > last.ID) {
			last = &list[0]
		}
	}
	return last, nil
}

// judge derives protection, age and alarm.
func (d *Dashboard) judge() {
	if d.Newest == nil {
		d.Protection = keepsake.JudgeProtection(nil)
		d.Alarm, d.AlarmText = AlarmNever, "There is no recovery point. If the platform were lost now, nothing could be "+
			"brought back. Take a full backup."
		return
	}
	d.Protection = keepsake.JudgeProtection(d.Newest.Copies)
	d.Age = d.Now.Sub(d.Newest.Time)
	last := d.LastBackup
	newer := last != nil && last.CreatedAt.After(d.Newest.Time) // it made no later point than the newest
	switch {
	case d.Age < -clocksDiffer:
		d.Alarm, d.AlarmText = AlarmLate, "The newest recovery point says that it will be taken in the future, so nobody "+
			"knows how old it is: the platform's clock was ahead then, or this server's is behind. Set the clocks right, "+
			"and take a backup now."
	case d.Age > d.MaxAge:
		d.Alarm, d.AlarmText = AlarmLate, fmt.Sprintf(
			"The newest recovery point is older than %s. What has changed since then would be lost. Take a backup now, and "+
				"find out why none was taken.", hours(d.MaxAge))
	case newer && last.State == StateFailed:
		d.Alarm, d.AlarmText = AlarmFailed, "The latest backup failed, so what has changed since the newest recovery point "+
			"is not saved: "+last.ErrorMessage
	case !d.Protection.Protected():
		d.Alarm, d.AlarmText = AlarmFailed, "The newest recovery point does not meet the 3-2-1 rule: "+d.Protection.Lacks()+
			". "+d.Protection.Remedy()
	}
}

// clocksDiffer is how far the platform's clock may be ahead of this server's without anybody being told.
const clocksDiffer = 5 * time.Minute

// TooOld reports whether a recovery point that was taken then is older than points may be. One of the future counts as
// such: nobody knows how old it is.
func (d *Dashboard) TooOld(taken time.Time) bool {
	age := d.Now.Sub(taken)
	return age > d.MaxAge || age < -clocksDiffer
}

func hours(d time.Duration) string {
	if d == time.Hour {
		return "1 hour"
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.String()
}

// words is what a person may read of an error: only what was written for people.
func words(err error) string {
	if keepsake.CodeOf(err) == keepsake.CodeInternal {
		return ""
	}
	return " " + keepsake.MessageOf(err)
}
