package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// verifyPage is how many rows are held in memory when the whole trail is read.
const verifyPage = 1000

// Report is what Verify found.
type Report struct {
	Rows    int64  `json:"rows"`    // rows that were read and follow each other
	Intact  bool   `json:"intact"`  // every row is as it was written, none is missing, and every seal agrees
	Broken  int64  `json:"broken"`  // the first row that is not, or may not be; 0 when intact
	Problem string `json:"problem"` // what is wrong with it, in words
	Trail   string `json:"trail"`   // the name that seals refer to
	Seals   int    `json:"seals"`   // of this trail
	Sealed  *Seal  `json:"sealed"`  // the newest of them; nil for none
	// Earlier are trails of this repository that ended before this one began, and that somebody has put on record as ended.
	Earlier []Seal `json:"earlier,omitempty"`
	head    []byte // hash of the last row
}

// Verify reads the whole trail and names the first row that was changed, removed or put in between. Whoever owns the database
// can write a chain of their own; seals, which lie in the repository, tell it apart. It needs memory for a thousand rows.
func Verify(ctx context.Context, d *db.DB, seals ...Seal) (Report, error) {
	var r Report
	// Rows that are appended meanwhile are beyond this head and not of interest.
	var head sqlcgen.GetAuditHeadRow
	err := d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
		head, err = tx.GetAuditHead(ctx)
		return err
	})
	if db.IsNoRows(err) {
		r.Broken, r.Problem = 1, "the name and the end of the trail are gone, so no row can be told from one that was put there"
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the end of the audit trail: %w", err)
	}
	r.Trail = head.Trail
	if head.Oldest < 1 {
		r.Broken, r.Problem = 1, fmt.Sprintf("row %d stands before the first: it was not written by Keepsake", head.Oldest)
		return r, nil
	}
	witness := newWitness(head.Trail, seals)
	if err := r.walk(ctx, d, head, witness); err != nil || r.Broken > 0 {
		return r, err
	}
	if head.Newest > head.LastID {
		r.Broken, r.Problem = head.LastID+1, fmt.Sprintf("row %d stands beyond the end of the trail: it was not written by Keepsake, and nothing can be put on record until the owner of the database takes it away", head.Newest)
		return r, nil
	}
	r.Seals, r.Sealed = len(witness.own), witness.newest()
	if r.Broken, r.Problem = witness.beyond(r.Rows); r.Broken > 0 {
		return r, nil
	}
	begun, err := begunTrails(ctx, d)
	if err != nil {
		return r, err
	}
	if r.Earlier, r.Problem = witness.others(begun); r.Problem != "" {
		r.Broken = 1
		return r, nil
	}
	r.Intact = true
	return r, nil
}

// walk follows the chain to the head.
func (r *Report) walk(ctx context.Context, d *db.DB, head sqlcgen.GetAuditHeadRow, witness *witness) error {
	prev := genesis(head.Trail)
	for r.Rows < head.LastID {
		var page []sqlcgen.AuditLog
		err := d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
			page, err = tx.ListAuditFrom(ctx, sqlcgen.ListAuditFromParams{After: r.Rows, Most: verifyPage})
			return err
		})
		if err != nil {
			return fmt.Errorf("read the audit trail: %w", err)
		}
		before := r.Rows
		for _, row := range page {
			if row.ID > head.LastID {
				break
			}
			if r.Problem = judge(row, r.Rows+1, prev); r.Problem != "" {
				r.Broken = r.Rows + 1
				return nil
			}
			if r.Broken, r.Problem = witness.compare(row); r.Broken > 0 {
				return nil
			}
			prev, r.Rows = row.Hash, row.ID
		}
		if r.Rows == before {
			r.Broken, r.Problem = r.Rows+1, fmt.Sprintf("rows %d to %d are gone", r.Rows+1, head.LastID)
			return nil
		}
	}
	if !bytes.Equal(prev, head.Hash) {
		r.Broken, r.Problem = max(r.Rows, 1), "the trail does not end with the row it ended with when it was written"
	}
	r.head = prev
	return nil
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

// genesis is what the first row of a trail follows.
func genesis(trail string) []byte {
	sum := sha256.Sum256([]byte("keepsake audit v1 " + trail))
	return sum[:]
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
	for _, s := range []string{r.ActorID, r.ActorName, r.ActorRole, r.Organization, r.Session, r.Token, r.Address, r.UserAgent,
		r.RequestID, r.Action, r.Target, r.Wedding, r.Point, r.Outcome} {
		field([]byte(s))
	}
	number(r.DurationMs)
	security := int64(0)
	if r.Security {
		security = 1
	}
	number(security)
	field(r.Detail)
	return h.Sum(nil)
}
