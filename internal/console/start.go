package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Bounds of what a person may write beside a backup.
const (
	longestNote  = 500
	mostLabels   = 20
	longestKey   = 64
	longestLabel = 200
)

// StartBackup enqueues a backup of the platform. Only one runs at a time: a second request is CodeConflict, and what it
// returns is the one that runs. Operation, job and audit row are one transaction.
func (c *Console) StartBackup(ctx context.Context, actor keepsake.Actor, in StartBackupInput) (Operation, error) {
	detail := map[string]any{"type": in.Type, "note": in.Note}
	row := newOperation(actor, KindBackup)
	if in.Wedding != "" {
		detail["wedding"], detail["milestone"] = in.Wedding, in.Milestone
	}
	err := mayAct(actor, keepsake.MayBackup)
	if err == nil {
		err = checkBackup(in)
	}
	if err == nil && actor.Role != keepsake.RoleSystem { // one that is due by itself is tried, and its failure told
		err = c.watch.mustAnswer(ctx, false)
	}
	if err == nil {
		err = c.mayBackUp(ctx, actor, in)
	}
	if err == nil && in.Wedding != "" {
		in.weddings, err = c.markWedding(ctx, actor, in)
	}
	if err == nil && len(in.weddings) > 0 {
		row.Weddings, err = json.Marshal(in.weddings)
	}
	if err == nil {
		row.BackupType, row.Note = orNil(string(in.Type)), in.Note
		if len(in.Labels) > 0 {
			row.Labels, err = json.Marshal(in.Labels)
		}
	}
	if err != nil {
		return Operation{}, c.refused(ctx, actor, "backup.start", "", detail, err)
	}
	o, err := c.enqueue(ctx, actor, "backup.start", detail, row)
	if !errors.Is(err, errBackupRuns) {
		return o, err
	}
	running, failed := c.activeBackup(ctx, actor)
	if failed != nil {
		return Operation{}, failed
	}
	if running == nil { // it ended in between
		return Operation{}, err
	}
	return *running, err
}

// errBackupRuns answers a second request for a backup.
var errBackupRuns = &keepsake.Error{Code: keepsake.CodeConflict,
	Message: "A backup is running already. Only one at a time reads the platform; the next one can start when it has ended."}

func (c *Console) activeBackup(ctx context.Context, actor keepsake.Actor) (*Operation, error) {
	var row sqlcgen.BackupOperation
	err := c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		row, err = tx.GetActiveBackup(ctx)
		return err
	})
	if db.IsNoRows(err) {
		return nil, nil //nolint:nilnil // none runs: that is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("look for a running backup: %w", err)
	}
	o, err := operationOf(row)
	return &o, err
}

func checkBackup(in StartBackupInput) error {
	switch in.Type {
	case keepsake.BackupFull, keepsake.BackupIncremental, keepsake.BackupCritical:
	case keepsake.BackupWedding, keepsake.BackupEmergency:
		return keepsake.Wrong("type", "A backup of the type %q covers one wedding and cannot be taken of the whole platform: use full, incremental or critical.", in.Type)
	default:
		return keepsake.Wrong("type", "There is no backup type %q: use full, incremental or critical.", in.Type)
	}
	if in.Wedding != "" && in.Type == keepsake.BackupCritical {
		return keepsake.Wrong("wedding", "A critical backup leaves most of a wedding out: use incremental or full for one wedding.")
	}
	if in.Milestone != "" && in.Wedding == "" {
		return keepsake.Wrong("milestone", "A milestone belongs to a wedding: name the wedding too.")
	}
	if !plain(in.Wedding) {
		return keepsake.Wrong("wedding", "The key of the wedding holds characters that are not text.")
	}
	if !plain(in.Milestone) || utf8.RuneCountInString(in.Milestone) > longestMilestone {
		return keepsake.Wrong("milestone", "The milestone needs a name of at most %d characters.", longestMilestone)
	}
	return checkWritten(in.Note, in.Labels)
}

// checkWritten bounds what a person may write beside a recovery point.
func checkWritten(note string, labels map[string]string) error {
	if n := utf8.RuneCountInString(note); n > longestNote {
		return keepsake.Wrong("note", "The note has %d characters; %d are the most.", n, longestNote)
	}
	if !plain(note) {
		return keepsake.Wrong("note", "The note holds characters that are not text.")
	}
	if len(labels) > mostLabels {
		return keepsake.Wrong("labels", "%d labels are too many; %d are the most.", len(labels), mostLabels)
	}
	for k, v := range labels {
		if k == "" || utf8.RuneCountInString(k) > longestKey || utf8.RuneCountInString(v) > longestLabel || !plain(k) || !plain(v) {
			return keepsake.Wrong("labels", "The label %q is not one: names have 1 to %d characters, values at most %d.", k, longestKey, longestLabel)
		}
	}
	return nil
}

