package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// verifyPage is how many rows are held in memory when the whole trail is read.
const verifyPage = 1000

// mostBreaks is how many breaks a report names.
const mostBreaks = 20

// sectionAction is the entry that the database makes when the end of the trail was broken: what follows it is a section
// of its own.
const sectionAction = string(TrailSection)

// database is who says what the console database puts on record itself.
const database = "database"

// Break is where rows are not as they were written, or may not be.
type Break struct {
	From int64 `json:"from"` // the first row of it
	// the last; below From where nothing is missing and the rows from From on only belong to another section
	To      int64  `json:"to"`
	Problem string `json:"problem"`
}

// Section is rows between two breaks: each follows the one before. Sealed is the newest seal that agrees with one of
// them, which vouches for it and for all before it in the section; nil: the chain alone does.
type Section struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Sealed *Seal `json:"sealed"`
}

// Report is what Verify found.
type Report struct {
	Rows    int64  `json:"rows"`    // the last row that was read
	Intact  bool   `json:"intact"`  // every row is as it was written, none is missing, and every seal agrees
	Broken  int64  `json:"broken"`  // the first row that is not, or may not be; 0 when intact
	Problem string `json:"problem"` // what is wrong with it, in words
	Trail   string `json:"trail"`   // the name that seals refer to
	Seals   int    `json:"seals"`   // of this trail
	Sealed  *Seal  `json:"sealed"`  // the newest of them that agrees; nil for none
	// Breaks are all of them, up to mostBreaks, and Sections what lies between: verification goes on past each.
	Breaks   []Break   `json:"breaks,omitempty"`
	Sections []Section `json:"sections,omitempty"`
	// More is how many breaks there are beside those.
	More int `json:"more_breaks,omitempty"`
	// Replaced says that nothing is wrong with the rows, but that another trail was sealed in this repository, and nobody
	// has said that it ended.
	Replaced bool `json:"replaced,omitempty"`
	// Earlier are trails of this repository that ended before this one began, and that somebody has put on record as
	// ended.
	Earlier []Seal `json:"earlier,omitempty"`
	head    []byte // hash of the last row
	start   int64  // the first row of the section that is being read
}

// breakAt notes a break and begins the next section after it.
func (r *Report) breakAt(w *witness, from, to int64, problem string) {
	from = max(from, 1)
	if len(r.Breaks) == 0 {
		r.Broken, r.Problem = from, problem
	}
	r.endSection(w, from-1)
	if len(r.Breaks) < mostBreaks {
		r.Breaks = append(r.Breaks, Break{from, to, problem})
	} else {
		r.More++
	}
	r.start = max(r.start, to+1)
}

func (r *Report) endSection(w *witness, to int64) {
	if to >= r.start && len(r.Sections) <= mostBreaks {
		r.Sections = append(r.Sections, Section{r.start, to, w.agreed})
	}
	w.agreed = nil
}

// Verify reads the whole trail and names where rows were changed, removed or put in between, and what is vouched for
// before and after. Whoever owns the database can write a chain of their own; seals, which lie in the repository, tell
// it apart. It needs memory for a thousand rows.
func Verify(ctx context.Context, d *db.DB, seals ...Seal) (Report, error) {
	r := Report{start: 1}
	// Rows that are appended meanwhile are beyond this head and not of interest.
	head, lost, err := readHead(ctx, d)
	if err != nil {
		return r, err
	}
	first, err := readFrom(ctx, d, 0, 1)
	if err != nil {
		return r, err
	}
	r.Trail = head.Trail
	if len(first) > 0 { // the first row follows from the trail's name
		for _, s := range seals {
			if !bytes.Equal(first[0].PrevHash, genesis(head.Trail)) && bytes.Equal(first[0].PrevHash, genesis(s.Trail)) {
				r.Trail = s.Trail
			}
		}
	}
	w := newWitness(r.Trail, seals)
	switch {
	case lost:
		r.breakAt(w, 1, 0, "the name and the end of the trail are gone: the seals say which trail it was, and what was at "+
			"its end, nobody can say")
	case r.Trail != head.Trail:
		r.breakAt(w, 1, 0, "the trail carries another name than it began with: the row that names it was made anew")
	case head.Oldest < 1:
		r.breakAt(w, 1, 0, fmt.Sprintf("row %d stands before the first: it was not written by Keepsake", head.Oldest))
	}
	if err := r.walk(ctx, d, head, w, genesis(r.Trail)); err != nil {
		return r, err
	}
	if from, to, problem := w.beyond(r.Rows); problem != "" {
		r.breakAt(w, from, to, problem)
	}
	r.Seals, r.Sealed = len(w.own), w.newest
	begun, err := begunTrails(ctx, d)
	if err != nil {
		return r, err
	}
	problem := ""
	if r.Earlier, problem = w.others(begun); problem != "" {
		r.Replaced = len(r.Breaks) == 0
		r.breakAt(w, 1, 0, problem)
	}
	r.Intact = len(r.Breaks) == 0
	return r, nil
}

