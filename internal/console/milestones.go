package console

import (
	"context"
	"encoding/json"
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
	// milestonesSeen is the setting that holds the last day up to which every milestone has its recovery point.
	milestonesSeen = "milestones_seen"
	// mostDaysBehind bounds how far a console that did not run catches up: a point made later says nothing of the day
	// itself.
	mostDaysBehind = 7
	mostMarks      = 5000
	// retryMarks is how long after a backup for milestones has failed the next is tried.
	retryMarks = time.Hour
	// mostMarkedBackups is how many backups for weddings are looked at, the newest: more than a console takes in the days
	// that it may be behind.
	mostMarkedBackups = 1000
)

// WatchMilestones starts one backup for all weddings that have reached a milestone or entered a phase and have no
// recovery point for it: since the last day for which none is lacking, and today in any case. A backup that was started
// and did not get done made none, so that the next call tries again, retryMarks after it failed. While any backup runs
// it starts none. The first call of a new console only notes the day.
func (c *Console) WatchMilestones(ctx context.Context) error {
	return c.everyPlatform(ctx, c.watchMilestones)
}

func (c *Console) watchMilestones(ctx context.Context, p *platform) error {
	marks, err := c.lackingMarks(ctx, p)
	if err != nil || len(marks) == 0 {
		return err
	}
	_, err = c.StartBackup(ctx, keepsake.System("milestones"), StartBackupInput{
		Platform: p.Name,
		Type:     keepsake.BackupIncremental,
		Note:     "Automatic backup: " + marksWords(marks),
		weddings: marks,
	})
	return err
}

// lackingMarks are what weddings have reached and no backup was made for, none while a backup runs or one for them has
// just failed. It notes the days for which none is lacking.
func (c *Console) lackingMarks(ctx context.Context, p *platform) ([]keepsake.WeddingMark, error) {
	today := day(c.now())
	known, err := c.knownMarks(ctx, p, today)
	if err != nil {
		return nil, err
	}
	lacking := known.lacking(known.setMarks())
	if len(lacking) == 0 && !known.seen.Before(today) { // what happens most: the platform is not asked
		return nil, nil
	}
	if lacking, err = p.marksBetween(ctx, known.seen, today, known.set); err != nil {
		return nil, err
	}
	lacking = known.lacking(lacking)
	switch {
	case len(lacking) == 0 && known.seen.Before(today):
		return nil, c.seeMilestones(ctx, p, known.seen, today)
	case len(lacking) == 0 || known.waits:
		return nil, nil
	}
	marks := make([]keepsake.WeddingMark, len(lacking))
	for i, r := range lacking {
		marks[i] = r.mark
	}
	return marks, nil
}

// reachedMark is what a wedding reached on a day.
type reachedMark struct {
	mark keepsake.WeddingMark
	day  time.Time
}

// knownMarks is what the console database knows of milestones and of the backups that were made for them.
type knownMarks struct {
	seen  time.Time                  // the last day for which no recovery point is lacking
	set   []sqlcgen.WeddingMilestone // of the days after it up to today, and of today in any case
	made  []reachedMark              // what backups that are done carry, and the days on which they were asked for
	waits bool                       // a backup runs, or the last one for milestones has just failed
}

// knownMarks reads them. In a new console it notes the day.
func (c *Console) knownMarks(ctx context.Context, p *platform, today time.Time) (knownMarks, error) {
	known := knownMarks{seen: today}
	var backups []sqlcgen.ListMarkedBackupsRow
	err := c.db.InTx(ctx, keepsake.System("milestones"), func(tx db.Tx) error {
		value, err := tx.GetSetting(ctx, sqlcgen.GetSettingParams{Platform: p.Name, Name: milestonesSeen})
		if db.IsNoRows(err) {
			return tx.AddPlatformSetting(ctx, sqlcgen.AddPlatformSettingParams{
				Platform: p.Name,
				Name:     milestonesSeen,
				Value:    []byte(today.Format(time.DateOnly)),
			})
		}
		if err != nil {
			return err
		}
		known.seen = seenDay(value, today)
		after := known.seen
		if !after.Before(today) {
			after = today.AddDate(0, 0, -1)
		}
		known.set, err = tx.ListMilestonesBetween(ctx, sqlcgen.ListMilestonesBetweenParams{
			Platform: p.Name,
			After:    after,
			Upto:     today,
		})
		if err != nil {
			return err
		}
		_, err = tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: p.Name, Name: backupSlot})
		if known.waits = err == nil; err != nil && !db.IsNoRows(err) {
			return err
		}
		backups, err = tx.ListMarkedBackups(ctx, sqlcgen.ListMarkedBackupsParams{
			Platform:     p.Name,
			RetrySeconds: retryMarks.Seconds(),
			Most:         mostMarkedBackups,
		})
		return err
	})
	if err != nil {
		return known, fmt.Errorf("read what milestones have their recovery point: %w", err)
	}
	for _, b := range backups {
		known.waits = known.waits || b.FailedLately
		var marks []keepsake.WeddingMark
		if err := json.Unmarshal(b.Weddings, &marks); err != nil {
			return known, fmt.Errorf("decode the weddings of a backup: %w", err)
		}
		for _, m := range marks {
			if State(b.State) == StateDone {
				known.made = append(known.made, reachedMark{m, day(b.CreatedAt.In(c.now().Location()))})
			}
		}
	}
	return known, nil
}

