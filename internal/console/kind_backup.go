package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// LongestNote is how many characters a note may have.
const LongestNote = 500

// Other bounds of what a person may write beside a backup.
const (
	mostLabels   = 20
	longestKey   = 64
	longestLabel = 200
)

// StartBackup enqueues a backup of a platform. Only one backup of it runs at a time. While one does, StartBackup
// returns that one with CodeConflict. One transaction writes the operation, its job and its entry in the audit trail.
func (c *Console) StartBackup(ctx context.Context, actor keepsake.Actor, in StartBackupInput) (Operation, error) {
	detail := map[string]any{"type": in.Type, "note": in.Note}
	if in.WeddingID != "" {
		detail["wedding"], detail["milestone"] = in.WeddingID, in.Milestone
	}
	var row sqlcgen.InsertOperationParams
	p, err := c.platformMeant(actor, in.Platform)
	if err == nil {
		row = newOperation(actor, p, KindBackup)
		err = mayAct(actor, keepsake.MayBackup)
	}
	if err == nil {
		err = checkBackup(in)
	}
	if err == nil && actor.Role != keepsake.RoleSystem { // one that is due by itself is tried, and its failure told
		err = p.watch.mustAnswer(ctx, false)
	}
	if err == nil {
		err = p.mayBackUp(ctx, actor, in)
	}
	if err == nil && in.WeddingID != "" {
		in.weddings, err = p.markWedding(ctx, actor, in)
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
		return Operation{}, c.recordRefused(ctx, actor, audit.BackupStart, "", detail, err)
	}
	var claim mayBeAlone // what it claims, it claims in the transaction that writes the operation
	if in.claim != nil {
		claim = func(ctx context.Context, tx db.Tx) (string, error) { return "", in.claim(ctx, tx, row.ID) }
	}
	o, err := c.enqueueJudged(ctx, actor, audit.BackupStart, detail, row, claim)
	if !errors.Is(err, errBackupRuns) {
		return o, err
	}
	running, failed := c.activeBackup(ctx, p, actor)
	if failed != nil {
		return Operation{}, failed
	}
	if running == nil { // it ended in between
		return Operation{}, err
	}
	return *running, err
}

// errBackupRuns answers a second request for a backup.
var errBackupRuns = &keepsake.Error{
	Code: keepsake.CodeConflict,
	Message: "A backup is running already. Only one at a time reads the platform; the next one can start when " +
		"it has ended.",
}

// backupSlot is the slot that a backup has: of a platform one runs at a time.
const backupSlot = "backup"

func (c *Console) activeBackup(ctx context.Context, p *platform, actor keepsake.Actor) (*Operation, error) {
	var row sqlcgen.BackupOperation
	err := c.db.InTx(ctx, actor, func(tx db.Tx) (err error) {
		row, err = tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: p.Name, Name: backupSlot})
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
		return keepsake.Wrong("type", "A backup of the type %q covers one wedding and cannot be taken of the whole "+
			"platform: use full, incremental or critical.", in.Type)
	default:
		return keepsake.Wrong("type", "There is no backup type %q: use full, incremental or critical.", in.Type)
	}
	if in.WeddingID != "" && in.Type == keepsake.BackupCritical {
		return keepsake.Wrong("wedding", "A critical backup leaves most of a wedding out: use incremental or full "+
			"for one wedding.")
	}
	if in.Milestone != "" && in.WeddingID == "" {
		return keepsake.Wrong("milestone", "A milestone belongs to a wedding: name the wedding too.")
	}
	if !plain(in.WeddingID) {
		return keepsake.Wrong("wedding", "The key of the wedding holds characters that are not text.")
	}
	if !plain(in.Milestone) || utf8.RuneCountInString(in.Milestone) > longestMilestone {
		return keepsake.Wrong("milestone", "The milestone needs a name of at most %d characters.", longestMilestone)
	}
	return checkWritten(in.Note, in.Labels)
}

// checkWritten bounds what a person may write beside a recovery point.
func checkWritten(note string, labels map[string]string) error {
	if n := utf8.RuneCountInString(note); n > LongestNote {
		return keepsake.Wrong("note", "The note has %d characters; %d are the most.", n, LongestNote)
	}
	if !plain(note) {
		return keepsake.Wrong("note", "The note holds characters that are not text.")
	}
	if len(labels) > mostLabels {
		return keepsake.Wrong("labels", "%d labels are too many; %d are the most.", len(labels), mostLabels)
	}
	for k, v := range labels {
		if k == "" || utf8.RuneCountInString(k) > longestKey || utf8.RuneCountInString(v) > longestLabel || !plain(k) ||
			!plain(v) {
			return keepsake.Wrong("labels", "The label %q is not one: names have 1 to %d characters, values at most %d.", k,
				longestKey, longestLabel)
		}
	}
	return nil
}

// plain reports whether PostgreSQL takes the text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// readBack returns what the new point's manifest says beyond the backup's report. It is worth little time: the next
// synchronisation fills it in too.
func (p *platform) readBack(ctx context.Context, id string) *engine.Point {
	ctx, cancel := context.WithTimeout(ctx, providerTime)
	defer cancel()
	d, err := p.Engine.Point(ctx, id)
	if err != nil {
		p.log.WarnContext(ctx, "the manifest of a new recovery point could not be read back", "point", id, "err", err)
		return nil
	}
	return &d.Point
}

