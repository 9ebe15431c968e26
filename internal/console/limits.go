package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// DefaultLimits returns how many backups of each type one actor may start within an hour.
func DefaultLimits() map[keepsake.BackupType]int {
	return map[keepsake.BackupType]int{keepsake.BackupFull: 2, keepsake.BackupWedding: 6, keepsake.BackupIncremental: 12,
		keepsake.BackupCritical: 12, keepsake.BackupEmergency: 12}
}

func limitsOf(set map[keepsake.BackupType]int) operation.Limits[keepsake.BackupType] {
	limits := operation.Limits[keepsake.BackupType](DefaultLimits())
	maps.Copy(limits, set)
	return limits
}

// CountedAs returns the limit that a backup of a type counts for. Each type has its own, so that none uses up
// another's. One that is made for a wedding counts as one of a wedding, and on its last day as an emergency, unless it
// reads everything again.
func CountedAs(t keepsake.BackupType, wedding bool, urgency keepsake.Urgency) keepsake.BackupType {
	switch {
	case !wedding || t != keepsake.BackupIncremental:
		return t
	case urgency == keepsake.UrgencyEmergency:
		return keepsake.BackupEmergency
	}
	return keepsake.BackupWedding
}

// limitedAs says which limit a new operation counts for; "" is none. Of weddings the most urgent one counts.
func limitedAs(row sqlcgen.InsertOperationParams, now time.Time) (keepsake.BackupType, error) {
	t := keepsake.BackupType(deref(row.BackupType))
	var marks []keepsake.WeddingMark
	if err := json.Unmarshal(row.Weddings, &marks); err != nil {
		return "", fmt.Errorf("decode the weddings: %w", err)
	}
	var urgency keepsake.Urgency
	for _, m := range marks {
		date, err := time.Parse(time.DateOnly, m.Date)
		if err == nil && keepsake.UrgencyOf(keepsake.DaysBefore(date, now)) == keepsake.UrgencyEmergency {
			urgency = keepsake.UrgencyEmergency
		}
	}
	return CountedAs(t, len(marks) > 0, urgency), nil
}

// useLimit counts a new operation for its actor, or refuses it with CodeLimited. What the console starts by itself is
// not limited. It belongs into the transaction that writes the operation: one that is refused for another reason costs
// nothing.
func (c *Console) useLimit(ctx context.Context, tx db.Tx, actor keepsake.Actor, row sqlcgen.InsertOperationParams) (
	*keepsake.Quota, error) {
	t, err := limitedAs(row, c.now())
	if err != nil || t == "" || actor.Role == keepsake.RoleSystem {
		return nil, err
	}
	q, allowed, err := c.limits.Use(ctx, tx, row.Platform, actor, t)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, &keepsake.Error{Code: keepsake.CodeLimited, Err: q, Message: limitedWords(t, q)}
	}
	return &q, nil
}

func limitedWords(t keepsake.BackupType, q keepsake.Quota) string {
	which := map[keepsake.BackupType]string{keepsake.BackupWedding: "backups made for weddings",
		keepsake.BackupEmergency: "backups made for weddings of today and tomorrow"}[t]
	if which == "" {
		which = string(t) + " backups"
	}
	words := fmt.Sprintf("You have started as many %s as one person may within an hour: %d. The next one can start in %s.",
		which, q.Most, minutes(q.Reset))
	if t == keepsake.BackupFull {
		words += " An incremental one holds every row as well, and can start now."
	}
	return words
}

// minutes says how long to wait, rounded up, so that a person who waits that long need not wait again.
func minutes(d time.Duration) string {
	n := int((d + time.Minute - 1) / time.Minute)
	if n <= 1 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", n)
}

// quotas returns what is left of an actor's limits at a platform; nil for one whom nothing limits.
func (c *Console) quotas(ctx context.Context, p *platform, actor keepsake.Actor) (
	all map[keepsake.BackupType]keepsake.Quota, err error) {
	if actor.Role == keepsake.RoleSystem {
		return nil, nil
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		all, err = c.limits.Left(ctx, tx, p.Name, actor)
		return err
	})
	return all, err
}
