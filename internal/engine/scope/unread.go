package scope

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// The types of the platform may have changed under the same name since the recovery point: a label of an enum was
// renamed, a domain got a rule. What they do not read any more is refused row by row. Such a row stands in the
// temporary table by its keys alone, so that nothing takes its live row for one that was added since.

// mostUnread is how many rows of one table may be so. unreadBatch is how many are tried together.
const (
	mostUnread  = 10_000
	unreadBatch = 1000
)

// unreadRow is a row of the recovery point that the platform's types do not read.
type unreadRow struct {
	values []*string // of the table's columns at the point
	why    string
}

// readable reports whether the rows cannot fail to be read: all types are built in.
func (t *liveTable) readable() bool {
	return !slices.ContainsFunc(t.columns, func(c repository.Column) bool { return platform.BuiltinOID(c.Type) == 0 })
}

// copyWhatIsRead copies rows in batches. Where a batch cannot be read it tries the halves, down to single rows.
func (l *live) copyWhatIsRead(ctx context.Context, t *liveTable, part PartRows, rows io.Reader) error {
	var batch [][]byte
	flush := func() error {
		err := l.copyBatch(ctx, t, part.Part, batch)
		batch = nil
		return err
	}
	err := eachRow(rows, part.Part.Format, func(row []byte) error {
		if batch = append(batch, row); len(batch) == unreadBatch {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func (l *live) copyBatch(ctx context.Context, t *liveTable, part *repository.Table, rows [][]byte) error {
	if len(rows) == 0 {
		return nil
	}
	refused, err := newWriter(l.tx, nil).behind(ctx, func() error {
		return l.copyRows(ctx, t, part, PartRows{Part: part, Rows: rows}.copyData(), "")
	})
	if err != nil || refused == nil {
		return err
	}
	if len(rows) > 1 {
		half := len(rows) / 2
		if err := l.copyBatch(ctx, t, part, rows[:half]); err != nil {
			return err
		}
		return l.copyBatch(ctx, t, part, rows[half:])
	}
	return l.standIn(ctx, t, part, rows[0], refusal(refused))
}

// standIn puts a row that is not read into the temporary table, without the values that may be why. Where not even its
// keys are read it is lost there, and no live row can be told to be another one.
func (l *live) standIn(ctx context.Context, t *liveTable, part *repository.Table, row []byte, why string) error {
	values, err := NewReader().Values(part, row)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeDamaged, "a row of %s cannot be read: %w", t.Name, err)
	}
	if len(t.unread)+len(t.lost) >= mostUnread {
		return keepsake.Errorf(keepsake.CodeUnsupported,
			"more than %s rows of %s cannot be read by the platform's types of today, such as this one: %s. Restore the "+
				"recovery point into a database of its own instead.", keepsake.Count(mostUnread), t.Name, why)
	}
	unread := unreadRow{inOrder(part.Columns, t.Columns, values), why}
	stripped := strip(part, row, len(t.unread), func(c repository.Column) bool {
		return platform.BuiltinOID(c.Type) == 0 && !slices.Contains(t.keyed, c.Name)
	})
	refused, err := newWriter(l.tx, nil).behind(ctx, func() error {
		return l.copyRows(ctx, t, part, PartRows{Part: part, Rows: [][]byte{stripped}}.copyData(), ", ks_unread")
	})
	switch {
	case err != nil:
		return err
	case refused != nil:
		t.lost = append(t.lost, unread)
	default:
		t.unread = append(t.unread, unread)
	}
	return nil
}

// strip returns a row as COPY reads it, without the values of some columns and with a number behind the others.
func strip(part *repository.Table, row []byte, number int, without func(repository.Column) bool) []byte {
	if part.Format == repository.FormatText {
		fields := bytes.Split(bytes.TrimSuffix(row, []byte{'\n'}), []byte{'\t'})
		for i, c := range part.Columns {
			if without(c) {
				fields[i] = []byte(`\N`)
			}
		}
		return append(bytes.Join(append(fields, strconv.AppendInt(nil, int64(number), 10)), []byte{'\t'}), '\n')
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(part.Columns)+1)) //nolint:gosec // a table has 1600 at most
	row = row[2:]
	for _, c := range part.Columns {
		size := max(int32(binary.BigEndian.Uint32(row)), 0) //nolint:gosec // -1 is null
		if without(c) {
			out = append(out, 0xff, 0xff, 0xff, 0xff)
		} else {
			out = append(out, row[:4+size]...)
		}
		row = row[4+size:]
	}
	out = binary.BigEndian.AppendUint32(out, 4)
	return binary.BigEndian.AppendUint32(out, uint32(number)) //nolint:gosec // mostUnread bounds it
}

// eachRow calls fn with every row of what COPY would read. The rows are fn's to keep.
func eachRow(from io.Reader, format string, fn func(row []byte) error) error {
	if format == repository.FormatBinary {
		if _, err := io.CopyN(io.Discard, from, int64(len(binaryHeader))); err != nil {
			return err
		}
	}
	var rest []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		rest = append(rest, buf[:n]...)
		for len(rest) > 0 {
			if format == repository.FormatBinary && len(rest) >= 2 && rest[0] == 0xff && rest[1] == 0xff {
				return nil // the trailer
			}
			row, after, short := repository.NextRow(rest, format)
			if errors.Is(short, repository.ErrShortRow) {
				break
			}
			if short != nil {
				return short
			}
			if err := fn(bytes.Clone(row)); err != nil {
				return err
			}
			rest = after
		}
		switch {
		case errors.Is(err, io.EOF) && len(rest) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return repository.ErrShortRow
		case err != nil:
			return err
		}
	}
}

// refuseUnread names the rows that are not read, and refuses those that are lost.
func (t *liveTable) refuseUnread(c *TableChanges) {
	all := slices.Concat(t.unread, t.lost)
	if len(all) > 0 { // they were read in any order
		first := slices.MinFunc(all, func(a, b unreadRow) int { return strings.Compare(a.why, b.why) })
		c.Notes = append(c.Notes, fmt.Sprintf("%s of the recovery point's rows cannot be read by the platform's types of "+
			"today, such as: %s", keepsake.Count(int64(len(all))), first.why))
	}
	slices.SortFunc(t.lost, func(a, b unreadRow) int { return strings.Compare(rowText(a.values), rowText(b.values)) })
	for _, row := range t.lost {
		c.Changes = append(c.Changes, Change{Op: Insert, After: inOrder(t.Columns, t.columns, row.values), Refused: row.why})
	}
}

// keepLost refuses every deletion where a row of the point is lost: a live row may be that one, or hang below it.
func (l *live) keepLost(all []TableChanges) {
	if !slices.ContainsFunc(l.tables, func(t *liveTable) bool { return len(t.lost) > 0 }) {
		return
	}
	for i := range all {
		for j := range all[i].Changes {
			if c := &all[i].Changes[j]; c.Op == Delete {
				c.Refused = "rows of the recovery point cannot be read, and this may be one of them or belong to one"
			}
		}
	}
}
