package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// estimateTime bounds asking the platform before a form is shown, estimateProvidersTime asking the providers.
	estimateTime          = 3 * time.Second
	estimateProvidersTime = 6 * time.Second
	largestNames          = 5
)

// EstimateBackup returns what a backup of the type would cover, how long it should take by what earlier ones
// measured, and what the preflight warns of. A platform that cannot be asked is no error. The estimate says so.
func (c *Console) EstimateBackup(ctx context.Context, actor keepsake.Actor, t keepsake.BackupType) (Estimate, error) {
	e := Estimate{Type: t}
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRead)
	}
	if err != nil {
		return e, c.recordRefused(ctx, actor, audit.BackupEstimate, "", map[string]any{"type": t}, err)
	}
	if err := checkBackup(StartBackupInput{Type: t}); err != nil {
		return e, err
	}
	if actor.Organization != "" { // sizes and findings are the platform's
		e.Hidden = "What a backup covers, and how long it takes, concerns the whole platform. It holds every wedding of " +
			"your organization."
		e.Quotas, err = c.quotas(ctx, p, actor)
		return e, err
	}
	checking, cancel := context.WithTimeout(ctx, estimateProvidersTime)
	defer cancel()
	stands := p.watch.ask(ctx)
	asking, cancel := context.WithTimeout(ctx, estimateTime)
	defer cancel()
	var tables []engine.TableEstimate
	var asked error
	var findings, ofPlatform []engine.CheckFinding
	var measured []sqlcgen.ListMeasuredBackupsRow
	var providers []ProviderState
	g, gctx := errgroup.WithContext(ctx)
	if stands.Readable() {
		g.Go(func() error { tables, asked = p.Engine.Tables(asking); return nil })
		g.Go(func() error { ofPlatform = p.Engine.CheckPlatform(asking); return nil })
	} else {
		asked = keepsake.Errorf(keepsake.CodeUnavailable, "%s", stands.Words)
		ofPlatform = []engine.CheckFinding{{Area: "platform", Level: "error", Message: stands.Words}}
	}
	g.Go(func() error { findings = p.Engine.CheckRepository(checking); return nil })
	g.Go(func() (err error) { e.Running, err = c.activeBackup(gctx, p, actor); return err })
	g.Go(func() (err error) { e.Quotas, err = c.quotas(gctx, p, actor); return err })
	g.Go(func() error {
		return c.db.InTx(gctx, actor, func(tx db.Tx) (err error) {
			of := sqlcgen.ListMeasuredBackupsParams{Platform: p.Name, BackupType: string(t)}
			if measured, err = tx.ListMeasuredBackups(gctx, of); err != nil {
				return err
			}
			providers, err = p.providerStates(gctx, tx)
			return err
		})
	})
	if err := g.Wait(); err != nil {
		return e, fmt.Errorf("estimate a backup: %w", err)
	}
	for _, f := range sayProviders(append(findings, ofPlatform...), providers) {
		if f.Level != "ok" {
			e.Findings = append(e.Findings, f)
			e.Blocked = e.Blocked || Stops(f)
		}
	}
	if asked != nil {
		why := stands.why(asked)
		e.Unreachable = why + " So what a backup would cover is not known."
		c.log.WarnContext(ctx, "the platform could not be asked for its tables", "err", asked)
		return e, nil
	}
	e.cover(tables)
	e.expect(measured)
	return e, nil
}

// Stops reports whether the finding would stop a backup that is started now. A provider that is down does not stop
// one. Neither does a fault of the data map, which keeps weddings from being found and no row from being saved.
func Stops(f engine.CheckFinding) bool {
	return f.Level == "error" && !isProvider(f.Area) && f.Area != engine.DataMapArea
}

// Unprotects reports whether the finding would leave a backup without some of its copies and not stop it.
func Unprotects(f engine.CheckFinding) bool {
	return f.Area == ruleArea || isProvider(f.Area) && f.Level == "error"
}

func isProvider(area string) bool {
	const prefix = "provider "
	return len(area) > len(prefix) && area[:len(prefix)] == prefix
}

// cover sums the tables up by tier.
func (e *Estimate) cover(tables []engine.TableEstimate) {
	tables = slices.SortedFunc(slices.Values(tables),
		func(a, b engine.TableEstimate) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, tier := range keepsake.Tiers() {
		sum := TierEstimate{Tier: tier, Covered: e.Type != keepsake.BackupCritical || tier == keepsake.TierCritical}
		for _, t := range tables {
			if t.Tier != string(tier) {
				continue
			}
			sum.Tables++
			sum.Rows += t.Rows
			sum.Bytes += t.Bytes
			if len(sum.Largest) < largestNames {
				sum.Largest = append(sum.Largest, tableName(t))
			}
		}
		if sum.Covered {
			e.Tables += sum.Tables
			e.Rows += sum.Rows
			e.Bytes += sum.Bytes
		}
		e.Tiers = append(e.Tiers, sum)
	}
}

func tableName(t engine.TableEstimate) string {
	if t.Schema == "public" {
		return t.Name
	}
	return keepsake.TableName(t.Schema, t.Name)
}

// expect derives the time from the throughput of earlier backups of the type, by the sizes the platform had then.
func (e *Estimate) expect(measured []sqlcgen.ListMeasuredBackupsRow) {
	var seconds, bytes float64
	for _, m := range measured {
		seconds += m.Seconds
		bytes += float64(m.BytesCovered)
	}
	e.Measured = len(measured)
	if bytes > 0 {
		e.Seconds = float64(e.Bytes) * seconds / bytes
	}
}
