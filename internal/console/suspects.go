package console

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SuspectPoint is a suspect recovery point, and why it is suspect, in words.
type SuspectPoint struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"` // of the snapshot
	Why  string    `json:"why"`
}

// PassedBy says that latest means an older recovery point.
func (p SuspectPoint) PassedBy() string {
	return keepsake.PassedBy(fmt.Sprintf("%s of %s", p.ID, p.Time.UTC().Format("2006-01-02 15:04:05 MST")), p.Why)
}

// PointWarnings says in words what somebody must know of the recovery point that a restore takes.
func (o Operation) PointWarnings() (words []string) {
	if o.Asked == nil {
		return nil
	}
	for _, p := range o.Asked.Suspects {
		if p.ID == o.Point {
			words = append(words, keepsake.SuspectPoint(p.Why))
		} else {
			words = append(words, p.PassedBy())
		}
	}
	return words
}

// suspectsOf returns what makes a restore of a recovery point doubtful: the point itself where it is suspect, and where
// it is the one that latest means, the newest of those that latest passes by. Of a point that the console does not know
// it returns nothing.
func (c *Console) suspectsOf(ctx context.Context, p *platform, actor keepsake.Actor, id string) (
	out []SuspectPoint, err error) {
	points, err := c.inPoints(ctx, actor, "", func(tx db.Tx) ([]Point, error) {
		row, err := tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: id, Platform: p.Name})
		rows := []sqlcgen.RecoveryPoint{row}
		if err == nil && !row.Suspect {
			rows, err = passedFor(ctx, tx, p.Name, id)
		}
		if db.IsNoRows(err) {
			return nil, nil
		}
		points := make([]Point, len(rows))
		for i, r := range rows {
			if err == nil {
				points[i], err = pointOf(r)
			}
		}
		return points, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which recovery points are suspect: %w", err)
	}
	for _, point := range points {
		out = append(out, SuspectPoint{
			ID:   point.ID,
			Time: point.Time,
			Why:  point.DoubtWords(),
		})
	}
	return out, nil
}

// passedFor returns the suspect points that are newer than this one, where latest means it.
func passedFor(ctx context.Context, tx db.Tx, platform, id string) ([]sqlcgen.RecoveryPoint, error) {
	newest, err := newestWhole(ctx, tx, platform)
	if err != nil || newest.ID != id {
		return nil, err
	}
	return tx.ListPassedPoints(ctx, sqlcgen.ListPassedPointsParams{Platform: platform, After: id, Most: suspectsShown})
}
