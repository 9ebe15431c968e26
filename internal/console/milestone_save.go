package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	longestMilestone = 60
	mostMilestones   = 20
)

// milestones are those that follow from the day and those that somebody set, in order of time.
func milestones(date time.Time, set []sqlcgen.WeddingMilestone) []Milestone {
	var list []Milestone
	if !date.IsZero() {
		list = append(list, Milestone{Name: keepsake.MilestoneDayBefore, Day: date.AddDate(0, 0, -1), Derived: true})
	}
	for _, m := range set {
		list = append(list, Milestone{Name: m.Name, Day: m.Day})
	}
	slices.SortStableFunc(list, func(a, b Milestone) int { return a.Day.Compare(b.Day) })
	return list
}

// SaveMilestoneInput names a day of a wedding. A zero Day forgets the milestone.
type SaveMilestoneInput struct {
	WeddingID string
	Name      string
	Day       time.Time
}

// SaveMilestone sets or forgets a milestone of a wedding.
func (c *Console) SaveMilestone(ctx context.Context, actor keepsake.Actor, in SaveMilestoneInput) error {
	in.Name = milestoneName(in.Name)
	detail := audit.Change(nil, dayText(in.Day))
	detail["name"] = in.Name
	switch {
	case in.Name == "" || !plain(in.Name) || utf8.RuneCountInString(in.Name) > longestMilestone:
		return c.recordRefused(ctx, actor, audit.MilestoneSave, in.WeddingID, detail,
			keepsake.Errorf(keepsake.CodeInvalid, "A milestone needs a name of at most %d characters.", longestMilestone))
	case in.Name == keepsake.MilestoneDayBefore:
		return c.recordRefused(ctx, actor, audit.MilestoneSave, in.WeddingID, detail,
			keepsake.Errorf(keepsake.CodeInvalid, "The day before the wedding follows from the wedding's day."))
	case in.WeddingID == "" || !plain(in.WeddingID):
		return c.recordRefused(ctx, actor, audit.MilestoneSave, in.WeddingID, detail,
			keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding."))
	}
	p, err := c.platformOf(actor)
	if err == nil {
		err = p.finder().mayActOnWedding(ctx, actor, keepsake.MayBackup, in.WeddingID)
	}
	organization := ""
	if err == nil {
		organization = p.finder().organizationOf(ctx, actor, in.WeddingID)
	}
	return c.attemptJudged(ctx, actor, err, audit.MilestoneSave, in.WeddingID, detail, func(tx db.Tx) (string, error) {
		set, err := tx.ListMilestones(ctx, sqlcgen.ListMilestonesParams{Platform: p.Name, WeddingID: in.WeddingID})
		if err != nil {
			return in.WeddingID, err
		}
		at := slices.IndexFunc(set, func(m sqlcgen.WeddingMilestone) bool { return m.Name == in.Name })
		if at >= 0 {
			detail["before"] = dayText(set[at].Day)
		}
		if in.Day.IsZero() {
			return in.WeddingID, forgetMilestone(ctx, tx, p, in)
		}
		if at < 0 && len(set) >= mostMilestones {
			return in.WeddingID, keepsake.Errorf(keepsake.CodeInvalid, "A wedding has %d milestones at most.", mostMilestones)
		}
		err = tx.SetMilestone(ctx, sqlcgen.SetMilestoneParams{
			Platform:     p.Name,
			WeddingID:    in.WeddingID,
			Name:         in.Name,
			Day:          in.Day,
			SetBy:        actor.Name,
			Organization: orNil(organization),
		})
		if db.IsState(err, pgerrcode.InsufficientPrivilege) {
			err = keepsake.Errorf(keepsake.CodeConflict,
				"Another organization, or the platform, has set a milestone of this name for this wedding. Use another name, or "+
					"ask a super admin of the whole platform.")
		}
		return in.WeddingID, err
	})
}

// milestoneName writes what a person typed as milestones are named: "Final payment" is final_payment.
func milestoneName(s string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), " ", "_")
}

// markWedding says for which wedding a backup is made. The wedding must exist, because its day belongs to the mark.
func (p *platform) markWedding(
	ctx context.Context, actor keepsake.Actor, in StartBackupInput,
) ([]keepsake.WeddingMark, error) {
	found := p.finder().find(ctx, actor, engine.WeddingQuery{IDs: []string{in.WeddingID}, Today: p.now(), Limit: 1})
	if len(found.Weddings) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "%s",
			cmp.Or(found.Missing, "There is no such wedding in the platform."))
	}
	return []keepsake.WeddingMark{{
		WeddingID: in.WeddingID,
		Date:      found.Weddings[0].Day(),
		Milestone: milestoneName(in.Milestone),
	}}, nil
}

func forgetMilestone(ctx context.Context, tx db.Tx, p *platform, in SaveMilestoneInput) error {
	n, err := tx.DeleteMilestone(ctx, sqlcgen.DeleteMilestoneParams{
		Platform:  p.Name,
		WeddingID: in.WeddingID,
		Name:      in.Name,
	})
	if err == nil && n == 0 {
		return keepsake.Errorf(keepsake.CodeConflict,
			"There is no milestone %s of this wedding that you may forget. Either it is forgotten already, or another "+
				"organization or the platform has set it.", in.Name)
	}
	return err
}

// dayText writes a day as the audit trail has it, or nil where there is none.
func dayText(d time.Time) any {
	if d.IsZero() {
		return nil
	}
	return d.Format(time.DateOnly)
}
