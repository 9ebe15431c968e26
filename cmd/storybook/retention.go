package main

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
	"github.com/wedsync/keepsake/views"
)

func retentionPage(theme string, s console.RetentionState) templ.Component {
	vm := draw.Retention(shell(theme, "Retention", "points"), s, clock)
	vm.Mine = true
	return views.RetentionPage(vm)
}

// retained is a repository after so many days: a backup every quarter of an hour on Saturdays, every four hours
// otherwise. Of what goes the older half is marked. share is how many percent may go without somebody's word.
func retained(days, share int) console.RetentionState {
	rules := policy.DefaultRetention()
	rules.Zone, rules.MostShare, rules.MostCount = time.UTC, share, 10_000
	var f policy.RetentionFacts
	s := console.RetentionState{
		Known: true,
		Rules: console.Retention{Retention: rules, On: true, Grace: 24 * time.Hour},
		Next:  now.Add(3 * time.Hour),
		Bytes: map[string]int64{},
		Goes:  map[string]time.Time{},
	}
	for at := now.AddDate(0, 0, -days); at.Before(now); {
		p := policy.HeldPoint{ID: at.Format("20060102T150405Z") + "-0123456789ab", Time: at,
			Type: keepsake.BackupIncremental, Protected: true}
		if at.Weekday() == time.Monday {
			p.Weddings = []keepsake.WeddingMark{{WeddingID: fmt.Sprint(at.YearDay()), Date: at.Format(time.DateOnly),
				Milestone: "final_payment"}}
		}
		p.Locked, p.LockWhy = at.Day() == 13, "Before the move to the new server. "+long(1)
		f.Points = append(f.Points, p)
		s.Bytes[p.ID] = int64(at.Minute()+1) << 20
		if at.Weekday() == time.Saturday {
			at = at.Add(15 * time.Minute)
		} else {
			at = at.Add(4 * time.Hour)
		}
	}
	s.Plan = rules.Plan(f, now)
	if len(f.Points) > 0 {
		last := backupOf(console.StateDone)
		last.Kind, last.OK, last.Retention = console.KindRetention, true, &console.RetentionResult{}
		s.Last = &last
	}
	going := s.Plan.Going()
	for _, v := range going[len(going)/2:] {
		s.Goes[v.Point.ID] = now.Add(21 * time.Hour)
	}
	return s
}

// retentionHeld is one that waits until backups work again, and for somebody's word.
func retentionHeld() console.RetentionState {
	s := retained(400, 100)
	s.Plan.Held = "Nothing goes now: the last backup failed."
	s.Rules.On = false
	return s
}

func retentionLarge() console.RetentionState {
	s := retained(90, 30)
	s.Fingerprint = "0123456789abcdef"
	return s
}
