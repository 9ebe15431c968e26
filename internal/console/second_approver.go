package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/internal/policy"
)

const (
	// approvalWindow is what restores add up within. It moves with the clock.
	approvalWindow = 24 * time.Hour
	// restoresLock orders those that judge a restore by what came before it.
	restoresLock = 0x6b656570736b6170
)

// tooMuchAlone is all that an actor bound to an organization is told, because what counts together may be other
// organizations' restores.
const tooMuchAlone = "with what else came back within a day it is more than may be brought back alone"

// mayBeAlone judges a restore within the transaction that writes it. why is "" when no approval is needed. A nil
// mayBeAlone means that no restore needs one.
type mayBeAlone func(ctx context.Context, tx db.Tx) (why string, err error)

// NeedsSecondApprover returns why a restore, live or into a new database, would need another super admin's approval,
// or "" when it would not. Pages ask it before a person confirms anything.
func (c *Console) NeedsSecondApprover(ctx context.Context, actor keepsake.Actor, in ScopedInput) (why string,
	err error) {
	p, err := c.platformAt(ctx, actor, in.Point)
	if err == nil {
		err = p.finder().mayActOnScope(ctx, actor, keepsake.MayRead, in)
	}
	if err != nil {
		return "", c.recordRefused(ctx, actor, audit.ScopePreview, in.Scope.Target(), in.detail(), err)
	}
	asked := policy.Brought{Scope: in.Scope}
	judge := c.judgeAlone(ctx, p, actor, in.Point, &asked)
	if judge == nil {
		return "", nil
	}
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		why, err = judge(ctx, tx)
		return err
	})
	return why, err
}

// judgeAlone asks how many weddings there are and which tiers have tables, so that no transaction waits for that, and
// returns how to judge the restore. It returns nil where no second approver is configured, and for what the console
// does by itself.
func (c *Console) judgeAlone(ctx context.Context, p *platform, actor keepsake.Actor, point string,
	asked *policy.Brought) mayBeAlone {
	if !c.approve || actor.Role == keepsake.RoleSystem {
		return nil
	}
	return c.judgeAfter(ctx, p, actor, point, asked, "")
}

// mustBeApproved judges a restore once more before a worker begins it, by what was asked for before it. Whoever can
// write into the console database can put a restore into the queue past the console, and the console's judgement.
func (c *Console) mustBeApproved(ctx context.Context, p *platform, row operation.Operation) error {
	if !c.approve || row.ApprovedAt != nil {
		return nil
	}
	o, err := operationOf(row)
	if err != nil {
		return err
	}
	asked := policy.Brought{Scope: o.Asked.Scope}
	if o.Asked.UndoOf != "" {
		u, err := p.Scopes.ReadUndo(ctx, o.Asked.UndoOf)
		if err != nil {
			return err
		}
		if u.Of == "" { // it takes rows away that a restore brought
			return nil
		}
		if asked.Scope, err = undoneScope(u); err != nil {
			return err
		}
	}
	if asked.Scope.IsZero() {
		asked.Scope = keepsake.Everything()
	}
	actor := keepsake.Actor{ID: row.RequestedBy, Name: row.RequestedName, Organization: deref(row.Organization)}
	judge := c.judgeAfter(ctx, p, actor, row.PointID, &asked, row.ID)
	return c.db.InTx(ctx, keepsake.System("worker"), func(tx db.Tx) error {
		why, err := judge(ctx, tx)
		if err == nil && why != "" {
			err = keepsake.Errorf(keepsake.CodeForbidden,
				"Another super admin must approve this restore, because %s. No approval is on record, so nothing was started. "+
					"Ask for it again.", why)
		}
		return err
	})
}

