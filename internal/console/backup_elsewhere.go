package console

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// elsewhere is the name of the actor, in the list of operations, for a backup that this console did not start.
const elsewhere = "elsewhere"

// elsewhereBatch is how many recovery points are looked at in one transaction.
const elsewhereBatch = 200

// EndedBackup is a backup that has ended and that no console of this database started: the command line did, or
// another console over the same repository. It has a Result, or an Err that says why there is none.
type EndedBackup struct {
	Platform        string
	By              string // whom the list names
	Started         time.Time
	Ended           time.Time
	Type            keepsake.BackupType // that was asked for; what Result says counts
	Note            string
	Labels          map[string]string
	Weddings        []keepsake.WeddingMark
	Result          *engine.BackupResult
	Err             error
	StoppedByPerson bool // Err is that
}

// SaveEndedBackup adds a backup that no console started to the list of operations, and its recovery point to the list
// of points. Without that the overview would call the point before it the newest. It writes in the caller's
// transaction, in which the caller also records the backup in the trail.
func SaveEndedBackup(ctx context.Context, tx db.Tx, b EndedBackup) error {
	id, err := insertEndedBackup(ctx, tx, b)
	if err != nil || !b.made() {
		return err
	}
	p := madePoint(*b.Result, progress.Clean(b.Note))
	p.Labels, p.Weddings = b.Labels, b.Weddings
	return storePoint(ctx, tx, b.Platform, id, p, *b.Result)
}

// made reports whether the backup came to its end with a recovery point.
func (b EndedBackup) made() bool { return b.Result != nil && b.Err == nil && !b.StoppedByPerson }

func insertEndedBackup(ctx context.Context, tx db.Tx, b EndedBackup) (operation string, err error) {
	id, err := idOf(b.Started)
	if err != nil {
		return "", err
	}
	if b.Labels == nil {
		b.Labels = map[string]string{}
	}
	if b.Weddings == nil {
		b.Weddings = []keepsake.WeddingMark{}
	}
	if b.Type == "" {
		b.Type = keepsake.BackupIncremental
	}
	if b.Ended.Before(b.Started) { // a clock that was set back
		b.Ended = b.Started
	}
	row := sqlcgen.InsertEndedBackupParams{
		ID:            id,
		Platform:      b.Platform,
		BackupType:    string(b.Type),
		Note:          progress.Clean(b.Note),
		RequestedBy:   elsewhere,
		RequestedName: progress.Clean(b.By),
		StartedAt:     b.Started,
		FinishedAt:    b.Ended,
	}
	if row.Labels, err = json.Marshal(b.Labels); err != nil {
		return "", fmt.Errorf("encode the labels of a backup: %w", err)
	}
	if row.Weddings, err = json.Marshal(b.Weddings); err != nil {
		return "", fmt.Errorf("encode the weddings of a backup: %w", err)
	}
	row.Labels, row.Weddings = progress.CleanJSON(row.Labels), progress.CleanJSON(row.Weddings)
	switch {
	case b.StoppedByPerson:
		row.State, row.CancelRequestedAt, row.CancelRequestedBy = string(StateCancelled), &b.Ended, &row.RequestedName
	case b.Err != nil:
		code, message := string(keepsake.CodeOf(b.Err)), progress.Clean(keepsake.MessageOf(b.Err))
		row.State, row.ErrorCode, row.ErrorMessage = string(StateFailed), &code, &message
	default:
		r, ok := *b.Result, true
		row.State, row.BackupType, row.PointID = string(StateDone), r.Type, r.Point
		row.RowsDone, row.BytesDone, row.Seconds, row.Ok, row.Protected, row.Lacks = r.Rows, r.BytesRead, r.Seconds, &ok,
			&r.Protected, r.Lacks
		if row.Result, err = json.Marshal(r); err != nil {
			return "", fmt.Errorf("encode the report of a backup: %w", err)
		}
		row.Result = progress.CleanJSON(row.Result)
		covers, err := columnsOfCoverage(r.Covers, b.Weddings)
		if err != nil {
			return "", err
		}
		row.WeddingDataCategories, row.CriticalMilestoneData, row.VendorIntegrationData,
			row.WeddingDatesCovered = covers.categories, covers.milestones, covers.vendors, covers.dates
	}
	return id, tx.InsertEndedBackup(ctx, row)
}

// idOf returns an operation's id that begins with the moment: the list is in the order of ids.
func idOf(at time.Time) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an operation's id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(at.UnixMilli(), 0)))
	copy(id[:6], ms[2:]) // RFC 9562, section 5.7
	return id.String(), nil
}

