package verify

import (
	"context"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine/report"
)

// goesSoon is how long before a recovery point may go nobody is told that something of it is missing: a verification
// may take hours.
const goesSoon = 12 * time.Hour

// staying leaves out the recovery points that retention is about to remove, or has removed in part.
func (v *verification) staying(ctx context.Context, ids []string) ([]string, error) {
	lists, err := v.Replicas.ReadRemovals(ctx, v.repo, v.live)
	if err != nil {
		return nil, err
	}
	now := v.Now()
	stay := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		l := lists.Removes(id)
		return l != nil && !now.Before(l.Due.Add(-goesSoon))
	})
	if n := len(ids) - len(stay); n > 0 {
		v.track.Infof("%s: retention is about to remove them, so they are not looked at.", report.Plural(n, "recovery point"))
	}
	return stay, nil
}
