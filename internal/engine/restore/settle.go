package restore

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Settle reports whether a restore was finished whose process ended before it could say so. It waits until no session
// writes that restore any more, until ctx ends, and changes nothing. It returns CodeUnknown when nobody can say.
func (by *Restorer) Settle(ctx context.Context, url keepsake.Secret, end report.RestoreEnd) (bool, error) {
	made, err := target.Ended(ctx, by.targetOptions(url), end)
	if err == nil {
		return made, nil
	}
	name := ""
	if config, err := address.Config(url); err == nil {
		name = config.Database
	}
	return false, keepsake.Errorf(keepsake.CodeUnknown, "whoever restored into database %q is gone, and whether that "+
		"restore was finished is not known. Nothing was changed since. It is unfinished as long as the database has a "+
		"schema keepsake_restore; the same restore, started again, clears that: %w", name, err)
}
