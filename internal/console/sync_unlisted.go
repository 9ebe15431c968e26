package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// notListed is why a copy is none where the provider does not list the recovery point.
const notListed = "not listed there any more"

// dropUnlisted brings the points in line that no provider lists, where every provider was asked: the command line
// removed them, or somebody else did. Those that a removal list names leave this console's list. Of others the copies
// are none, so that people see it. Points that were not known before the repository was asked are left alone.
func (c *Console) dropUnlisted(ctx context.Context, p *platform, points []engine.Point, known pointMarks) error {
	listed := map[string]bool{}
	for _, point := range points {
		listed[point.ID] = true
	}
	lost := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(id string) bool { return listed[id] })
	if len(lost) == 0 {
		return nil
	}
	removals, err := p.Engine.Removals(ctx)
	if err != nil {
		return fmt.Errorf("read which recovery points were removed: %w", err)
	}
	named := setOf(removals.Gone)
	gone, changed := []string{}, false
	lost = slices.DeleteFunc(lost, func(id string) bool {
		if named[id] {
			gone = append(gone, id)
		}
		return named[id]
	})
	for batch := range slices.Chunk(gone, syncBatch) {
		changed = true
		if err := c.forgetPoints(ctx, p, batch); err != nil {
			return fmt.Errorf("forget recovery points that are gone: %w", err)
		}
	}
	for batch := range slices.Chunk(lost, syncBatch) {
		err := c.db.InTx(ctx, keepsake.System("sync"), func(tx db.Tx) error {
			n, err := setUnlisted(ctx, tx, p, batch)
			changed = changed || n > 0
			return err
		})
		if err != nil {
			return fmt.Errorf("note recovery points that nobody lists: %w", err)
		}
	}
	if !changed {
		return nil
	}
	return c.db.InTx(ctx, keepsake.System("sync"), func(tx db.Tx) error { return tx.SetProviderPoints(ctx, p.Name) })
}

// forgetPoints takes points out of the list, on record.
func (c *Console) forgetPoints(ctx context.Context, p *platform, ids []string) error {
	system := keepsake.System("sync")
	return c.db.InTx(ctx, system, func(tx db.Tx) error {
		gone, err := tx.DeletePoints(ctx, sqlcgen.DeletePointsParams{Platform: p.Name, Ids: ids})
		if err != nil || len(gone) == 0 {
			return err
		}
		slices.Sort(gone)
		return audit.Record(ctx, tx, system, audit.Entry{
			Action:  audit.PointSync,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"gone": gone},
		})
	})
}

// setUnlisted says of points that no provider holds a copy of them, and returns how many of them had one.
func setUnlisted(ctx context.Context, tx db.Tx, p *platform, ids []string) (changed int, err error) {
	rows, err := lockCopies(ctx, tx, p.Name, ids)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		var copies []keepsake.Copy
		if err := json.Unmarshal(r.Copies, &copies); err != nil {
			return 0, fmt.Errorf("decode the copies of recovery point %s: %w", r.ID, err)
		}
		had := false
		for i, cp := range copies {
			if cp.Confirmed {
				had, copies[i].Confirmed, copies[i].Error = true, false, notListed
			}
		}
		if !had {
			continue
		}
		changed++
		if err := setCopies(ctx, tx, r.ID, copies); err != nil {
			return 0, err
		}
	}
	return changed, nil
}
