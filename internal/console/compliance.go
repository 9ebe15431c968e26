package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Performance says how fast operations were lately, as measured. Zero means that nothing was measured.
type Performance struct {
	// RestoreSpeed is the speed, in bytes a second, of the newest restore into a new database that covered and compared
	// everything.
	RestoreSpeed float64
	Drill        *PointTest // the newest restore of everything that compared every row; nil: none did
}

// performanceAge is how old what was measured may be when it is told. It changes when a restore ends, and scripts ask
// every second.
const performanceAge = 2 * time.Second

// lastMeasured keeps it between two who ask. It is the same for everybody who may ask.
type lastMeasured struct {
	mu sync.Mutex
	at time.Time
	p  Performance
}

// Performance returns the measured speed of restores. Operations and recovery points carry the speed of backups
// themselves.
func (c *Console) Performance(ctx context.Context, actor keepsake.Actor) (Performance, error) {
	of, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRead)
	}
	if err != nil {
		return Performance{}, c.recordRefused(ctx, actor, audit.OverviewRead, "", nil, err)
	}
	k, now := &of.measured, c.now()
	k.mu.Lock()
	p, age := k.p, now.Sub(k.at)
	k.mu.Unlock()
	if age >= 0 && age < performanceAge {
		return p, nil
	}
	p, err = c.readPerformance(ctx, of, actor)
	if err != nil {
		return p, fmt.Errorf("read how fast restores were: %w", err)
	}
	k.mu.Lock()
	k.p, k.at = p, now
	k.mu.Unlock()
	return p, nil
}

func (c *Console) readPerformance(ctx context.Context, of *platform, actor keepsake.Actor) (Performance, error) {
	var p Performance
	err := c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) (err error) {
		if p.RestoreSpeed, err = tx.GetRestoreSpeed(ctx, of.Name); err != nil && !db.IsNoRows(err) {
			return err
		}
		row, err := tx.GetNewestDrill(ctx, of.Name)
		if db.IsNoRows(err) {
			return nil
		}
		if err == nil {
			d := testOf(row)
			p.Drill = &d
		}
		return err
	})
	return p, err
}

// Compliance says how the platform stands against the rules. It holds facts that the console knows and nothing else.
type Compliance struct {
	Dashboard
	NewestProtected *Point // the newest that holds every tier and meets the 3-2-1 rule; nil: none does
	Tiers           []TierCompliance
	Providers       []ProviderCompliance
	Drill           *PointTest    // as in Performance
	AuditRows       int64         // of the audit trail, so far
	Audit           *AuditVerdict // how the trail was found when it was last read; nil: nobody has looked
}

// TierCompliance says how one tier stands against the rules.
type TierCompliance struct {
	Tier   keepsake.Tier
	Newest *Point        // the newest recovery point that holds it; nil: none does
	Age    time.Duration // of Newest: what was written since would be lost
	TooOld bool          // no point holds it, or the newest is older than it may be
	Goal   time.Duration // the longest that a restore of the tier may take
	// Restored is how long the newest restore of the tier, at RestoredAt, took for it. Zero means that none was
	// measured.
	Restored   time.Duration
	RestoredAt time.Time
}

// ProviderCompliance says how one provider stands against the rules.
type ProviderCompliance struct {
	ProviderState
	Copy *keepsake.Copy // of the newest recovery point that holds every tier; nil: there is none
	// VerifiedAt is the time of the newest verification that could ask the provider. It is zero where none of the newest
	// ones could.
	VerifiedAt time.Time
	Deep       bool    // every chunk was read and decrypted
	Point      string  // the newest recovery point that was looked at then
	Integrity  float64 // the share of that point's objects that were there and sound, 0 to 1
}

// Compliance returns how the platform stands against the rules. It starts nothing and asks no provider. What the
// console does not know is left out.
func (c *Console) Compliance(ctx context.Context, actor keepsake.Actor) (Compliance, error) {
	out := Compliance{}
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayActOnPlatform(actor, keepsake.MayRead)
	}
	if err != nil {
		return out, c.recordRefused(ctx, actor, audit.ComplianceRead, "", nil, err)
	}
	if out.Dashboard, err = c.Dashboard(ctx, actor); err != nil {
		return out, err
	}
	performance, err := c.Performance(ctx, actor)
	if err != nil {
		return out, err
	}
	out.Drill = performance.Drill
	if out.Audit, err = c.lastVerdict(ctx); err != nil {
		return out, err
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		if out.NewestProtected, err = onePoint(tx.GetNewestProtectedPoint(ctx, p.Name)); err != nil {
			return err
		}
		critical, err := onePoint(tx.GetNewestCriticalPoint(ctx, p.Name))
		if err != nil {
			return err
		}
		restores, err := tx.ListLastRestoreTimes(ctx, p.Name)
		if err != nil {
			return err
		}
		if err := out.judgeTiers(critical, restores); err != nil {
			return err
		}
		verifications, err := tx.ListLastVerifications(ctx, p.Name)
		if err != nil {
			return err
		}
		if err := out.judgeProviders(verifications); err != nil {
			return err
		}
		head, err := tx.GetAuditHead(ctx)
		out.AuditRows = head.LastID
		return err
	})
	if err != nil {
		err = fmt.Errorf("read how things stand against the rules: %w", err)
	}
	return out, err
}

// onePoint returns the point of a row, or nil where the row has none.
func onePoint(row sqlcgen.RecoveryPoint, err error) (*Point, error) {
	if db.IsNoRows(err) {
		return nil, nil //nolint:nilnil // there is none: that is an answer
	}
	if err != nil {
		return nil, err
	}
	p, err := pointOf(row)
	return &p, err
}

func (out *Compliance) judgeTiers(critical *Point, restores []sqlcgen.ListLastRestoreTimesRow) error {
	for _, tier := range keepsake.Tiers() {
		t := TierCompliance{Tier: tier, Newest: out.Newest, Goal: tier.Goal(), TooOld: true}
		if tier == keepsake.TierCritical {
			t.Newest = critical
		}
		if t.Newest != nil {
			t.Age = out.Now.Sub(t.Newest.Time)
			t.TooOld = out.TooOld(t.Newest.Time)
		}
		for _, r := range restores {
			took := map[string]float64{}
			if err := json.Unmarshal(r.TierSeconds, &took); err != nil {
				return fmt.Errorf("decode the times of a restore: %w", err)
			}
			if seconds, found := took[string(tier)]; found {
				t.Restored, t.RestoredAt = time.Duration(seconds*float64(time.Second)), r.FinishedAt
				break
			}
		}
		out.Tiers = append(out.Tiers, t)
	}
	return nil
}

func (out *Compliance) judgeProviders(verifications []sqlcgen.ListLastVerificationsRow) error {
	for _, state := range out.Dashboard.Providers {
		p := ProviderCompliance{ProviderState: state}
		if out.Newest != nil {
			if i := slices.IndexFunc(out.Newest.Copies,
				func(cp keepsake.Copy) bool { return cp.Provider == state.Name }); i >= 0 {
				p.Copy = &out.Newest.Copies[i]
			}
		}
		for _, v := range verifications {
			shares := map[string]float64{}
			if err := json.Unmarshal(v.Integrity, &shares); err != nil {
				return fmt.Errorf("decode what a verification found: %w", err)
			}
			if share, asked := shares[state.Name]; asked && !slices.Contains(v.Silent, state.Name) {
				p.VerifiedAt, p.Deep, p.Point, p.Integrity = deref(v.FinishedAt), v.Deep, v.PointID, share
				break
			}
		}
		out.Providers = append(out.Providers, p)
	}
	return nil
}