// judgeAfter returns how to judge a restore by the others that were asked for: before the operation of that id, or all
// where it is "".
func (c *Console) judgeAfter(ctx context.Context, p *platform, actor keepsake.Actor, point string,
	asked *policy.Brought, id string) mayBeAlone {
	all := int64(0)
	if !asked.Scope.Wide() {
		all = p.countWeddings(ctx, point, asked)
	}
	if asked.Scope.Kind() == keepsake.ScopeTiers {
		asked.There = p.tiersAt(ctx, point)
	}
	return func(ctx context.Context, tx db.Tx) (string, error) {
		if err := tx.LockRestores(ctx, restoresLock); err != nil {
			return "", fmt.Errorf("wait for another restore to be judged: %w", err)
		}
		rows, err := tx.ListRestoresAlone(ctx, sqlcgen.ListRestoresAloneParams{
			Platform:      p.Name,
			WindowSeconds: approvalWindow.Seconds(),
		})
		if err != nil {
			return "", fmt.Errorf("read what was brought back within a day: %w", err)
		}
		if id != "" {
			rows = slices.DeleteFunc(rows, func(r sqlcgen.ListRestoresAloneRow) bool { return r.ID >= id })
		}
		before, err := broughtAlone(actor, rows)
		if err != nil {
			return "", err
		}
		why := c.alone.NeedsApproval(before, *asked, all)
		if why != "" && actor.Organization != "" { // how many weddings others have is not for them
			why = tooMuchAlone
		}
		return why, nil
	}
}

// countWeddings returns how many weddings the platform has, or the recovery point where the platform does not answer,
// or 0 where neither can say. It sets how many the organization has: the larger of the numbers on the platform and at
// the point. An organization of which neither knows a wedding may have any number.
func (p *platform) countWeddings(ctx context.Context, point string, asked *policy.Brought) (all int64) {
	asking, cancel := context.WithTimeout(ctx, weddingsTime)
	defer cancel()
	organization := asked.Scope.OrganizationID()
	all, theirs, err := p.Engine.CountWeddings(asking, organization)
	if err != nil {
		p.log.WarnContext(ctx, "the platform's weddings could not be counted; the recovery point is asked", "err", err)
	}
	if err == nil && organization == "" {
		return all
	}
	then, theirsThen := p.countWeddingsAt(ctx, point, organization)
	if err != nil {
		all = then
	}
	if organization != "" {
		if asked.Weddings = max(theirs, theirsThen); asked.Weddings == 0 {
			asked.Weddings = -1
		}
	}
	return all
}

// countWeddingsAt counts the weddings of a recovery point. It returns 0 where the point cannot be read.
func (p *platform) countWeddingsAt(ctx context.Context, point, organization string) (all, theirs int64) {
	reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	all, theirs, err := p.Engine.CountWeddingsAt(reading, point, func(id string) bool { return sameKey(id, organization) })
	if err != nil {
		p.log.WarnContext(ctx, "the weddings of the recovery point could not be counted", "point", point, "err", err)
		return 0, 0
	}
	return all, theirs
}

// sameKey compares keys as whatever type they are: the ways to write a UUID or a number are many, and counting one too
// many only asks somebody.
func sameKey(a, b string) bool {
	bare := func(s string) string {
		if u, err := uuid.Parse(strings.TrimSpace(s)); err == nil {
			return u.String()
		}
		return strings.TrimLeft(strings.TrimSpace(s), "+0")
	}
	return a != "" && b != "" && strings.EqualFold(bare(a), bare(b))
}

// tiersAt returns the tiers that have tables at a recovery point, or none where the point cannot be read.
func (p *platform) tiersAt(ctx context.Context, point string) (there []keepsake.Tier) {
	reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	found, err := p.Engine.Point(reading, point)
	if err != nil {
		p.log.WarnContext(ctx, "which tiers the recovery point has could not be read", "point", point, "err", err)
		return nil
	}
	for _, t := range keepsake.Tiers() {
		if slices.ContainsFunc(found.TableList, func(table engine.PointTable) bool { return table.Tier == string(t) }) {
			there = append(there, t)
		}
	}
	return there
}

// broughtAlone is what counts together with what an actor asks for: all that this person has asked for, and of others
// what they have brought back into the live platform and not taken back. One person's two accounts cannot be told from
// two people's.
func broughtAlone(actor keepsake.Actor, rows []sqlcgen.ListRestoresAloneRow) ([]policy.Brought, error) {
	scopes, takenBack := make([]RestoreAsked, len(rows)), map[string]bool{}
	for i, row := range rows {
		if err := json.Unmarshal(row.Restore, &scopes[i]); err != nil {
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
		before = append(before, policy.Brought{Scope: s.Scope, Weddings: s.Weddings})
	}
	return before, nil
}
