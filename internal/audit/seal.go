package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// SealTopic is the note of the repository that holds seals.
const SealTopic = "audit"

// Seal says how a trail ended at a moment. It lies in the repository, under the repository's key, where whoever owns the
// console database cannot reach it.
type Seal struct {
	Trail string    `json:"trail"`
	Row   int64     `json:"row"`  // id of the last row, which is also how many there are
	Hash  string    `json:"hash"` // of that row, in hexadecimal
	At    time.Time `json:"at"`   // when the seal was made
}

// Seal returns the seal of a trail that was found intact.
func (r Report) Seal(at time.Time) Seal {
	return Seal{Trail: r.Trail, Row: r.Rows, Hash: hex.EncodeToString(r.head), At: at.UTC().Truncate(time.Second)}
}

// Encode returns the seal as the note holds it.
func (s Seal) Encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the seal: %w", err)
	}
	return b, nil
}

// DecodeSeal reads a note.
func DecodeSeal(note []byte) (Seal, error) {
	var s Seal
	if err := json.Unmarshal(note, &s); err != nil {
		return s, keepsake.Errorf(keepsake.CodeDamaged, "a seal of the audit trail in the repository cannot be read: %w", err)
	}
	if len(s.Hash) != 64 || s.Row < 0 || s.Trail == "" {
		return s, keepsake.Errorf(keepsake.CodeDamaged, "a seal of the audit trail in the repository is none")
	}
	return s, nil
}

// day is how people read when a seal was made.
func (s Seal) day() string { return s.At.UTC().Format(time.DateOnly) }

// witness holds the seals against the rows.
type witness struct {
	trail   string
	own     []Seal // of this trail, by row
	foreign map[string]Seal
	next    int   // of own, not compared yet
	sealed  int64 // up to which row a seal agreed
}

func newWitness(trail string, seals []Seal) *witness {
	w := &witness{trail: trail, foreign: map[string]Seal{}}
	for _, s := range seals {
		if s.Trail == trail {
			w.own = append(w.own, s)
		} else if s.Row >= w.foreign[s.Trail].Row {
			w.foreign[s.Trail] = s
		}
	}
	slices.SortFunc(w.own, func(a, b Seal) int { return int(a.Row - b.Row) })
	return w
}

func (w *witness) newest() *Seal {
	if len(w.own) == 0 {
		return nil
	}
	s := w.own[len(w.own)-1]
	return &s
}

// compare holds the next seals against a row that follows the rows before it. Where they differ somebody wrote rows and hashes
// anew: which of those since the last seal that agreed, no one can tell, so the first of them is named.
func (w *witness) compare(row sqlcgen.AuditLog) (broken int64, problem string) {
	for ; w.next < len(w.own) && w.own[w.next].Row <= row.ID; w.next++ {
		s := w.own[w.next]
		if s.Row == row.ID && s.Hash != hex.EncodeToString(row.Hash) {
			return w.sealed + 1, fmt.Sprintf("%s rewritten, hashes and all: row %d is another than the one that was sealed in the repository on %s",
				rows(w.sealed+1, row.ID), row.ID, s.day())
		}
		w.sealed = max(w.sealed, s.Row)
	}
	return 0, ""
}

// beyond names rows that were sealed and are not there.
func (w *witness) beyond(last int64) (broken int64, problem string) {
	if s := w.newest(); s != nil && s.Row > last {
		return last + 1, fmt.Sprintf("rows %d to %d are gone: they were there when the trail was sealed in the repository on %s", last+1, s.Row, s.day())
	}
	return 0, ""
}

// others returns trails that ended before this one began. One that nobody has put on record was taken away.
func (w *witness) others(begun []string) (earlier []Seal, problem string) {
	for _, s := range w.foreign {
		earlier = append(earlier, s)
	}
	slices.SortFunc(earlier, func(a, b Seal) int { return a.At.Compare(b.At) })
	for _, s := range earlier {
		if !slices.Contains(begun, s.Trail) {
			return earlier, fmt.Sprintf("this trail stands in the place of another, %s, which was sealed in the repository up to row %d on %s: unless the console database was made anew "+
				"on purpose, which keepsake audit begin puts on record, somebody has taken the old trail away", s.Trail, s.Row, s.day())
		}
	}
	return earlier, ""
}

func rows(from, to int64) string {
	if from == to {
		return fmt.Sprintf("row %d was", from)
	}
	return fmt.Sprintf("rows %d to %d, or some of them, were", from, to)
}

func begunTrails(ctx context.Context, d *db.DB) (names []string, err error) {
	err = d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		names, err = tx.ListBegunTrails(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which trails ended: %w", err)
	}
	return names, nil
}
