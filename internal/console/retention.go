package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Retention says which recovery points stay.
type Retention struct {
	policy.Retention

	On    bool          // the others go by themselves
	Grace time.Duration // between marking and deleting
	// Rhythms say how often there is to be a backup: while there was none for longer, nothing goes.
	Rhythms policy.Schedule
}

const (
	// retentionEvery is between two looks for recovery points that go, so that on a wedding day not too many go at once.
	retentionEvery = 4 * time.Hour
	// retentionRest is after how long retention runs although nothing is to go: what backups left over goes, too.
	retentionRest = 24 * time.Hour
)

// KeepRetention starts a retention of each platform where something is to go.
func (c *Console) KeepRetention(ctx context.Context) error {
	if c.retention == nil || !c.retention.On {
		return nil
	}
	return c.everyPlatform(ctx, func(ctx context.Context, p *platform) error {
		h, err := c.heldPoints(ctx, p)
		if err != nil || len(h.facts.Points) == 0 {
			return err
		}
		rested := h.last == nil || h.age >= retentionRest
		if !rested && !c.actsNow(h) {
			return nil
		}
		_, err = c.startRetention(ctx, keepsake.System("retention"), p, "")
		if errors.Is(err, errRetentionRuns) {
			return nil
		}
		return err
	})
}

// actsNow reports whether a retention would mark or delete a recovery point now. One that is marked and not due waits.
func (c *Console) actsNow(h held) bool {
	now := c.now()
	return slices.ContainsFunc(c.retention.Plan(h.facts, now).Removals(nil), func(v policy.RetentionVerdict) bool {
		due := h.rows[v.Point.ID].GoesAfter
		return due == nil || !now.Before(*due)
	})
}

// held is what retention knows of a platform's recovery points.
type held struct {
	facts policy.RetentionFacts
	rows  map[string]sqlcgen.ListHeldPointsRow
	known []string      // that a provider holds, as the console has seen it
	inUse []string      // by restores that wait or run
	last  *Operation    // the last retention
	age   time.Duration // of that one, by the database's clock
}

// heldPoints reads all recovery points of a platform in one statement: a hundred thousand take some seconds.
func (c *Console) heldPoints(ctx context.Context, p *platform) (h held, err error) {
	h.rows = map[string]sqlcgen.ListHeldPointsRow{}
	err = c.db.InTx(ctx, keepsake.System("retention"), func(tx db.Tx) error {
		rows, err := tx.ListHeldPoints(ctx, p.Name)
		if err != nil {
			return err
		}
		for _, r := range rows {
			point, err := heldPointOf(r)
			if err != nil {
				return err
			}
			h.facts.Points = append(h.facts.Points, point)
			h.rows[r.ID] = r
			if r.Listed {
				h.known = append(h.known, r.ID)
			}
		}
		if h.inUse, err = tx.ListPointsInUse(ctx, p.Name); err != nil {
			return err
		}
		if h.last, err = lastOf(tx.GetLastOfKind(ctx,
			sqlcgen.GetLastOfKindParams{Platform: p.Name, Kind: string(KindRetention)})); err != nil {
			return err
		}
		if h.last != nil {
			age, err := tx.GetOperationAge(ctx, h.last.ID)
			if err != nil {
				return err
			}
			h.age = time.Duration(age * float64(time.Second))
		}
		backup, err := lastOf(tx.GetLastEnded(ctx,
			sqlcgen.GetLastEndedParams{Platform: p.Name, Kind: string(KindBackup)}))
		if err == nil && backup != nil && backup.State == StateFailed {
			h.facts.Failing = "the last backup failed."
		}
		return err
	})
	if err != nil {
		return h, fmt.Errorf("read what retention judges: %w", err)
	}
	if h.facts.Failing == "" {
		h.facts.Failing = c.retention.Rhythms.NoRecent(h.facts.Points, c.now())
	}
	return h, nil
}

func lastOf(row sqlcgen.BackupOperation, err error) (*Operation, error) {
	if db.IsNoRows(err) {
		return nil, nil //nolint:nilnil // there was none
	}
	if err != nil {
		return nil, err
	}
	o, err := operationOf(row)
	return &o, err
}

