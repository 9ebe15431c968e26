package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// targetTime bounds looking at a restore's target before anything is enqueued.
const targetTime = 10 * time.Second

// RestoreTargets returns the names of the servers that a restore may go to, the platform's own first.
func (c *Console) RestoreTargets() []string {
	names := make([]string, len(c.targets))
	for i, t := range c.targets {
		names[i] = t.Name
	}
	return names
}

// StartRestore enqueues a restore into a new database. The typed confirmation must be its name; a database that is there and
// not empty is CodeConflict before anything is enqueued, unless what it holds is an unfinished restore.
func (c *Console) StartRestore(ctx context.Context, actor keepsake.Actor, in StartRestoreInput) (Operation, error) {
	detail := map[string]any{"point": in.Point, "target": in.Target, "database": in.Database, "tiers": in.Tiers, "provider": in.Provider}
	refuse := func(err error) (Operation, error) {
		return Operation{}, c.refused(ctx, actor, "restore.start", in.Point, detail, err)
	}
	if err := mayActOnPlatform(actor, keepsake.MayRestore); err != nil {
		return refuse(err) // before the target is touched on their behalf
	}
	if err := c.mustBeProven(actor); err != nil {
		return refuse(err)
	}
	target, err := c.checkRestore(ctx, &in)
	if err != nil {
		return refuse(err)
	}
	detail["target"] = target.Name
	point, err := c.pointID(ctx, actor, in.Point)
	if err != nil {
		return refuse(err)
	}
	if err := c.checkTarget(ctx, target, in.Database); err != nil {
		return refuse(err)
	}
	asked := in.scoped().brought()
	judge := c.judgeAlone(ctx, actor, point, &asked)
	row := newOperation(actor, KindRestore)
	row.PointID, row.Target, row.TargetDatabase, row.Provider = point, target.Name, in.Database, in.Provider
	if in.Wedding != "" || in.Organization != "" || in.TargetURL != "" {
		s := ScopedOperation{ScopedInput: ScopedInput{Wedding: in.Wedding, Organization: in.Organization}, TargetURL: in.TargetURL, Weddings: asked.Weddings}
		if row.Scope, err = json.Marshal(s); err != nil {
			return refuse(fmt.Errorf("encode what is restored: %w", err))
		}
	}
	for _, t := range in.Tiers {
		row.Tiers = append(row.Tiers, string(t))
	}
	return c.enqueueJudged(ctx, actor, "restore.start", detail, row, judge)
}

func (c *Console) checkRestore(ctx context.Context, in *StartRestoreInput) (Target, error) {
	var none Target
	if (in.Wedding != "" || in.Organization != "") && len(in.Tiers) > 0 || in.Wedding != "" && in.Organization != "" || !plain(in.Wedding) || !plain(in.Organization) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "A restore covers tiers, or one wedding, or one organization: choose one of them.")
	}
	if in.Database == "" || len(in.Database) > 63 || !plain(in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "Give the new database a name of 1 to 63 bytes.")
	}
	if !fold.SameName(in.Confirmation, in.Database) {
		return none, keepsake.Errorf(keepsake.CodeInvalid, "Type the name of the new database, %s, to confirm. Nothing was started.", in.Database)
	}
	for _, t := range in.Tiers {
		if _, err := keepsake.ParseTier(string(t)); err != nil {
			return none, err
		}
	}
	if in.Provider != "" {
		providers := c.engine.Providers()
		if !slices.ContainsFunc(providers, func(p engine.Provider) bool { return p.Name == in.Provider }) {
			return none, keepsake.Errorf(keepsake.CodeInvalid, "There is no provider %q.", in.Provider)
		}
	}
	return c.targetOf(ctx, in.Target, in.TargetURL)
}

// target returns the configured server of that name; "" is the first.
func (c *Console) target(name string) (Target, error) {
	for _, t := range c.targets {
		if name == "" || t.Name == name {
			return t, nil
		}
	}
	if len(c.targets) == 0 {
		return Target{}, keepsake.Errorf(keepsake.CodeInvalid, "No server is configured that a restore could go to. Add one to keepsake.yaml, or restore on the command line with --target.")
	}
	return Target{}, keepsake.Errorf(keepsake.CodeInvalid, "There is no server %q to restore to: the configuration names %s.", name, strings.Join(c.RestoreTargets(), ", "))
}

// checkTarget refuses a database that no restore may be written into, so that a person learns it on the form and not in a
// failed operation. The engine looks again, more closely, before it writes.
func (c *Console) checkTarget(ctx context.Context, t Target, database string) error {
	if t.Platform {
		if err := c.watch.mustAnswer(ctx, true); err != nil {
			return err
		}
	}
	dsn, err := t.databaseURL(database)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	err = c.engine.CheckTarget(ctx, dsn)
	if err != nil && keepsake.CodeOf(err) != keepsake.CodeConflict {
		return t.unreachable(err)
	}
	return err
}
