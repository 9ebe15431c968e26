package console

import (
	"cmp"
	"context"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// mayAct refuses actors that lack the permission, whatever they would use it on.
func mayAct(actor keepsake.Actor, p keepsake.Permission) error {
	switch {
	case !actor.May(p):
		return keepsake.Errorf(keepsake.CodeForbidden, "You may not do this: the token does not have the scope %q.", p)
	case actor.Role != keepsake.RoleSuperAdmin && actor.Role != keepsake.RoleSystem:
		return keepsake.Errorf(keepsake.CodeForbidden, "You may not do this: it takes a super admin.")
	}
	return nil
}

// mayActOnPlatform refuses actors who may not do something to the whole platform.
func mayActOnPlatform(actor keepsake.Actor, p keepsake.Permission) error {
	if err := mayAct(actor, p); err != nil {
		return err
	}
	if actor.Organization != "" {
		return keepsake.Errorf(keepsake.CodeForbidden,
			"You may not do this: it concerns the whole platform, and your account is bound to one organization.")
	}
	return nil
}

// errNotTheirs answers alike for a wedding of another organization and for one that is not there: which it is, is not
// theirs to know.
func errNotTheirs() error {
	return keepsake.Errorf(keepsake.CodeForbidden,
		"You may not do this: your organization has no such wedding. A wedding that came from another organization, or "+
			"went to one, is for a super admin of the whole platform.")
}

// mayActOnScope refuses actors that may not do something to a scope. An actor bound to an organization may do it to
// the organization's weddings, one by one. Anything wider needs the right to act on the whole platform.
func (f finder) mayActOnScope(ctx context.Context, actor keepsake.Actor, p keepsake.Permission, in ScopedInput,
	points ...string) error {
	if in.Scope.Kind() != keepsake.ScopeWedding {
		return mayActOnPlatform(actor, p)
	}
	return f.mayActOnWedding(ctx, actor, p, in.Scope.WeddingID(), append(points, cmp.Or(in.Point, "latest"))...)
}

// weddingAt is a wedding at a recovery point, for an actor who may do something to it there and at the other points.
// The actor is judged before the key is.
func (f finder) weddingAt(ctx context.Context, actor keepsake.Actor, p keepsake.Permission, id, point string,
	mode scope.Mode, others ...string) (ScopedInput, error) {
	in := ScopedInput{Point: point, Mode: mode}
	err := f.mayActOnWedding(ctx, actor, p, id, append(others, cmp.Or(point, "latest"))...)
	if err == nil {
		in.Scope, err = keepsake.WeddingScope(id)
	}
	if err == nil {
		err = checkScoped(in)
	}
	return in, err
}

// mayActOnWedding refuses actors that may not do something to a wedding. An actor bound to an organization may, when
// the wedding is that organization's: on the platform, if it answers and knows the wedding, and at every recovery
// point named, as far as that knows it. So both judge a wedding that moved: its earlier rows are the old
// organization's, and its rows now are the new one's.
func (f finder) mayActOnWedding(ctx context.Context, actor keepsake.Actor, p keepsake.Permission, wedding string,
	points ...string) error {
	if err := mayAct(actor, p); err != nil || actor.Organization == "" {
		return err
	}
	if wedding == "" || !plain(wedding) {
		return errNotTheirs()
	}
	q := engine.WeddingQuery{IDs: []string{wedding}, Today: day(f.now()), Limit: 1}
	live, err := fromPlatform(ctx, f.watch,
		func(ctx context.Context) ([]engine.Wedding, error) { return f.engine.Weddings(ctx, q) })
	if err != nil {
		f.log.WarnContext(ctx, "whose a wedding is could not be asked of the platform; the recovery point is asked",
			"wedding", wedding, "err", err)
		if len(points) == 0 {
			points = []string{"latest"}
		}
	}
	known := live
	if err == nil && len(live) == 0 && len(points) == 0 { // it is gone from the platform: the newest point may know it
		points = []string{"latest"}
	}
	for _, point := range points {
		if point == engine.Now {
			continue
		}
		reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
		then, _, err := f.engine.WeddingsAt(reading, point, q)
		cancel()
		if err != nil {
			return fmt.Errorf("read whose wedding %s was at recovery point %s: %w", wedding, point, err)
		}
		known = append(known, then...)
	}
	for _, w := range known {
		if w.OrganizationID != actor.Organization {
			return errNotTheirs()
		}
	}
	if len(known) == 0 {
		return errNotTheirs()
	}
	return nil
}

// organizationOf returns the organization that a wedding belongs to, "" where neither the platform nor the newest
// recovery point can say.
func (f finder) organizationOf(ctx context.Context, actor keepsake.Actor, wedding string) string {
	if actor.Organization != "" {
		return actor.Organization // whoever comes here has been judged
	}
	found, err := f.one(ctx, actor, wedding, f.now())
	if err != nil {
		return ""
	}
	return found.Weddings[0].OrganizationID
}

// mayBackUp refuses actors that may not take a backup. An actor bound to an organization may take an incremental one
// that is made for a wedding of the organization. A full one reads everything again, so it needs the right to act on
// the whole platform.
func (p *platform) mayBackUp(ctx context.Context, actor keepsake.Actor, in StartBackupInput) error {
	if in.WeddingID == "" || in.Type != keepsake.BackupIncremental {
		return mayActOnPlatform(actor, keepsake.MayBackup)
	}
	return p.finder().mayActOnWedding(ctx, actor, keepsake.MayBackup, in.WeddingID)
}

// readRestore returns what a restore into the live platform changed, to an actor who may do something about it.
// Of the platforms that they may mean, it is of the first whose repository knows it. A repository that cannot be asked
// keeps no other from being asked.
func (c *Console) readRestore(ctx context.Context, actor keepsake.Actor, may keepsake.Permission, restore string) (
	p *platform, u *scope.Undo, err error) {
	if err = mayAct(actor, may); err != nil {
		return nil, nil, err
	}
	if p, err = c.platformOf(actor); err != nil {
		return nil, nil, err
	}
	var failed error
	meant := p
	for _, of := range c.platforms {
		if actor.Organization != "" && of != meant {
			continue
		}
		p = of
		if u, err = p.Scopes.ReadUndo(ctx, restore); err == nil {
			break
		}
		if failed == nil || keepsake.CodeOf(failed) == keepsake.CodeNotFound {
			failed = err
		}
	}
	if err != nil {
		return nil, nil, failed
	}
	of, err := undoneScope(u)
	if err != nil {
		return nil, nil, err
	}
	if err := p.finder().mayActOnScope(ctx, actor, may, ScopedInput{Scope: of, Point: u.Point}); err != nil {
		return nil, nil, err
	}
	return p, u, nil
}

// pointReader returns the actor that reads recovery points for actor. A point holds the whole platform, so its row
// belongs to no organization, and row-level security rightly hides it from an actor bound to one: its note, labels
// and marks may be about anybody's weddings. But such an actor must know which points there are, of which time and
// how safe, to choose one. So the rows are read without the organization, here and nowhere else, and ownFacts removes
// what is not the actor's. Row-level security does not tell platforms apart for such a reader: each of its queries
// names the platform.
func pointReader(actor keepsake.Actor) keepsake.Actor {
	actor.Platform, actor.Organization = "", ""
	return actor
}

// ownFacts removes from recovery points what the actor may not know. An actor bound to an organization gets no note
// and no label, and of the marks only those of the given wedding, which is known to be theirs.
func ownFacts(actor keepsake.Actor, points []Point, wedding string) []Point {
	if actor.Organization == "" {
		return points
	}
	for i := range points {
		p := &points[i]
		p.Note, p.Labels, p.Operation = "", nil, ""
		if len(p.Doubts) > 0 { // about everybody's tables
			p.Doubts = []keepsake.Doubt{{Kind: keepsake.DoubtHidden}}
		}
		var own []keepsake.WeddingMark
		for _, m := range p.Weddings {
			if wedding != "" && m.WeddingID == wedding {
				own = append(own, m)
			}
		}
		p.Weddings = own
	}
	return points
}

// inPoints runs fn in one transaction that reads recovery points for an actor, and takes off what is not theirs.
func (c *Console) inPoints(ctx context.Context, actor keepsake.Actor, wedding string, fn func(db.Tx) ([]Point, error)) (
	[]Point, error) {
	var points []Point
	err := c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) (err error) {
		points, err = fn(tx)
		return err
	})
	return ownFacts(actor, points, wedding), err
}
