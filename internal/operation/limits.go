package operation

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// LimitWindow is what limits are counted over. It moves: any hour, not the clock's.
const LimitWindow = time.Hour

// Limits say how often one actor may start what counts under a name at a platform, within LimitWindow. What counts
// under which name,
// and whom nothing limits, is the caller's to say. The console database counts, so that processes count together.
type Limits[N ~string] map[N]int

// Use counts one start under a name. It reports whether the limit allowed it, and what is left afterwards. It belongs
// into the transaction that writes what is started: a start that is refused for another reason costs nothing.
func (l Limits[N]) Use(ctx context.Context, tx db.Tx, platform string, actor keepsake.Actor, name N) (
	left keepsake.Quota, allowed bool, err error) {
	used, err := tx.UseLimit(ctx, sqlcgen.UseLimitParams{
		ActorID:       actor.ID,
		Platform:      platform,
		Kind:          string(name),
		WindowSeconds: LimitWindow.Seconds(),
		Most:          int32(l[name]),
	})
	if err != nil {
		return left, false, fmt.Errorf("count the start: %w", err)
	}
	all, err := l.Left(ctx, tx, platform, actor)
	return all[name], used > 0, err
}

// Left returns what is left to an actor under each name.
func (l Limits[N]) Left(ctx context.Context, tx db.Tx, platform string, actor keepsake.Actor) (
	map[N]keepsake.Quota, error) {
	uses, err := tx.ListLimitUses(ctx, sqlcgen.ListLimitUsesParams{
		ActorID:       actor.ID,
		Platform:      platform,
		WindowSeconds: LimitWindow.Seconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("read what was used of the limits: %w", err)
	}
	ages := map[N][]float64{} // the latest use first
	for _, u := range uses {
		ages[N(u.Kind)] = append(ages[N(u.Kind)], u.AgeSeconds)
	}
	all := map[N]keepsake.Quota{}
	for name, most := range l {
		q := keepsake.Quota{Name: string(name), Most: most, Left: max(0, most-len(ages[name])), Window: LimitWindow}
		// The use whose end gives one back: the oldest, or of more than there may be, since the limit was lowered, a later
		// one.
		if n := min(len(ages[name]), most); n > 0 {
			q.Reset = max(LimitWindow-time.Duration(ages[name][n-1]*float64(time.Second)), time.Second)
		}
		all[name] = q
	}
	return all, nil
}

// ForgetLimits forgets uses that count no more.
func (r *Runner) ForgetLimits(ctx context.Context) error {
	return r.db.InTx(ctx, keepsake.System("sweep"), func(tx db.Tx) error {
		_, err := tx.DeleteOldLimits(ctx, LimitWindow.Seconds())
		return err
	})
}
