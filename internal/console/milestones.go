package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// milestonesSeen is the setting that holds the last day whose milestones have their recovery point.
	milestonesSeen = "milestones_seen"
	// mostDaysBehind bounds how far a console that did not run catches up: a point made later says nothing of the day
	// itself.
	mostDaysBehind = 7
	mostMarks      = 5000
)

// WatchMilestones starts one backup for all weddings that have reached a milestone or entered a phase since the last
// day that it looked at. While another backup runs it starts none, and the next call tries again. The first call of a
// new console only notes the day.
func (c *Console) WatchMilestones(ctx context.Context) error {
	return c.everyPlatform(ctx, c.watchMilestones)
}

func (c *Console) watchMilestones(ctx context.Context, p *platform) error {
	system := keepsake.System("milestones")
	today := day(c.now())
	seen := today
	var set []sqlcgen.WeddingMilestone
	err := c.db.InTx(ctx, system, func(tx db.Tx) error {
		value, err := tx.GetSetting(ctx, sqlcgen.GetSettingParams{Platform: p.Name, Name: milestonesSeen})
		if db.IsNoRows(err) {
			return tx.SetSetting(ctx, sqlcgen.SetSettingParams{
				Platform: p.Name,
				Name:     milestonesSeen,
				Value:    []byte(today.Format(time.DateOnly)),
			})
		}
		if err != nil {
			return err
		}
		seen = seenDay(value, today)
		set, err = tx.ListMilestonesBetween(ctx, sqlcgen.ListMilestonesBetweenParams{
			Platform: p.Name,
			After:    seen,
			Upto:     today,
		})
		return err
	})
	if err != nil || !seen.Before(today) {
		return err
	}
	marks, err := p.marksBetween(ctx, seen, today, set)
	if err != nil {
		return err
	}
	if len(marks) > 0 {
		_, err := c.StartBackup(ctx, system, StartBackupInput{
			Platform: p.Name,
			Type:     keepsake.BackupIncremental,
			Note:     marksNote(marks),
			weddings: marks,
		})
		if err != nil {
			return err
		}
	}
	return c.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := tx.SetSetting(ctx, sqlcgen.SetSettingParams{
			Platform: p.Name,
			Name:     milestonesSeen,
			Value:    []byte(today.Format(time.DateOnly)),
		}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, system, audit.Entry{
			Action:  audit.MilestoneLook,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"after": dayText(seen), "upto": dayText(today), "weddings": len(marks)},
		})
	})
}

// seenDay is the last day that was looked at. What is no day, or is yet to come, somebody else wrote: the days before
// are looked at again, and a mark more harms nobody.
func seenDay(value []byte, today time.Time) time.Time {
	oldest := today.AddDate(0, 0, -mostDaysBehind)
	seen, err := time.Parse(time.DateOnly, string(value))
	if err != nil || seen.Before(oldest) || seen.After(today) {
		return oldest
	}
	return seen
}

// marksBetween are the weddings that reached something on the days after seen up to today. Two questions to the
// platform.
func (p *platform) marksBetween(ctx context.Context, seen, today time.Time, set []sqlcgen.WeddingMilestone) (
	[]keepsake.WeddingMark, error) {
	var days []time.Time
	entered := map[string]keepsake.WeddingMark{} // by the wedding's day
	for d := seen.AddDate(0, 0, 1); !d.After(today); d = d.AddDate(0, 0, 1) {
		// A phase is entered on the first day that has it: keepsake.PhaseOf.
		for _, before := range []int{30, 1, -1} {
			date := d.AddDate(0, 0, before)
			mark := keepsake.WeddingMark{Date: date.Format(time.DateOnly), Phase: keepsake.PhaseOf(before)}
			if before == 1 {
				mark.Milestone = keepsake.MilestoneDayBefore
			}
			days, entered[mark.Date] = append(days, date), mark
		}
	}
	found, err := p.Engine.Weddings(ctx, engine.WeddingQuery{Days: days, Today: today, Limit: mostMarks})
	if err != nil {
		return nil, fmt.Errorf("ask for weddings that enter a phase: %w", err)
	}
	var marks []keepsake.WeddingMark
	for _, w := range found {
		mark := entered[w.Date.Format(time.DateOnly)]
		mark.WeddingID = w.ID
		marks = append(marks, mark)
	}
	if len(set) == 0 {
		return marks, nil
	}
	ids := make([]string, len(set))
	for i, m := range set {
		ids[i] = m.WeddingID
	}
	if found, err = p.Engine.Weddings(ctx, engine.WeddingQuery{IDs: ids, Today: today, Limit: mostMarks}); err != nil {
		return nil, fmt.Errorf("ask for weddings at a milestone: %w", err)
	}
	for _, m := range set {
		// it may be gone
		if i := slices.IndexFunc(found, func(w engine.Wedding) bool { return w.ID == m.WeddingID }); i >= 0 {
			marks = append(marks, keepsake.WeddingMark{WeddingID: m.WeddingID, Date: found[i].Day(), Milestone: m.Name})
		}
	}
	return marks, nil
}

// marksNote says in words why an automatic recovery point was made.
func marksNote(marks []keepsake.WeddingMark) string {
	count := map[string]int{}
	var order []string
	for _, m := range marks {
		why := "reached " + strings.ReplaceAll(m.Milestone, "_", " ")
		if m.Phase != "" {
			why = "entered " + strings.ReplaceAll(string(m.Phase), "_", " ")
		}
		if count[why]++; count[why] == 1 {
			order = append(order, why)
		}
	}
	const most = 4
	var parts []string
	for _, why := range order[:min(most, len(order))] {
		parts = append(parts, fmt.Sprintf("%d %s", count[why], why))
	}
	if len(order) > most {
		parts = append(parts, "others reached other milestones")
	}
	return "Made by itself: of the weddings, " + strings.Join(parts, ", ")
}