// plain reports whether PostgreSQL takes the text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// StartVerify enqueues a verification of one recovery point or of all.
func (c *Console) StartVerify(ctx context.Context, actor keepsake.Actor, in StartVerifyInput) (Operation, error) {
	row := newOperation(actor, KindVerify)
	detail := map[string]any{"point": in.Point, "deep": in.Deep}
	if err := mayActOnPlatform(actor, keepsake.MayBackup); err != nil {
		return Operation{}, c.refused(ctx, actor, "verify.start", in.Point, detail, err)
	}
	if in.Point != "" {
		id, err := c.pointID(ctx, actor, in.Point)
		if err != nil {
			return Operation{}, c.refused(ctx, actor, "verify.start", in.Point, detail, err)
		}
		in.Point = id
	}
	row.PointID, row.Deep = in.Point, in.Deep
	return c.enqueue(ctx, actor, "verify.start", detail, row)
}

// StartRepair enqueues a repair of every recovery point: what a provider lacks is copied from one that has it. It reads every byte where a copy may be bad in
// a way that nothing else finds.
func (c *Console) StartRepair(ctx context.Context, actor keepsake.Actor) (Operation, error) {
	row := newOperation(actor, KindRepair)
	err := mayActOnPlatform(actor, keepsake.MayBackup)
	if err == nil {
		err = c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
			row.Deep, err = tx.IsAnyCopyReadBad(ctx)
			return err
		})
	}
	detail := map[string]any{"deep": row.Deep}
	if err != nil {
		return Operation{}, c.refused(ctx, actor, "repair.start", "", detail, err)
	}
	return c.enqueue(ctx, actor, "repair.start", detail, row)
}

// pointID returns the id of a point that the console knows; "latest" is the newest.
func (c *Console) pointID(ctx context.Context, actor keepsake.Actor, id string) (string, error) {
	if !plain(id) {
		return "", keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point.")
	}
	found := ""
	look := func() error {
		return c.db.InTx(ctx, pointReader(actor), func(tx db.Tx) error {
			get := tx.GetNewestPoint
			if id != "latest" {
				get = func(ctx context.Context) (sqlcgen.RecoveryPoint, error) { return tx.GetPoint(ctx, id) }
			}
			p, err := get(ctx)
			found = p.ID
			return err
		})
	}
	err := look()
	if db.IsNoRows(err) { // perhaps the command line has just made it
		if failed := c.noticePoints(ctx); failed != nil {
			c.log.WarnContext(ctx, "could not look for recovery points that others made", "err", failed)
		}
		err = look()
	}
	if db.IsNoRows(err) {
		return "", keepsake.Errorf(keepsake.CodeNotFound, "There is no such recovery point. If the command line made it, it appears here within minutes.")
	}
	return found, err
}

func newOperation(actor keepsake.Actor, kind Kind) sqlcgen.InsertOperationParams {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // the system's random source is documented never to fail
	}
	return sqlcgen.InsertOperationParams{ID: id.String(), Kind: string(kind), Labels: []byte("{}"), Weddings: []byte("[]"), Tiers: []string{},
		State: string(StateQueued), Organization: orNil(actor.Organization), RequestedBy: actor.ID, RequestedName: actor.Name}
}

// enqueue writes operation, job and audit row in one transaction. That the actor may has been judged before.
func (c *Console) enqueue(ctx context.Context, actor keepsake.Actor, action string, detail map[string]any, row sqlcgen.InsertOperationParams) (Operation, error) {
	return c.enqueueJudged(ctx, actor, action, detail, row, nil)
}

// enqueueJudged is enqueue for what another super admin may have to approve first.
func (c *Console) enqueueJudged(ctx context.Context, actor keepsake.Actor, action string, detail map[string]any, row sqlcgen.InsertOperationParams, judge mayBeAlone) (Operation, error) {
	var o Operation
	err := c.attemptJudged(ctx, actor, nil, action, "", detail, func(tx db.Tx) (string, error) {
		quota, err := c.useLimit(ctx, tx, actor, row)
		if err != nil {
			return row.ID, err
		}
		because := ""
		if judge != nil {
			if because, err = judge(ctx, tx); err != nil {
				return row.ID, err
			}
		}
		if because != "" {
			row.State = string(StateProposed)
		}
		err = tx.InsertOperation(ctx, row)
		if db.IsConstraint(err, "backup_operations_one_active_backup") {
			return row.ID, errBackupRuns
		}
		if err != nil {
			return row.ID, err
		}
		if because != "" {
			err = c.propose(ctx, tx, actor, row.ID, because)
		} else {
			err = c.insertJob(ctx, tx, row.ID, Kind(row.Kind))
		}
		if err != nil {
			return row.ID, err
		}
		if err := startFor(ctx, tx, actor, row.ID); err != nil {
			return row.ID, err
		}
		inserted, err := tx.GetOperation(ctx, row.ID)
		if err != nil {
			return row.ID, err
		}
		o, err = operationOf(inserted)
		o.Quota = quota
		return row.ID, err
	})
	return o, err
}

// insertJob enqueues an operation. Restores have a queue of their own: nothing else is ever before them.
func (c *Console) insertJob(ctx context.Context, tx db.Tx, operation string, kind Kind) error {
	opts := &river.InsertOpts{Queue: river.QueueDefault}
	if kind == KindRestore || kind == KindScoped {
		opts.Queue = restoreQueue
	}
	if _, err := c.jobs.InsertTx(ctx, tx.PG, operationJob{Operation: operation}, opts); err != nil {
		return fmt.Errorf("enqueue operation %s: %w", operation, err)
	}
	return nil
}