// endBackup stores the new recovery point.
func endBackup(ctx context.Context, tx db.Tx, row operation.Operation, r engine.BackupResult,
	manifest *engine.Point) error {
	p := madePoint(r, row.Note)
	if err := json.Unmarshal(row.Labels, &p.Labels); err != nil {
		return fmt.Errorf("decode the labels: %w", err)
	}
	if err := json.Unmarshal(row.Weddings, &p.Weddings); err != nil {
		return fmt.Errorf("decode the weddings: %w", err)
	}
	if manifest != nil {
		p = *manifest // the manifest is the truth about everything but the copies, which the backup has just confirmed
	}
	return storePoint(ctx, tx, row.Platform, row.ID, p, r)
}

// storePoint stores the recovery point that a backup made, with the copies that the backup has just confirmed.
func storePoint(
	ctx context.Context, tx db.Tx, platform, operation string, p engine.Point, r engine.BackupResult,
) error {
	p.Copies, p.Protected, p.Lacks = r.Copies, r.Protected, r.Lacks
	point, err := pointRow(platform, p, operation)
	if err != nil {
		return err
	}
	if err := upsertPoint(ctx, tx, point); err != nil {
		return err
	}
	if err := tx.SetProviderPoints(ctx, platform); err != nil {
		return err
	}
	return seeProviders(ctx, tx, platform, backupOf(r.Time), r.Copies)
}

// madePoint is what a backup's report tells of the point that it made.
func madePoint(r engine.BackupResult, note string) engine.Point {
	return engine.Point{
		ID:          r.Point,
		Time:        r.Time,
		Type:        r.Type,
		Note:        note,
		Tables:      r.Tables,
		Rows:        r.Rows,
		BytesRead:   r.BytesRead,
		BytesStored: r.BytesStored,
		BytesNew:    r.BytesNew,
		Chunks:      r.ChunksTotal,
		ChunksNew:   r.ChunksNew,
		Seconds:     r.Seconds,
		Covers:      r.Covers,
		Doubts:      r.Doubts,
	}
}

// backups is the kind of operation that takes a recovery point.
type backups struct{ c *Console }

func (backups) About() operation.About {
	return operation.About{
		Name:       KindBackup,
		Queue:      operation.QueueBackup,
		Permission: keepsake.MayBackup,
		Slots:      []operation.Slot{{Name: backupSlot, Refused: errBackupRuns}},
		Cancelled:  "Cancelled. What was uploaded stays and shortens the next backup.",
	}
}

// Run takes the backup, and stands still while somebody restores.
func (k backups) Run(ctx context.Context, row operation.Operation, r report.Reporter) (operation.Report, error) {
	o, err := operationOf(row)
	if err != nil {
		return operation.Report{}, err
	}
	p, err := k.c.platformNamed(row.Platform)
	if err != nil {
		return operation.Report{}, err
	}
	yield, stop := k.c.yielding(ctx, p.Name, r)
	result, err := p.Engine.Backup(ctx, engine.BackupInput{
		Type:     o.Type,
		Note:     o.Note,
		Labels:   o.Labels,
		Weddings: o.Weddings,
		Yield:    yield,
	}, r)
	stop()
	if err != nil {
		return operation.Report{}, err
	}
	manifest := p.readBack(ctx, result.Point)
	covers, err := columnsOfCoverage(result.Covers, o.Weddings)
	if err != nil {
		return operation.Report{}, err
	}
	ok := true
	out := operation.Report{
		Result: result,
		Row: sqlcgen.FinishOperationParams{
			PointID:               result.Point,
			RowsDone:              result.Rows,
			BytesDone:             result.BytesRead,
			Seconds:               result.Seconds,
			Ok:                    &ok,
			Protected:             &result.Protected,
			Lacks:                 result.Lacks,
			WeddingDataCategories: covers.categories,
			CriticalMilestoneData: covers.milestones,
			VendorIntegrationData: covers.vendors,
			WeddingDatesCovered:   covers.dates,
		},
	}
	if !result.Protected {
		out.Level, out.Left = "warn", "Done, but not protected: "+result.Lacks+"."
	}
	if words := keepsake.DoubtWords(result.Doubts); words != "" {
		out.Level = "warn"
		out.Left = cmp.Or(out.Left, "Done.") + " The recovery point may show damage, so a restore of the latest one takes " +
			"an older one. " + words + " Look at it, and say whether it can be trusted."
	}
	out.Done = func(ctx context.Context, tx db.Tx, ended operation.Operation) error {
		return endBackup(ctx, tx, ended, result, manifest)
	}
	return out, nil
}

// Stopped has nothing to write: what was uploaded belongs to no recovery point.
func (backups) Stopped(context.Context, db.Tx, operation.Operation) error { return nil }

func (backups) Describe(row operation.Operation, e *audit.Entry) {
	if o, err := operationOf(row); err == nil && len(o.Weddings) == 1 {
		e.WeddingID = o.Weddings[0].WeddingID
	}
	if o, err := operationOf(row); err == nil && o.Backup != nil && len(o.Backup.Doubts) > 0 {
		e.Detail["doubts"], e.Detail["protected"] = keepsake.DoubtWords(o.Backup.Doubts), o.Backup.Protected
		e.FellShort()
	}
}

func (backups) resultOf(o *Operation) any {
	o.Backup = &engine.BackupResult{}
	return o.Backup
}