func heldPointOf(r sqlcgen.ListHeldPointsRow) (policy.HeldPoint, error) {
	known := engine.Point{
		ID:        r.ID,
		Time:      r.TakenAt,
		Type:      r.BackupType,
		Note:      r.Note,
		Locked:    r.Locked,
		Trust:     keepsake.Trust(r.Trust),
		Protected: r.Protected,
		Lacks:     "Its manifest cannot be read.", // said where the type is none
	}
	var metadata weddingMetadata
	if err := decode(r.Doubts, &known.Doubts); err != nil {
		return policy.HeldPoint{}, fmt.Errorf("decode the doubts about recovery point %s: %w", r.ID, err)
	}
	if err := decode(r.WeddingMetadata, &metadata); err != nil {
		return policy.HeldPoint{}, fmt.Errorf("decode the weddings of recovery point %s: %w", r.ID, err)
	}
	known.Weddings = metadata.Weddings
	p := engine.HeldPoint(known)
	p.Proven, p.Drilled, p.Marked = r.Proven, r.Drilled, r.GoesAfter != nil
	return p, nil
}

// ProvenPoints returns which of a platform's recovery points were proven, and which of them were restored and compared,
// as far as the console database knows.
func ProvenPoints(ctx context.Context, tx db.Tx, platform string) (proven, drilled map[string]bool, err error) {
	rows, err := tx.ListHeldPoints(ctx, platform)
	if err != nil {
		return nil, nil, err
	}
	proven, drilled = map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		proven[r.ID], drilled[r.ID] = r.Proven, r.Drilled
	}
	return proven, drilled, nil
}

// fingerprintOf tells whether what would go is still what somebody has seen.
func fingerprintOf(plan policy.RetentionPlan) string {
	h := sha256.New()
	for _, v := range plan.Going() {
		if !v.Point.Marked {
			fmt.Fprintln(h, v.Point.ID)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// RetentionState says which recovery points stay, which go, and when.
type RetentionState struct {
	Rules     Retention
	Simulated bool // by other rules than those that count
	Known     bool // false: this console was told of no rules
	Plan      policy.RetentionPlan
	// Fingerprint names what would go, for whoever confirms it.
	Fingerprint string
	// Bytes is what each point added to the repository when it was made; Goes when each that is marked goes.
	Bytes map[string]int64
	Goes  map[string]time.Time
	Last  *Operation // the newest retention, which may run still
	Next  time.Time  // when the next begins by itself; zero: none does
}

// TryRules returns rules to try in the place of those that count, or nil for those that count.
type TryRules func(count policy.Retention) *policy.Retention

// GetRetention returns how retention stands. With other rules it says what these would do. It is about all recovery
// points, so only an actor who may see the whole platform gets it.
func (c *Console) GetRetention(ctx context.Context, actor keepsake.Actor, try TryRules) (
	state RetentionState, err error) {
	if err := mayActOnPlatform(actor, keepsake.MayRead); err != nil {
		return state, c.recordRefused(ctx, actor, audit.RetentionRead, "", nil, err)
	}
	p, err := c.platformOf(actor)
	if err != nil || c.retention == nil {
		return state, err
	}
	state.Rules, state.Known = *c.retention, true
	if try != nil {
		if rules := try(c.retention.Retention); rules != nil {
			state.Rules.Retention, state.Simulated = *rules, true
		}
	}
	h, err := c.heldPoints(ctx, p)
	if err != nil {
		return state, err
	}
	state.Plan = state.Rules.Plan(h.facts, c.now())
	state.Fingerprint, state.Last = fingerprintOf(state.Plan), h.last
	state.Bytes, state.Goes = map[string]int64{}, map[string]time.Time{}
	for id, r := range h.rows {
		state.Bytes[id] = r.BytesNew
		if r.GoesAfter != nil {
			state.Goes[id] = *r.GoesAfter
		}
	}
	if !state.Rules.On {
		return state, nil
	}
	duties, err := c.ListDuties(ctx, actor)
	for _, d := range duties {
		if d.Name == retentionDuty {
			state.Next = d.Next
		}
	}
	return state, err
}
