package console

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// weddingsTime bounds asking the platform for the next weddings: the page does not depend on it.
	weddingsTime  = 3 * time.Second
	nextWeddings  = 8
	weddingsAhead = 366 * 24 * time.Hour
	recentShown   = 8
)

// Dashboard returns the overview. It reads the console database, and asks only the platform, for the next weddings; one that
// does not answer costs three seconds and a sentence.
func (c *Console) Dashboard(ctx context.Context, actor keepsake.Actor) (Dashboard, error) {
	d := Dashboard{Now: c.now(), MaxAge: c.maxAge}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.readDashboard(gctx, actor, &d) })
	g.Go(func() error {
		d.Weddings, d.WeddingsMissing = c.nextWeddings(gctx, actor, d.Now)
		return nil
	})
	if err := g.Wait(); err != nil {
		return d, fmt.Errorf("read the overview: %w", err)
	}
	d.judge()
	return d, nil
}

func (c *Console) readDashboard(ctx context.Context, actor keepsake.Actor, d *Dashboard) error {
	return c.db.InTx(ctx, actor, func(tx db.Tx) error {
		newest, err := tx.GetNewestWholePoint(ctx)
		switch {
		case err == nil:
			points, err := withTests(ctx, tx, []sqlcgen.RecoveryPoint{newest})
			if err != nil {
				return err
			}
			d.Newest = &points[0]
		case !db.IsNoRows(err):
			return err
		}
		if d.Points, err = tx.CountPoints(ctx); err != nil {
			return err
		}
		states, err := tx.ListProviderStates(ctx)
		if err != nil {
			return err
		}
		for _, p := range c.engine.Providers() {
			d.Providers = append(d.Providers, providerOf(p, states))
		}
		if d.Running, err = listOperations(ctx, tx, sqlcgen.ListOperationsParams{Active: true, Most: defaultLimit}); err != nil {
			return err
		}
		if d.Recent, err = listOperations(ctx, tx, sqlcgen.ListOperationsParams{Ended: true, Most: recentShown}); err != nil {
			return err
		}
		last, err := listOperations(ctx, tx, sqlcgen.ListOperationsParams{Ended: true, Kind: string(KindBackup), Most: 1})
		if len(last) > 0 {
			d.LastBackup = &last[0]
		}
		return err
	})
}

// judge derives protection, age and alarm.
func (d *Dashboard) judge() {
	if d.Newest == nil {
		d.Protection = keepsake.JudgeProtection(nil)
		d.Alarm, d.AlarmText = AlarmNever, "There is no recovery point. If the platform were lost now, nothing could be brought back. Take a full backup."
		return
	}
	d.Protection = keepsake.JudgeProtection(d.Newest.Copies)
	d.Age = d.Now.Sub(d.Newest.Time)
	last := d.LastBackup
	newer := last != nil && last.CreatedAt.After(d.Newest.Time) // it made no later point than the newest
	switch {
	case d.Age > d.MaxAge:
		d.Alarm, d.AlarmText = AlarmLate, fmt.Sprintf("The newest recovery point is older than %s. What has changed since then would be lost. Take a backup now, and find out why none was taken.", hours(d.MaxAge))
	case newer && last.State == StateFailed:
		d.Alarm, d.AlarmText = AlarmFailed, "The latest backup failed, so what has changed since the newest recovery point is not saved: "+last.ErrorMessage
	case !d.Protection.Protected():
		d.Alarm, d.AlarmText = AlarmFailed, "The newest recovery point does not meet the 3-2-1 rule: "+d.Protection.Lacks()+". See which provider is missing below, then back up again."
	}
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

// nextWeddings returns the next weddings the actor may see, or why there are none to show.
func (c *Console) nextWeddings(ctx context.Context, actor keepsake.Actor, now time.Time) ([]Wedding, string) {
	if actor.Role != keepsake.RoleSuperAdmin && actor.Role != keepsake.RoleSystem {
		return nil, "Your account may not see weddings."
	}
	ctx, cancel := context.WithTimeout(ctx, weddingsTime)
	defer cancel()
	today := day(now)
	limit := nextWeddings
	if actor.Organization != "" {
		limit = 500 // the platform is asked for all organizations; most are not the actor's
	}
	found, err := c.engine.Weddings(ctx, today, today.Add(weddingsAhead), limit)
	if err != nil {
		c.log.WarnContext(ctx, "the next weddings could not be read", "err", err)
		return nil, "The platform does not answer, so its next weddings cannot be shown. Everything else on this page is up to date." + words(err)
	}
	var list []Wedding
	for _, w := range found {
		if actor.Organization != "" && w.OrganizationID != actor.Organization {
			continue
		}
		if len(list) == nextWeddings {
			break
		}
		left := keepsake.DaysBefore(w.Date, now)
		list = append(list, Wedding{Wedding: w, DaysLeft: left, Phase: keepsake.PhaseOf(left), Urgency: keepsake.UrgencyOf(left)})
	}
	return list, ""
}

// words is what a person may read of an error: only what was written for people.
func words(err error) string {
	if keepsake.CodeOf(err) == keepsake.CodeInternal {
		return ""
	}
	return " " + keepsake.MessageOf(err)
}