// VerifySince reads what was appended since a seal. known is false where the seal is of another trail or disagrees:
// only Verify says more then.
func VerifySince(ctx context.Context, d *db.DB, seal Seal) (r Report, known bool, err error) {
	head, lost, err := readHead(ctx, d)
	if err != nil || lost || head.Trail != seal.Trail || seal.Row < 1 || seal.Row > head.LastID {
		return r, false, err
	}
	at, err := readFrom(ctx, d, seal.Row-1, 1)
	if err != nil || len(at) == 0 || at[0].ID != seal.Row || hex.EncodeToString(at[0].Hash) != seal.Hash ||
		!bytes.Equal(at[0].Hash, hash(at[0])) {
		return r, false, err
	}
	r = Report{Trail: seal.Trail, Rows: seal.Row, start: seal.Row + 1, Sealed: &seal}
	if err := r.walk(ctx, d, head, newWitness(seal.Trail, nil), at[0].Hash); err != nil {
		return r, false, err
	}
	r.Intact = len(r.Breaks) == 0
	return r, r.Intact, nil
}

// Since returns what was found of the whole trail, r, with what was read since by VerifySince.
func (r Report) Since(later Report) Report {
	r.Rows, r.head, r.Sealed = later.Rows, later.head, later.Sealed
	if n := len(r.Sections); n > 0 {
		r.Sections = slices.Clone(r.Sections)
		r.Sections[n-1].To = later.Rows
	}
	return r
}

// Words say what is vouched for, a sentence a line.
func (r Report) Words(now time.Time) (lines []string) {
	if r.Intact {
		if r.Sealed == nil {
			return []string{fmt.Sprintf("Intact: %s. Not sealed yet, so the chain alone vouches for them.", count(r.Rows))}
		}
		return []string{fmt.Sprintf("Intact: %s; %s.", count(r.Rows), r.Sealed.words(r.Rows, now))}
	}
	for _, b := range r.Breaks {
		if !r.Replaced {
			lines = append(lines, fmt.Sprintf("Broken at row %d: %s.", b.From, b.Problem))
		}
	}
	if r.More > 0 {
		lines = append(lines, fmt.Sprintf("Broken at %d more places, which are not listed.", r.More))
	}
	if r.Replaced {
		lines = append(lines, fmt.Sprintf("Another trail than before: %s.", r.Problem))
	}
	for _, s := range r.Sections {
		lines = append(lines, fmt.Sprintf("Rows %d to %d follow each other; %s.", s.From, s.To, s.Sealed.words(s.To, now)))
	}
	return lines
}

func count(rows int64) string {
	if rows == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", rows)
}

// words say how far a seal vouches for a section.
func (s *Seal) words(to int64, now time.Time) string {
	if s == nil {
		return "no seal vouches for them, the chain alone does"
	}
	age := now.Sub(s.At).Round(time.Minute)
	text := fmt.Sprintf("sealed up to row %d on %s at %s UTC", s.Row, s.day(), s.At.UTC().Format("15:04"))
	switch minutes := int(age.Minutes()); {
	case minutes == 0:
		text += " (just now)"
	case minutes == 1:
		text += " (1 minute ago)"
	case minutes > 0 && minutes < 120:
		text += fmt.Sprintf(" (%d minutes ago)", minutes)
	case minutes >= 120:
		text += fmt.Sprintf(" (%d hours ago)", minutes/60)
	}
	switch since := to - s.Row; {
	case since == 1:
		text += "; the row since is vouched for by the chain alone"
	case since > 1:
		text += fmt.Sprintf("; the %d rows since are vouched for by the chain alone", since)
	}
	return text
}

