package restore

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/target"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// settleTime bounds asking a target whether a restore was finished. firstAsk and longestAsk are between two questions
// while it does not answer.
const (
	settleTime = 5 * time.Minute
	firstAsk   = 250 * time.Millisecond
	longestAsk = 5 * time.Second
)

// Settle reports whether a restore was finished whose process ended before it could say so. It waits until no session
// writes that restore any more, and changes nothing. It returns CodeUnknown when nobody can say.
func (by *Restorer) Settle(ctx context.Context, url keepsake.Secret, end report.RestoreEnd) (bool, error) {
	asking, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	made, err := backoff.Retry(asking, func() (bool, error) {
		made, err := target.Ended(asking, by.targetOptions(url), end)
		if err != nil && keepsake.CodeOf(err) != keepsake.CodeUnavailable {
			err = backoff.Permanent(err)
		}
		return made, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: firstAsk,
		Multiplier:      2,
		MaxInterval:     longestAsk,
	}), backoff.WithMaxElapsedTime(0))
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
