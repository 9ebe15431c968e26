package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

const (
	// checkEvery and syncEvery are how old what pages show of providers, and of points that others made, may get.
	checkEvery = 30 * time.Second
	syncEvery  = 15 * time.Minute
	// noticeEvery is how soon a recovery point that the command line made appears.
	noticeEvery = 10 * time.Second
	sweepEvery  = time.Hour
	// expireEvery is between two looks for restores that waited too long for somebody to approve them.
	expireEvery = time.Minute
	// milestonesEvery is how late after midnight, or after a backup that was in the way, a milestone's recovery point may
	// begin.
	milestonesEvery = 10 * time.Minute
)

const retentionDuty = "keep_retention"

// dutiesOf are what a console does without being asked, and after it what other rooms bring. docs/design/operations.md
// says who does each, and why.
func dutiesOf(c *Console, more []operation.Duty) []operation.Duty {
	check := func(ctx context.Context) error {
		return c.everyPlatform(ctx, func(ctx context.Context, p *platform) error {
			_, err := c.checkProviders(ctx, p, "")
			return err
		})
	}
	list := []operation.Duty{
		{
			Name:  "take_over_operations",
			Does:  "take operations from workers that stopped answering",
			Every: c.runner.Lease.Reconcile,
			Who:   operation.EachProcess,
			// or nobody takes anything over
			Within: time.Minute,
			Run:    c.reconcile,
		},
		{Name: "check_providers", Does: "check the providers", Every: checkEvery, Who: operation.EachProcess, Run: check},
		{
			Name:  "read_points",
			Does:  "read the repository's list of recovery points",
			Every: syncEvery,
			Who:   operation.EachProcess,
			Wake:  c.wakeSync,
			Run:   c.SyncPoints,
		},
		{
			Name:  "notice_points",
			Does:  "look for recovery points that others made",
			Every: noticeEvery,
			Who:   operation.EachProcess,
			Run:   c.noticePoints,
		},
		{
			Name:  "watch_milestones",
			Does:  "back up for weddings that reach a milestone",
			Every: milestonesEvery,
			Who:   operation.OneHolder,
			Run:   c.WatchMilestones,
		},
		{
			Name:  "expire_approvals",
			Does:  "end restores that nobody approved in time",
			Every: expireEvery,
			Who:   operation.OneHolder,
			Run:   c.runner.ExpireProposals,
		},
		{
			Name:  "forget_limits",
			Does:  "forget who started what an hour ago",
			Every: sweepEvery,
			Who:   operation.OneHolder,
			Run:   c.runner.ForgetLimits,
		},
		{
			Name:  "make_months",
			Does:  "make room in the console database for the months ahead",
			Every: monthsEvery,
			Who:   operation.OneHolder,
			Run:   c.keepMonths,
		},
	}
	if c.schedule != nil {
		list = append(list, operation.Duty{
			Name:  "keep_schedule",
			Does:  "begin the backups that are due",
			Every: scheduleEvery,
			Who:   operation.EachProcess,
			Run:   c.KeepSchedule,
		})
	}
	if c.retention != nil && c.retention.On {
		list = append(list, operation.Duty{
			Name:  retentionDuty,
			Does:  "take recovery points away that no rule keeps",
			Every: retentionEvery,
			Who:   operation.OneHolder,
			Run:   c.KeepRetention,
		})
	}
	if c.heartbeat != nil {
		list = append(list, operation.Duty{
			Name:  "send_heartbeat",
			Does:  "tell the watchdog that a protected recovery point was made",
			Every: heartbeatEvery,
			Who:   operation.OneHolder,
			Run:   c.beat,
		})
	}
	if c.notes != nil {
		list = append(list, operation.Duty{
			Name:  "seal_audit",
			Does:  "seal the audit trail into the repository",
			Every: sealEvery,
			Who:   operation.OneHolder,
			Run:   c.SealAudit,
		})
	}
	return append(list, more...)
}

// DutyState says how a duty stands: its last run and its next.
type DutyState struct {
	Name  string
	Does  string // what it does, in words that follow "could not"
	Every time.Duration
	Who   operation.Who
	// Next is when one holder does it; zero where each process does.
	Next    time.Time
	Running bool
	Silent  bool      // it was begun, and its holder has stopped answering: this process has seen that long enough
	Began   time.Time // of the last run; zero: there was none
	Ended   time.Time // of the last run that ended; zero: there was none
	Failed  bool      // that run
	Message string    // why it failed
}

// ListDuties returns the state of every duty, the most important first. A duty's message may be about anybody's data,
// so only an actor who may see the whole platform gets the list.
func (c *Console) ListDuties(ctx context.Context, actor keepsake.Actor) ([]DutyState, error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return nil, c.recordRefused(ctx, actor, audit.DutiesList, "", nil, err)
	}
	known := map[string]sqlcgen.Duty{}
	err := c.db.InTx(ctx, keepsake.System("duties"), func(tx db.Tx) error {
		rows, err := tx.ListDuties(ctx)
		for _, r := range rows {
			known[r.Name] = r
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the duties: %w", err)
	}
	list := make([]DutyState, len(c.duties))
	for i, d := range c.duties {
		r := known[d.Name]
		silent := r.Holder != "" &&
			c.holders.Look(d.Name, fmt.Sprint(r.Fence, " ", r.Beats)) >= operation.DutyExpiry
		list[i] = DutyState{
			Name:    d.Name,
			Does:    d.Does,
			Every:   d.Every,
			Who:     d.Who,
			Running: r.Holder != "" && !silent,
			Silent:  silent,
			Began:   deref(r.LastStarted),
			Ended:   deref(r.LastEnded),
			Failed:  r.Outcome == "failed",
			Message: r.Message,
		}
		if d.Who == operation.OneHolder {
			list[i].Next = r.NextAt
		}
	}
	return list, nil
}
