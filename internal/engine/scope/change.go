package scope

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/fold"
)

// Mode says how far a restore goes.
type Mode string

// The modes.
const (
	Missing Mode = "missing" // bring back what is missing, and nothing else
	Rewind  Mode = "rewind"  // make the scope what it was: insert, update and delete
)

// Op is what happens to one row.
type Op string

// The operations.
const (
	Insert Op = "insert"
	Update Op = "update"
	Delete Op = "delete"
)

// Change is one row that a restore would change. Values are in the order of the table's columns, in PostgreSQL's text
// form, and nil for null.
type Change struct {
	Op      Op        `json:"op"`
	Before  []*string `json:"before,omitempty"`  // the live row; absent when the row is inserted
	After   []*string `json:"after,omitempty"`   // as it would be; absent when the row is deleted
	Refused string    `json:"refused,omitempty"` // why it would not be done, in words
}

// Newer reports whether the live row was made or changed after the recovery point and would be overwritten or
// removed.
func (c Change) Newer() bool { return c.Op != Insert }

// row is the side that has the key.
func (c Change) row() []*string {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// TableChanges are the changes of one table.
type TableChanges struct {
	Table     string              `json:"table"`
	Belongs   Belonging           `json:"belongs"`
	Key       []string            `json:"key"`
	Columns   []repository.Column `json:"columns"` // those that are compared and restored
	Unchanged int64               `json:"unchanged"`
	Changes   []Change            `json:"changes,omitempty"`
	Notes     []string            `json:"notes,omitempty"` // what is not restored, or differs since, in words
	// WeddingColumn names the wedding that a row touches; "" where none does.
	WeddingColumn string `json:"-"`

	places   []spot // where the live rows lie, by change
	exchange bool   // updated rows change places in a unique index
	n        int    // of the shelf that they lie on meanwhile
}

// Counts returns how many rows the table's changes insert, update and remove, and how many are refused. A refused
// change counts as refused only.
func (t TableChanges) Counts() (insert, update, remove, refused int64) {
	for _, c := range t.Changes {
		switch {
		case c.Refused != "":
			refused++
		case c.Op == Insert:
			insert++
		case c.Op == Update:
			update++
		default:
			remove++
		}
	}
	return insert, update, remove, refused
}

// Preview says what an apply would do.
type Preview struct {
	Point     string         `json:"point"`
	PointTime time.Time      `json:"point_time"`
	Root      string         `json:"root"`
	ID        string         `json:"id"`
	Name      string         `json:"name"` // of the wedding or organization
	Mode      Mode           `json:"mode"`
	Tables    []TableChanges `json:"tables"`
	// Weddings are those that the changes touch, with how many rows of each:
	// rows of the wedding and rows that reference it.
	Weddings    map[string]int64 `json:"weddings,omitempty"`
	Fingerprint string           `json:"fingerprint"` // of what would be written; an apply for another one writes nothing
	ChunksRead  int64            `json:"chunks_read"`
	Holding     int64            `json:"chunks_holding"` // of those read, the ones that held rows of the scope
	ChunksTotal int64            `json:"chunks_total"`
	Seconds     float64          `json:"seconds"`
	Passed      []string         `json:"passed,omitempty"` // why it is not the newest recovery point, or is suspect
	// Untried says why nobody could try whether the platform takes these rows; empty where it was tried.
	Untried string `json:"untried,omitempty"`
}

// Touched returns the weddings that the preview touches when some rows are left out.
func (p *Preview) Touched(leftOut func(t TableChanges, c Change) bool) map[string]int64 {
	touched := maps.Clone(p.Weddings)
	for _, t := range p.Tables {
		for _, c := range t.Changes {
			id, is := t.weddingOf(c)
			if !is || !leftOut(t, c) {
				continue
			}
			if touched[id]--; touched[id] <= 0 {
				delete(touched, id)
			}
		}
	}
	return touched
}

// weddingOf is the wedding that a change touches; false where it touches none.
func (t TableChanges) weddingOf(c Change) (string, bool) {
	i := slices.IndexFunc(t.Columns, func(col repository.Column) bool { return col.Name == t.WeddingColumn })
	if i < 0 || c.Refused != "" || c.row()[i] == nil {
		return "", false
	}
	return *c.row()[i], true
}

// Totals returns the sums of Counts over all tables.
func (p *Preview) Totals() (insert, update, remove, refused int64) {
	for _, t := range p.Tables {
		i, u, d, r := t.Counts()
		insert, update, remove, refused = insert+i, update+u, remove+d, refused+r
	}
	return insert, update, remove, refused
}

// weddings counts the rows that a preview would change of each wedding.
func (p *Preview) weddings(plan *Plan, table string) {
	p.Weddings = map[string]int64{}
	for at, t := range p.Tables {
		var columns []string
		if t.Table == table {
			columns = append(columns, t.Key...)
		}
		for _, e := range slices.Concat(plan.Owning, plan.Points) {
			if e.Child == t.Table && e.Parent == table && len(e.Columns) == 1 {
				columns = append(columns, e.Columns[0])
			}
		}
		i := slices.IndexFunc(t.Columns, func(c repository.Column) bool { return slices.Contains(columns, c.Name) })
		if i < 0 {
			continue
		}
		t.WeddingColumn = t.Columns[i].Name
		p.Tables[at].WeddingColumn = t.WeddingColumn
		for _, c := range t.Changes {
			if id, is := t.weddingOf(c); is {
				p.Weddings[id]++
			}
		}
	}
}

// written are the tables as far as the mode writes into them. Bringing back what is missing inserts rows and touches no
// other, so that one which people work on meanwhile does not stop it, however the preview counts or refuses it.
func (p *Preview) written() []TableChanges {
	if p.Mode != Missing {
		return p.Tables
	}
	var out []TableChanges
	for _, t := range p.Tables {
		t.Unchanged, t.Notes = 0, nil
		t.Changes = slices.DeleteFunc(slices.Clone(t.Changes), func(c Change) bool { return c.Refused != "" })
		if len(t.Changes) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// seal computes the fingerprint, of all that would be written.
func (p *Preview) seal() error {
	p.Fingerprint = ""
	b, err := json.Marshal(struct {
		Point, Root, ID string
		Mode            Mode
		Tables          []TableChanges
	}{p.Point, p.Root, p.ID, p.Mode, p.written()})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	content := hex.EncodeToString(sum[:16])
	p.Fingerprint = content + "-"
	for _, spelling := range fold.Spellings(p.Name) {
		p.Fingerprint += nameMark(content, spelling)
	}
	return nil
}

// nameMark is a few letters that a fingerprint ends in, for a spelling of the name that confirms it.
func nameMark(content, spelling string) string {
	sum := sha256.Sum256([]byte(content + "\x00" + spelling))
	return hex.EncodeToString(sum[:4])
}

// Misnamed reports whether what somebody typed is not the name that the fingerprint's preview showed. It is false for
// a text that is no fingerprint.
func Misnamed(fingerprint, typed string) bool {
	content, marks, found := strings.Cut(fingerprint, "-")
	if !found || len(marks) != 3*8 {
		return false
	}
	for i, spelling := range fold.Spellings(typed) {
		if spelling != "" && marks[i*8:(i+1)*8] == nameMark(content, spelling) {
			return false
		}
	}
	return true
}

// inName escapes what separates the parts of a row's name.
var inName = strings.NewReplacer("%", "%25", " ", "%20", ",", "%2C")

// RowName returns a name for one row that no other row of a preview has, whatever tables, columns and values hold:
// "public.guests id 7".
func (t TableChanges) RowName(c Change) string {
	parts := make([]string, len(t.Key))
	for i, v := range keyOf(&t, c.row()) {
		value := "null"
		if v != nil {
			if value = inName.Replace(*v); value == "null" {
				value = "%6Eull"
			}
		}
		parts[i] = inName.Replace(t.Key[i]) + " " + value
	}
	return inName.Replace(t.Table) + " " + strings.Join(parts, ", ")
}

// AllRowsName returns the name that stands for every row of the table.
func (t TableChanges) AllRowsName() string { return inName.Replace(t.Table) + " *" }

// KeyText returns the row's primary key in words: "id 7" or "wedding_id 7, number 3".
func (t TableChanges) KeyText(c Change) string {
	parts := make([]string, len(t.Key))
	for i, v := range keyOf(&t, c.row()) {
		parts[i] = t.Key[i] + " null"
		if v != nil {
			parts[i] = t.Key[i] + " " + *v
		}
	}
	return strings.Join(parts, ", ")
}
