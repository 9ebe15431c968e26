package platform

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// PageRange is the heap pages From ≤ page < To of one table. A To of 0 means that the range is open-ended.
type PageRange struct{ From, To uint32 }

// Page ranges aim at an amount of data, heap and TOAST together, that grows with the table: small tables are cut
// finely, so that one changed row uploads little; large ones coarsely, so that their objects stay few.
const (
	minRangeBytes = 2 << 20
	maxRangeBytes = 8 << 20
	wantRanges    = 256 // per table, until ranges reach maxRangeBytes
)

// RangePages returns how many pages of the table make one range. It is a power of two, so that a growing table keeps
// its boundaries until it has doubled several times. previous is the choice of the last snapshot. RangePages keeps it
// while it is within a factor of four, because new boundaries upload a table again.
func (r Relation) RangePages(blockSize int64, previous uint32) uint32 {
	perPage := max(blockSize, r.Bytes/max(1, r.Pages)) // TOAST included
	want := min(max(r.Bytes/wantRanges, minRangeBytes), maxRangeBytes)
	pages := uint32(1)
	for int64(pages)*3/2*perPage < want { // to the nearest power of two: pages are never exactly a block
		pages *= 2
	}
	if previous != 0 && previous <= pages*4 && pages <= previous*4 {
		return previous
	}
	return pages
}

// PageRanges cuts a table of the given number of pages into ranges. There is always at least one range, and the last
// is open-ended.
func PageRanges(pages int64, rangePages uint32) []PageRange {
	var ranges []PageRange
	for from := int64(0); from == 0 || from < pages; from += int64(rangePages) {
		ranges = append(ranges, PageRange{uint32(from), uint32(from + int64(rangePages))})
	}
	ranges[len(ranges)-1].To = 0
	return ranges
}

// placePrefix is what stands before a row's own columns in a statement of CopyRows: the tuple's place.
const placePrefix = "ctid"

// CopyRows returns the statement that reads the rows of a page range, each with its place before its columns. The rows
// of a table that is no heap have no places, and its only range is all of it.
func (r Relation) CopyRows(p PageRange, encoding string) string {
	var b strings.Builder
	r.columns(&b)
	r.from(&b, p)
	r.toStdout(&b, encoding)
	return b.String()
}

// TID is the place of a tuple in its table.
type TID struct {
	Block  uint32
	Offset uint16
}

// CopyPlaces returns the statement that reads the rows at some places in the same form, in the order of the places.
func (r Relation) CopyPlaces(places []TID, encoding string) string {
	var b strings.Builder
	r.columns(&b)
	fmt.Fprintf(&b, " from only %s where ctid = any('{", pgx.Identifier{r.Schema, r.Name}.Sanitize())
	for i, p := range places {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"(%d,%d)"`, p.Block, p.Offset)
	}
	b.WriteString("}'::tid[])")
	r.toStdout(&b, encoding)
	return b.String()
}

func (r Relation) columns(b *strings.Builder) {
	b.WriteString("copy (select ")
	if r.Access == "" {
		b.WriteString(placePrefix)
	} else {
		b.WriteString("'(0,0)'::tid")
	}
	for _, c := range r.Columns {
		b.WriteString(", " + pgx.Identifier{c.Name}.Sanitize())
	}
}

func (r Relation) toStdout(b *strings.Builder, encoding string) {
	if r.Format == repository.FormatBinary {
		b.WriteString(") to stdout (format binary)")
	} else {
		fmt.Fprintf(b, ") to stdout (format text, encoding '%s')", encoding)
	}
}

// young says of a tuple that the transaction of the given id, or a later one, wrote it. Ids have 32 bits and go round:
// a tuple that is as old as two thousand million transactions has a negative age. One that is as old as a whole turn
// may seem young. No tuple seems older than it is while the given transaction is far less old than half a turn.
const young = "age(xmin) <= (select age from mark) and age(xmin) >= 0"

// CountTuples is the statement that says of each page range, in binary: its index in the list, how many tuples it has,
// and how many of them are young. It sends nothing for a tuple.
func (r Relation) CountTuples(ranges []PageRange, transaction uint64) string {
	return r.eachRange(ranges, transaction, "count(*), count(*) filter (where "+young+")")
}

// ListTuples is the statement that says of each page range, in binary: its index in the list, the places of its tuples,
// and those of the young ones among them, each in their order.
func (r Relation) ListTuples(ranges []PageRange, transaction uint64) string {
	return r.eachRange(ranges, transaction, "string_agg(tidsend(ctid), ''), string_agg(tidsend(ctid), '') filter (where "+
		young+")")
}

// eachRange asks the same of several ranges in one statement.
func (r Relation) eachRange(ranges []PageRange, transaction uint64, what string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "copy (with mark as materialized (select age('%d'::xid) as age) ", uint32(transaction))
	for i, p := range ranges {
		if i > 0 {
			b.WriteString(" union all ")
		}
		fmt.Fprintf(&b, "select %d, %s", i, what)
		r.from(&b, p)
	}
	b.WriteString(") to stdout (format binary)")
	return b.String()
}

func (r Relation) from(b *strings.Builder, p PageRange) {
	fmt.Fprintf(b, " from only %s", pgx.Identifier{r.Schema, r.Name}.Sanitize())
	if r.Access != "" { // it has one range
		return
	}
	fmt.Fprintf(b, " where ctid >= '(%d,0)'", p.From)
	if p.To != 0 {
		fmt.Fprintf(b, " and ctid < '(%d,0)'", p.To)
	}
}
