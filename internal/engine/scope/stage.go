package scope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// stage makes the two temporary tables and copies the point's rows in.
func (l *live) stage(ctx context.Context, t *liveTable, parts []PartRows) error {
	var defs []string
	for _, c := range t.Columns {
		typ := c.Type
		if !slices.Contains(t.columns, c) && !slices.Contains(t.keyed, c.Name) { // it takes no part: its type may be gone
			typ = t.loose()
		} else if now := t.shape.of(c.Name); now.collation != "" && t.has([]string{c.Name}) { // and with it what is equal
			typ += " collate " + now.collation
		}
		defs = append(defs, quote(c.Name)+" "+typ)
	}
	defs = append(defs, "ks_away boolean not null default false", "ks_unread int")
	create := fmt.Sprintf("create temp table ks_p_%d (%s) on commit drop", t.n, strings.Join(defs, ", "))
	if _, err := l.tx.Exec(ctx, create); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == pgerrcode.InsufficientPrivilege {
			return keepsake.Errorf(keepsake.CodeForbidden,
				"the platform's role may not make temporary tables, which comparing needs: grant temporary on database … to it: %w",
				err)
		}
		return err
	}
	for _, part := range parts {
		if err := l.copyIn(ctx, t, part); err != nil {
			return err
		}
	}
	if t.gone {
		return nil
	}
	if l.plan.Wide {
		// whole tables are joined: the planner must know how large they are
		if _, err := l.tx.Exec(ctx, "analyze "+t.point()); err != nil {
			return err
		}
		return l.all(ctx, t)
	}
	columns := list("t.", t.names())
	if columns != "" {
		columns = ", " + columns
	}
	_, err := l.tx.Exec(ctx, fmt.Sprintf("create temp table ks_l_%d on commit drop as select t.tableoid as ks_tableoid, "+
		"t.ctid as ks_ctid, false as ks_away%s from %s t where false",
		t.n, columns, t.shape.rows()))
	return err
}

// loose is a type that takes whatever COPY brings, where nobody reads it.
func (t *liveTable) loose() string {
	if slices.ContainsFunc(t.parts, func(p *repository.Table) bool { return p.Format == repository.FormatBinary }) {
		return "bytea"
	}
	return "text"
}

func (l *live) copyIn(ctx context.Context, t *liveTable, part PartRows) error {
	all := func() error {
		rows := l.rowsOf(ctx, part)
		defer func() { _ = rows.Close() }()
		return l.copyRows(ctx, t, part.Part, rows, "")
	}
	if t.readable() {
		return all()
	}
	refused, err := newWriter(l.tx, nil).behind(ctx, all)
	if err != nil || refused == nil {
		return err
	}
	rows := l.rowsOf(ctx, part)
	defer func() { _ = rows.Close() }()
	return l.copyWhatIsRead(ctx, t, part, rows)
}

// rowsOf is what COPY reads of a part's rows.
func (l *live) rowsOf(ctx context.Context, part PartRows) io.ReadCloser {
	if l.stream != nil {
		return l.stream(ctx, part.Part)
	}
	return io.NopCloser(part.copyData())
}

// copyRows copies rows in. more names further columns that they have.
func (l *live) copyRows(ctx context.Context, t *liveTable, part *repository.Table, from io.Reader, more string) error {
	names := make([]string, len(part.Columns))
	for i, c := range part.Columns {
		names[i] = c.Name
	}
	format := "text, encoding '" + l.encoding + "'"
	if part.Format == repository.FormatBinary {
		format = "binary"
	}
	rows := &failing{Reader: from}
	_, err := l.tx.Conn().PgConn().CopyFrom(ctx, rows, fmt.Sprintf("copy %s (%s%s) from stdin (format %s)", t.point(),
		list("", names), more, format))
	if rows.err != nil {
		return rows.err
	}
	return err
}

// failing remembers why reading failed: PostgreSQL only repeats it as text.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// binaryHeader begins what COPY reads in its binary format (PostgreSQL, COPY).
const binaryHeader = "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000"

// copyData is what COPY reads of rows in memory.
func (p PartRows) copyData() io.Reader {
	var b bytes.Buffer
	if p.Part.Format == repository.FormatBinary {
		b.WriteString(binaryHeader)
	}
	for _, row := range p.Rows {
		b.Write(row)
	}
	if p.Part.Format == repository.FormatBinary {
		b.Write([]byte{0xff, 0xff})
	}
	return &b
}
