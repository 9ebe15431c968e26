package snapshot

import (
	"context"
	"slices"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// readCoverage puts into the manifest which weddings and vendors the snapshot has. The backup holds every row all the
// same, so what cannot be told is said and nothing fails.
func (b *backup) readCoverage(ctx context.Context) {
	c, err := b.snapshot.WeddingCoverage(ctx, b.DataMap)
	if err != nil {
		if ctx.Err() == nil {
			b.track.Warnf("The recovery point holds every row, but the list of backups cannot say which days of weddings "+
				"it covers: %s", keepsake.MessageOf(err))
		}
		return
	}
	if !slices.ContainsFunc(b.tables,
		func(t *tableRun) bool { return keepsake.IsTable(t.rel.Root, b.DataMap.Vendor.Table) }) {
		c.Vendors = nil // their rows are of a tier that this backup leaves out
	}
	b.manifest.Covers = &c
}
