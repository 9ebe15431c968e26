package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SavePointInput is what people write to a recovery point. Fields that are nil stay as they are, so that two people
// who change different things do not undo each other's change.
type SavePointInput struct {
	ID     string
	Note   *string           // at most 500 characters
	Labels map[string]string // all of them: at most 20 of at most 64 and 200 characters
	Locked *bool             // retention never removes it
	Trust  *keepsake.Trust   // whether latest may mean it
}

// trusts are what one may say of a recovery point.
var trusts = []keepsake.Trust{keepsake.TrustUnsaid, keepsake.TrustAccepted, keepsake.TrustDoubted}

// mostSaves is how often a change is made anew because somebody else was quicker.
const mostSaves = 5

// SavePoint changes the note, labels, lock and trust of a recovery point: first in the repository, which outlives this
// console, then in the console database. Unlocking takes a recent proof of identity, because retention may then remove
// the point for good.
func (c *Console) SavePoint(ctx context.Context, actor keepsake.Actor, in SavePointInput) error {
	err := mayActOnPlatform(actor, keepsake.MayBackup)
	if err == nil && in.Trust != nil { // which point a restore takes
		err = mayActOnPlatform(actor, keepsake.MayRestore)
	}
	if err == nil {
		var note string
		if in.Note != nil {
			note = *in.Note
		}
		err = checkWritten(note, in.Labels)
	}
	if err == nil && in.Trust != nil && !slices.Contains(trusts, *in.Trust) {
		err = keepsake.Wrong("trust", "Of a recovery point one can say accepted, doubted, or nothing.")
	}
	if err == nil && in.Locked != nil && !*in.Locked {
		err = c.mustBeProven(actor)
	}
	var p *platform
	if err == nil {
		var id string
		if p, id, err = c.pointID(ctx, actor, in.ID); err == nil {
			in.ID = id
		}
	}
	detail := audit.Change(nil, map[string]any{"note": in.Note, "labels": in.Labels, "locked": in.Locked,
		"trust": in.Trust})
	if err == nil {
		err = c.takeOverMark(ctx, p, in.ID)
	}
	saved := false
	for tries := 0; err == nil && !saved; tries++ {
		if tries == mostSaves {
			err = keepsake.Errorf(keepsake.CodeConflict,
				"Others keep changing this recovery point's note and labels: load the page again and see what they say now.")
			break
		}
		saved, err = c.savePoint(ctx, p, actor, in, detail)
	}
	if err != nil {
		return c.recordRefused(ctx, actor, audit.PointSave, in.ID, detail, err)
	}
	return nil
}

// takeOverMark takes over what the repository has of a point's note, labels, lock and trust, before somebody changes
// it: the command line may have written there since the console looked. A point that cannot be read keeps what is
// known.
func (c *Console) takeOverMark(ctx context.Context, p *platform, id string) error {
	reading, cancel := context.WithTimeout(ctx, providerTime)
	defer cancel()
	d, err := p.Engine.Point(reading, id)
	if err != nil {
		c.log.WarnContext(ctx, "what the repository says of a recovery point could not be read before it is changed",
			"point", id, "err", err)
		return nil
	}
	if d.Labels == nil {
		d.Labels = map[string]string{}
	}
	labels, err := json.Marshal(d.Labels)
	if err != nil {
		return fmt.Errorf("encode the labels: %w", err)
	}
	system := keepsake.System("sync")
	return c.db.InTx(ctx, system, func(tx db.Tx) error {
		was, err := tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: id, Platform: p.Name})
		if err != nil {
			return err
		}
		known, err := markOf(was.Note, was.Labels, was.Locked, was.Trust)
		if err != nil || sameMark(known, markIn(d.Point)) {
			return err
		}
		n, err := tx.SetPointMark(ctx, sqlcgen.SetPointMarkParams{
			ID:        id,
			Note:      d.Note,
			Labels:    labels,
			Locked:    d.Locked,
			Trust:     string(d.Trust),
			WasNote:   was.Note,
			WasLabels: was.Labels,
			WasLocked: was.Locked,
			WasTrust:  was.Trust,
		})
		if err != nil || n == 0 { // somebody else has just saved it
			return err
		}
		return audit.Record(ctx, tx, system, audit.Entry{
			Action:  audit.PointSync,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"points": []string{id}},
		})
	})
}

// savePoint makes the change to what is there now. It reports false when that was changed by somebody else meanwhile:
// what this call has written to the repository is replaced by the next.
func (c *Console) savePoint(ctx context.Context, p *platform, actor keepsake.Actor, in SavePointInput,
	detail map[string]any) (saved bool, err error) {
	var was sqlcgen.RecoveryPoint
	err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		was, err = tx.GetPoint(ctx, sqlcgen.GetPointParams{ID: in.ID, Platform: p.Name})
		return err
	})
	if err != nil {
		return false, err
	}
	mark, err := markOf(was.Note, was.Labels, was.Locked, was.Trust)
	if err != nil {
		return false, err
	}
	mark.By = actor.Name
	if in.Note != nil {
		mark.Note = *in.Note
	}
	if in.Labels != nil {
		mark.Labels = in.Labels
	}
	if in.Locked != nil {
		mark.Locked = *in.Locked
	}
	if in.Trust != nil {
		mark.Trust = *in.Trust
	}
	labels, err := json.Marshal(mark.Labels)
	if err != nil {
		return false, fmt.Errorf("encode the labels: %w", err)
	}
	kept, err := p.Engine.MarkPoint(ctx, in.ID, mark)
	if err != nil {
		return false, err
	}
	c.logKept(ctx, "what was written to a recovery point", kept)
	maps.Copy(detail, audit.Change(map[string]any{"note": was.Note, "labels": json.RawMessage(was.Labels),
		"locked": was.Locked, "trust": was.Trust},
		map[string]any{"note": mark.Note, "labels": mark.Labels, "locked": mark.Locked, "trust": mark.Trust}))
	err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
		n, err := tx.SetPointMark(ctx, sqlcgen.SetPointMarkParams{
			ID:        in.ID,
			Note:      mark.Note,
			Labels:    labels,
			Locked:    mark.Locked,
			Trust:     string(mark.Trust),
			WasNote:   was.Note,
			WasLabels: was.Labels,
			WasLocked: was.Locked,
			WasTrust:  was.Trust,
		})
		if saved = n == 1; err != nil || !saved {
			return err
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.PointSave,
			Target:  in.ID,
			Outcome: audit.Allowed,
			Detail:  detail,
		})
	})
	return saved && err == nil, err
}
