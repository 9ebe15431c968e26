package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

const (
	// approvalWindow is what restores add up within. It moves with the clock.
	approvalWindow = 24 * time.Hour
	// restoresLock orders those that judge a restore by what came before it.
	restoresLock = 0x6b656570736b6170
)

// mayBeAlone judges a restore within the transaction that writes it; nil: nobody asks.
type mayBeAlone func(ctx context.Context, tx db.Tx) (why string, err error)

// scoped is a restore into a new database in the words of one into the live platform.
func (in StartRestoreInput) scoped() ScopedInput {
	s := ScopedInput{Wedding: in.Wedding, Organization: in.Organization, Tiers: in.Tiers, Point: in.Point}
	s.Everything = s.Wedding == "" && s.Organization == "" && len(s.Tiers) == 0
	return s
}

func (in ScopedInput) brought() policy.Brought {
	return policy.Brought{Everything: in.Everything, Tiers: in.Tiers, Organization: in.Organization, Wedding: in.Wedding}
}

// NeedsSecondApprover says before anything is confirmed why another super admin would have to approve a restore, live or into a new database; "" when
// nobody has to.
func (c *Console) NeedsSecondApprover(ctx context.Context, actor keepsake.Actor, in ScopedInput) (why string, err error) {
	if err := mayAct(actor, keepsake.MayRead); err != nil {
		return "", c.refused(ctx, actor, "scope.preview", in.target(), in.detail(), err)
	}
	asked := in.brought()
	judge := c.judgeAlone(ctx, actor, &asked)
	if judge == nil {
		return "", nil
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		why, err = judge(ctx, tx)
		return err
	})
	return why, err
}

// judgeAlone asks how many weddings there are, which no transaction waits for, and returns how to judge what is asked for. What the console does by
// itself, and what it does where no second approver is configured, nobody approves.
func (c *Console) judgeAlone(ctx context.Context, actor keepsake.Actor, asked *policy.Brought) mayBeAlone {
	if !c.approve || actor.Role == keepsake.RoleSystem {
		return nil
	}
	all := int64(0)
	if asked.Wedding != "" || asked.Organization != "" {
		all = c.countWeddings(ctx, asked)
	}
	return func(ctx context.Context, tx db.Tx) (string, error) {
		if err := tx.LockRestores(ctx, restoresLock); err != nil {
			return "", fmt.Errorf("wait for another restore to be judged: %w", err)
		}
		rows, err := tx.ListRestoresAlone(ctx, approvalWindow.Seconds())
		if err != nil {
			return "", fmt.Errorf("read what was brought back within a day: %w", err)
		}
		before, err := broughtAlone(actor, rows)
		if err != nil {
			return "", err
		}
		return c.alone.NeedsApproval(before, *asked, all), nil
	}
}

// countWeddings returns how many weddings the platform has, or when it does not answer the newest recovery point; 0 where neither can say. It sets how
// many the organization has.
func (c *Console) countWeddings(ctx context.Context, asked *policy.Brought) (all int64) {
	asking, cancel := context.WithTimeout(ctx, weddingsTime)
	defer cancel()
	all, theirs, err := c.engine.CountWeddings(asking, asked.Organization)
	if err != nil {
		c.log.WarnContext(ctx, "the platform's weddings could not be counted; the newest recovery point is asked", "err", err)
		reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
		defer cancel()
		list, _, failed := c.engine.WeddingsAt(reading, "latest", engine.WeddingQuery{Today: day(c.now()), Limit: 1 << 30})
		if failed != nil {
			c.log.WarnContext(ctx, "nor could those of the newest recovery point", "err", failed)
			asked.Weddings = -1
			return 0
		}
		all, theirs = int64(len(list)), 0
		for _, w := range list {
			if w.OrganizationID == asked.Organization {
				theirs++
			}
		}
	}
	if asked.Organization != "" {
		asked.Weddings = theirs
	}
	return all
}

// broughtAlone is what counts together with what an actor asks for: all that this person has asked for, and of others what they have brought back into
// the live platform and not taken back. One person's two accounts cannot be told from two people's.
func broughtAlone(actor keepsake.Actor, rows []sqlcgen.ListRestoresAloneRow) ([]policy.Brought, error) {
	scopes, takenBack := make([]ScopedOperation, len(rows)), map[string]bool{}
	for i, row := range rows {
		if err := json.Unmarshal(row.Scope, &scopes[i]); err != nil {
			return nil, fmt.Errorf("decode what operation %s brings back: %w", row.ID, err)
		}
		if scopes[i].UndoOf != "" && State(row.State) == StateDone {
			takenBack[scopes[i].UndoOf] = true
		}
	}
	var before []policy.Brought
	for i, row := range rows {
		s, live := scopes[i], Kind(row.Kind) == KindScoped
		own := row.RequestedBy == actor.ID || row.RequestedName == actor.Name
		if s.UndoOf != "" && !s.Redo || !own && (!live || takenBack[s.Restore]) {
			continue
		}
		b := s.brought()
		b.Weddings = s.Weddings
		for _, name := range row.Tiers {
			b.Tiers = append(b.Tiers, keepsake.Tier(name))
		}
		before = append(before, b)
	}
	return before, nil
}
