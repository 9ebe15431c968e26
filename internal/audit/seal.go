package audit

import (
	"cmp"
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

// Seal says how a trail ended at a moment. It lies in the repository, under the repository's key, where whoever owns
// the console database cannot reach it.
type Seal struct {
	Trail string    `json:"trail"`
	Row   int64     `json:"row"`  // id of the last row, which is also how many there are
	Hash  string    `json:"hash"` // of that row, in hexadecimal
	At    time.Time `json:"at"`   // when the seal was made
}

// Seal returns the seal of a trail as it was found: where it is broken, of what stands there now.
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

func (s Seal) moment() string { return s.At.UTC().Format("2006-01-02 15:04 UTC") }

// witness holds the seals against the rows.
type witness struct {
	trail   string
	own     []Seal // of this trail, by row
	foreign map[string]Seal
	count   map[string]int // seals of each foreign trail
	next    int            // of own, not compared yet
	sealed  int64          // up to which row a seal agreed
	agreed  *Seal          // the newest that agreed within the section that is being read
	newest  *Seal          // the newest that agreed
}

func newWitness(trail string, seals []Seal) *witness {
	w := &witness{trail: trail, foreign: map[string]Seal{}, count: map[string]int{}}
	for _, s := range seals {
		if s.Trail == trail {
			w.own = append(w.own, s)
			continue
		}
		w.count[s.Trail]++
		if s.Row >= w.foreign[s.Trail].Row {
			w.foreign[s.Trail] = s
		}
	}
	slices.SortStableFunc(w.own, func(a, b Seal) int { return cmp.Compare(a.Row, b.Row) })
	return w
}

// compare holds the next seals against a row that follows the rows before it. Where they differ somebody wrote rows and
// hashes anew: which of those since the last seal that agreed, no one can tell, so the first of them is named.
func (w *witness) compare(row sqlcgen.AuditLog) (broken int64, problem string) {
	for ; w.next < len(w.own) && w.own[w.next].Row <= row.ID; w.next++ {
		s := w.own[w.next]
		if s.Row != row.ID {
			continue // its row is gone, which has been named
		}
		if s.Hash != hex.EncodeToString(row.Hash) {
			broken, problem = w.sealed+1, fmt.Sprintf(
				"%s rewritten, hashes and all: row %d is another than the one that was sealed in the repository on %s",
				rows(w.sealed+1, row.ID), row.ID, s.day())
			continue
		}
		w.sealed, w.agreed, w.newest = s.Row, &s, &s
	}
	return broken, problem
}

// beyond names rows that were sealed and are not there.
func (w *witness) beyond(last int64) (from, to int64, problem string) {
	if n := len(w.own); n > 0 && w.own[n-1].Row > last {
		s := w.own[n-1]
		return last + 1, s.Row, fmt.Sprintf("%s: they were there when the trail was sealed in the repository on %s",
			gone(last+1, s.Row), s.day())
	}
	return 0, 0, ""
}

// others returns trails that ended before this one began. One that nobody has put on record as ended is either what a
// console had before it was made anew, or what somebody has taken away: the words say how a person tells.
func (w *witness) others(begun []string) (earlier []Seal, problem string) {
	for _, s := range w.foreign {
		earlier = append(earlier, s)
	}
	slices.SortFunc(earlier, func(a, b Seal) int { return a.At.Compare(b.At) })
	for _, s := range earlier {
		if !slices.Contains(begun, s.Trail) {
			return earlier, fmt.Sprintf("this trail stands in the place of another: the repository holds %s of trail %s, the "+
				"newest up to row %d of %s. If the console database was made "+
				"anew, after a loss or for a rebuild, nothing is wrong: put it on record with keepsake audit begin. If nobody "+
				"made it anew, somebody has taken the old trail away",
				manySeals(w.count[s.Trail]), s.Trail, s.Row, s.moment())
		}
	}
	return earlier, ""
}

func manySeals(n int) string {
	if n == 1 {
		return "a seal"
	}
	return fmt.Sprintf("%d seals", n)
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