// readHead reads the end of the trail; lost: it is gone, and the newest row stands for it.
func readHead(ctx context.Context, d *db.DB) (head sqlcgen.GetAuditHeadRow, lost bool, err error) {
	err = d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		if head, err = tx.GetAuditHead(ctx); !db.IsNoRows(err) {
			return err
		}
		lost = true
		newest, err := tx.ListAudit(ctx, sqlcgen.ListAuditParams{Most: 1})
		if err == nil && len(newest) > 0 {
			head = sqlcgen.GetAuditHeadRow{LastID: newest[0].ID, Hash: newest[0].Hash, Oldest: 1, Newest: newest[0].ID}
		}
		return err
	})
	if err != nil {
		return head, lost, fmt.Errorf("read the end of the audit trail: %w", err)
	}
	return head, lost, nil
}

func readFrom(ctx context.Context, d *db.DB, after int64, most int32) (page []sqlcgen.AuditLog, err error) {
	err = d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) (err error) {
		page, err = tx.ListAuditFrom(ctx, sqlcgen.ListAuditFromParams{After: after, Most: most})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return page, nil
}

// walk follows the chain from the row that was read last to the head.
func (r *Report) walk(ctx context.Context, d *db.DB, head sqlcgen.GetAuditHeadRow, w *witness, prev []byte) error {
	for r.Rows < head.LastID {
		page, err := readFrom(ctx, d, r.Rows, verifyPage)
		if err != nil {
			return err
		}
		before := r.Rows
		for _, row := range page {
			if row.ID > head.LastID {
				break
			}
			prev = r.step(w, row, prev)
		}
		if r.Rows == before {
			r.breakAt(w, r.Rows+1, head.LastID, gone(r.Rows+1, head.LastID))
			break
		}
	}
	if r.Rows >= head.LastID && !bytes.Equal(prev, head.Hash) {
		r.breakAt(w, r.Rows, r.Rows, "the trail does not end with the row it ended with when it was written")
	}
	r.head = prev
	if head.Newest > head.LastID {
		r.breakAt(w, head.LastID+1, head.Newest,
			fmt.Sprintf("row %d stands beyond the end of the trail: it was not written by Keepsake", head.Newest))
	}
	r.endSection(w, r.Rows)
	return nil
}

// step judges the next row and returns what the one after it must follow.
func (r *Report) step(w *witness, row sqlcgen.AuditLog, prev []byte) []byte {
	if want := r.Rows + 1; row.ID != want {
		r.breakAt(w, want, row.ID-1, gone(want, row.ID-1))
		prev = row.PrevHash
	}
	switch {
	case !bytes.Equal(row.PrevHash, prev):
		r.breakAt(w, row.ID, row.ID, fmt.Sprintf("row %d does not follow the row before it: one of them was replaced",
			row.ID))
	case !bytes.Equal(row.Hash, hash(row)):
		r.breakAt(w, row.ID, row.ID, fmt.Sprintf("row %d was changed after it was written", row.ID))
	case row.Action == sectionAction && row.ActorID == database && row.ActorRole == database &&
		row.Outcome == string(Failed) && row.Security:
		var detail struct {
			Problem string `json:"problem"`
		}
		_ = json.Unmarshal(row.Detail, &detail) // without it the section is named all the same
		r.breakAt(w, row.ID, row.ID-1, fmt.Sprintf(
			"the end of the trail was broken before row %d, and a new section begins there (%s)", row.ID, detail.Problem))
	}
	if from, problem := w.compare(row); problem != "" {
		r.breakAt(w, max(from, r.start), row.ID, problem)
	}
	r.Rows = row.ID
	return row.Hash
}

func gone(from, to int64) string {
	if from == to {
		return fmt.Sprintf("row %d is gone", from)
	}
	return fmt.Sprintf("rows %d to %d are gone", from, to)
}

// genesis is what the first row of a trail follows.
func genesis(trail string) []byte {
	sum := sha256.Sum256([]byte("keepsake audit v1 " + trail))
	return sum[:]
}

// hash covers every column: each as its length (8 bytes, big-endian) and its bytes, numbers as 8 bytes, the previous
// hash first. The order is fixed for ever.
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
	for _, s := range []string{r.ActorID, r.ActorName, r.ActorRole, r.Platform, r.Organization, r.Session, r.Token,
		r.Address, r.UserAgent, r.RequestID, r.Action, r.Target, r.Wedding, r.Point, r.Outcome} {
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