// setMarks are the milestones that somebody set, without the weddings' days, which the platform knows.
func (k knownMarks) setMarks() []reachedMark {
	list := make([]reachedMark, len(k.set))
	for i, m := range k.set {
		list[i] = reachedMark{keepsake.WeddingMark{WeddingID: m.WeddingID, Milestone: m.Name}, m.Day}
	}
	return list
}

// lacking are those that no backup carries which is done and was asked for on that day or later.
func (k knownMarks) lacking(reached []reachedMark) (list []reachedMark) {
	made := map[keepsake.WeddingMark]time.Time{}
	for _, m := range k.made {
		m.mark.Date = "" // the wedding may have moved since
		if last, found := made[m.mark]; !found || last.Before(m.day) {
			made[m.mark] = m.day
		}
	}
	for _, r := range reached {
		key := r.mark
		key.Date = ""
		if last, found := made[key]; !found || last.Before(r.day) {
			list = append(list, r)
		}
	}
	return list
}

// seeMilestones notes that no recovery point is lacking up to today.
func (c *Console) seeMilestones(ctx context.Context, p *platform, seen, today time.Time) error {
	system := keepsake.System("milestones")
	return c.db.InTx(ctx, system, func(tx db.Tx) error {
		if err := setSeen(ctx, tx, p, today); err != nil {
			return err
		}
		return audit.Record(ctx, tx, system, audit.Entry{
			Action:  audit.MilestoneLook,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"after": dayText(seen), "upto": dayText(today)},
		})
	})
}

func setSeen(ctx context.Context, tx db.Tx, p *platform, today time.Time) error {
	return tx.SetSetting(ctx, sqlcgen.SetSettingParams{
		Platform: p.Name,
		Name:     milestonesSeen,
		Value:    []byte(today.Format(time.DateOnly)),
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

// marksBetween are the weddings that entered a phase on the days after seen up to today, and those that reached a
// milestone that was set. Two questions to the platform.
func (p *platform) marksBetween(ctx context.Context, seen, today time.Time, set []sqlcgen.WeddingMilestone) (
	[]reachedMark, error) {
	var days []time.Time
	entered := map[string]reachedMark{} // by the wedding's day
	for d := seen.AddDate(0, 0, 1); !d.After(today); d = d.AddDate(0, 0, 1) {
		// A phase is entered on the first day that has it: keepsake.PhaseOf.
		for _, before := range []int{30, 1, -1} {
			date := d.AddDate(0, 0, before)
			mark := keepsake.WeddingMark{Date: date.Format(time.DateOnly), Phase: keepsake.PhaseOf(before)}
			if before == 1 {
				mark.Milestone = keepsake.MilestoneDayBefore
			}
			days, entered[mark.Date] = append(days, date), reachedMark{mark, d}
		}
	}
	var found []engine.Wedding
	var err error
	if len(days) > 0 {
		found, err = p.Engine.Weddings(ctx, engine.WeddingQuery{Days: days, Today: today, Limit: mostMarks})
	}
	if err != nil {
		return nil, fmt.Errorf("ask for weddings that enter a phase: %w", err)
	}
	var marks []reachedMark
	for _, w := range found {
		r := entered[w.Date.Format(time.DateOnly)]
		r.mark.WeddingID = w.ID
		marks = append(marks, r)
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
			mark := keepsake.WeddingMark{WeddingID: m.WeddingID, Date: found[i].Day(), Milestone: m.Name}
			marks = append(marks, reachedMark{mark, m.Day})
		}
	}
	return marks, nil
}

// marksWords says in words why an automatic recovery point was made.
func marksWords(marks []keepsake.WeddingMark) string {
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
		weddings := "weddings"
		if count[why] == 1 {
			weddings = "wedding"
		}
		parts = append(parts, fmt.Sprintf("%d %s %s", count[why], weddings, why))
	}
	if len(order) > most {
		parts = append(parts, "others reached other milestones")
	}
	return strings.Join(parts, ", ")
}
