// Package audit keeps the record of every attempt, allowed or refused: append-only rows, each carrying the SHA-256 of its
// content and of the row before. It never changes or removes a row; the database's triggers forbid it to everybody.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused" // not permitted, or the state forbade it
	Failed  Outcome = "failed"  // permitted, and broke
)

// Entry is one attempt.
type Entry struct {
	Action  string // "backup.start", "session.start", …
	Target  string // id of what it was about; may be empty
	Outcome Outcome
	Detail  map[string]any // anything more; no secrets, no rows of the platform
}

// verifyPage is how many rows Verify holds in memory.
const verifyPage = 1000

// Record appends an entry for actor. It holds the end of the chain until the transaction ends, so it is the last thing a
// transaction does: whatever is locked after it may wait for itself. The actor recorded may be another than the
// transaction's: a refused actor can write nothing, so the system writes for it.
func Record(ctx context.Context, tx db.Tx, actor keepsake.Actor, e Entry) error {
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		b, err := json.Marshal(e.Detail)
		if err != nil {
			return fmt.Errorf("encode the audit entry: %w", err)
		}
		detail = bytes.ReplaceAll(b, []byte(`\u0000`), []byte(`\ufffd`))
	}
	head, err := tx.LockAuditHead(ctx)
	if err != nil {
		return fmt.Errorf("lock the audit trail: %w", err)
	}
	row := sqlcgen.InsertAuditParams{
		ID: head.LastID + 1,
		// PostgreSQL keeps microseconds, and the hash must cover what it keeps.
		At: time.Now().UTC().Truncate(time.Microsecond), ActorID: clip(actor.ID), ActorName: clip(actor.Name), ActorRole: clip(string(actor.Role)),
		Organization: clip(actor.Organization), Session: clip(actor.Session), Address: clip(actor.Address), UserAgent: clip(actor.UserAgent),
		Action: clip(e.Action), Target: clip(e.Target), Outcome: string(e.Outcome), Detail: detail, PrevHash: head.Hash,
	}
	row.Hash = hash(sqlcgen.AuditLog(row))
	if err := tx.InsertAudit(ctx, row); err != nil {
		return fmt.Errorf("append to the audit trail: %w", err)
	}
	if err := tx.AdvanceAuditHead(ctx, sqlcgen.AdvanceAuditHeadParams{LastID: row.ID, Hash: row.Hash}); err != nil {
		return fmt.Errorf("advance the audit trail: %w", err)
	}
	return nil
}

// Refuse records, in a transaction of its own, an attempt that was not allowed or did not work. It uses the system's rights.
func Refuse(ctx context.Context, d *db.DB, actor keepsake.Actor, e Entry) error {
	if e.Outcome == "" {
		e.Outcome = Refused
	}
	return d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error { return Record(ctx, tx, actor, e) })
}

// Report is what Verify found.
type Report struct {
	Rows    int64  // rows that were read
	Intact  bool   // every row is as it was written, and none is missing
	Broken  int64  // id of the first row that is not; 0 when intact
	Problem string // what is wrong with it, in words
}

// Verify reads the whole trail and names the first row that was changed, removed or put in between. It needs memory for a
// thousand rows.
func Verify(ctx context.Context, d *db.DB) (Report, error) {
	r := Report{}
	// Rows that are appended meanwhile are beyond this head and not of interest.
	var head sqlcgen.GetAuditHeadRow
	err := d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
		head, err = tx.GetAuditHead(ctx)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("read the end of the audit trail: %w", err)
	}
	start := sha256.Sum256([]byte("keepsake audit v1"))
	prev := start[:]
	for r.Rows < head.LastID {
		var page []sqlcgen.AuditLog
		err := d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
			page, err = tx.ListAuditFrom(ctx, sqlcgen.ListAuditFromParams{After: r.Rows, Most: verifyPage})
			return err
		})
		if err != nil {
			return r, fmt.Errorf("read the audit trail: %w", err)
		}
		for _, row := range page {
			if row.ID > head.LastID {
				break
			}
			if r.Problem = judge(row, r.Rows+1, prev); r.Problem != "" {
				r.Broken = r.Rows + 1
				return r, nil
			}
			prev, r.Rows = row.Hash, row.ID
		}
		if len(page) == 0 {
			r.Broken, r.Problem = r.Rows+1, fmt.Sprintf("rows %d to %d are gone", r.Rows+1, head.LastID)
			return r, nil
		}
	}
	if !bytes.Equal(prev, head.Hash) {
		r.Broken, r.Problem = r.Rows, "the trail does not end with the row it ended with when it was written"
		return r, nil
	}
	r.Intact = true
	return r, nil
}

func judge(row sqlcgen.AuditLog, want int64, prev []byte) string {
	switch {
	case row.ID != want:
		return fmt.Sprintf("row %d is gone", want)
	case !bytes.Equal(row.PrevHash, prev):
		return fmt.Sprintf("row %d does not follow the row before it: one of them was replaced", row.ID)
	case !bytes.Equal(row.Hash, hash(row)):
		return fmt.Sprintf("row %d was changed after it was written", row.ID)
	}
	return ""
}

// hash covers every column: each as its length (8 bytes, big-endian) and its bytes, numbers as 8 bytes, the previous hash
// first. The order is fixed for ever.
func hash(r sqlcgen.AuditLog) []byte {
	h := sha256.New()
	field := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	number := func(v int64) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(v))
		field(n[:])
	}
	field(r.PrevHash)
	number(r.ID)
	number(r.At.UnixMicro())
	for _, s := range []string{r.ActorID, r.ActorName, r.ActorRole, r.Organization, r.Session, r.Address, r.UserAgent, r.Action, r.Target, r.Outcome} {
		field([]byte(s))
	}
	field(r.Detail)
	return h.Sum(nil)
}