// listElsewhere gives every recovery point an operation that made it. Where this console knows none, the command line
// or another console took the backup.
func (c *Console) listElsewhere(ctx context.Context, p *platform) error {
	for more := true; more; {
		err := c.db.InTx(ctx, keepsake.System("sync"), func(tx db.Tx) (err error) {
			more, err = listElsewhere(ctx, tx, p.Name)
			return err
		})
		if err != nil {
			return fmt.Errorf("list the backups that others took: %w", err)
		}
	}
	return nil
}

// listElsewhere does a batch of it and reports whether there is more to do.
func listElsewhere(ctx context.Context, tx db.Tx, platform string) (more bool, err error) {
	points, err := tx.ListPointsWithoutOperation(ctx,
		sqlcgen.ListPointsWithoutOperationParams{Platform: platform, Most: elsewhereBatch})
	if err != nil || len(points) == 0 {
		return false, err
	}
	// A backup that runs may have published its point, and says so only when it ends: one that has ended by now is found
	// below.
	_, err = tx.GetSlotHolder(ctx, sqlcgen.GetSlotHolderParams{Platform: platform, Name: backupSlot})
	running := err == nil
	if err != nil && !db.IsNoRows(err) {
		return false, err
	}
	known, err := makersOf(ctx, tx, platform, points)
	if err != nil {
		return false, err
	}
	var made, found []string
	set := sqlcgen.SetPointOperationsParams{}
	for _, p := range points {
		id, there := known[p.ID]
		if !there && running {
			continue
		}
		if !there {
			if id, err = savePointsBackup(ctx, tx, p); err != nil {
				return false, err
			}
			found = append(found, p.ID)
		}
		made = append(made, p.ID)
		set.Operations = append(set.Operations, id)
	}
	set.Points = made
	if err := tx.SetPointOperations(ctx, set); err != nil {
		return false, err
	}
	if len(found) > 0 {
		err = audit.Record(ctx, tx, keepsake.System("sync"), audit.Entry{
			Action:  audit.BackupFound,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"points": found},
		})
	}
	return len(made) == elsewhereBatch, err
}

// makersOf returns the operations that are known to have made the points, by the points' ids.
func makersOf(ctx context.Context, tx db.Tx, platform string, points []sqlcgen.RecoveryPoint) (map[string]string,
	error) {
	var ids []string
	for _, p := range points {
		ids = append(ids, p.ID)
	}
	rows, err := tx.ListBackupsOfPoints(ctx, sqlcgen.ListBackupsOfPointsParams{Platform: platform, Points: ids})
	known := map[string]string{}
	for _, r := range rows {
		known[r.PointID] = r.ID
	}
	return known, err
}

// savePointsBackup puts the backup that made a point into the list of operations, as far as the point tells of it.
func savePointsBackup(ctx context.Context, tx db.Tx, p sqlcgen.RecoveryPoint) (operation string, err error) {
	r := engine.BackupResult{
		Point:         p.ID,
		Type:          p.BackupType,
		Time:          p.TakenAt,
		Tables:        int(p.Tables),
		Rows:          p.Rows,
		BytesRead:     p.BytesRead,
		BytesUploaded: p.BytesNew,
		BytesStored:   p.BytesStored,
		ChunksNew:     p.ChunksNew,
		ChunksTotal:   p.Chunks,
		Seconds:       p.Seconds,
		Protected:     p.Protected,
		Lacks:         p.Lacks,
		NotCarried:    []keepsake.NotCarried{},
	}
	if err := json.Unmarshal(p.Copies, &r.Copies); err != nil {
		return "", fmt.Errorf("decode the copies of recovery point %s: %w", p.ID, err)
	}
	if err := decode(p.Doubts, &r.Doubts); err != nil {
		return "", fmt.Errorf("decode the doubts about recovery point %s: %w", p.ID, err)
	}
	b := EndedBackup{
		Platform: p.Platform,
		By:       elsewhere,
		Started:  p.TakenAt,
		Ended:    p.TakenAt.Add(time.Duration(p.Seconds * float64(time.Second))),
		Note:     p.Note,
		Result:   &r,
	}
	if err := decode(p.Labels, &b.Labels); err != nil {
		return "", fmt.Errorf("decode the labels of recovery point %s: %w", p.ID, err)
	}
	if err := decode(p.Covers, &r.Covers); err != nil {
		return "", fmt.Errorf("decode what recovery point %s covers: %w", p.ID, err)
	}
	var meta weddingMetadata
	if err := decode(p.WeddingMetadata, &meta); err != nil {
		return "", fmt.Errorf("decode the weddings of recovery point %s: %w", p.ID, err)
	}
	b.Weddings = meta.Weddings
	if operation, err = insertEndedBackup(ctx, tx, b); err != nil {
		return "", err
	}
	return operation, seeProviders(ctx, tx, p.Platform, backupOf(r.Time), r.Copies)
}
