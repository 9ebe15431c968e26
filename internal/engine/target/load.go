package target

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// Loader writes tables with one session and reads them back with another. One goroutine uses it.
type Loader struct {
	options Options
	path    string // the session's search path
	conn    *pgx.Conn
	reader  *platform.Reader
	hasher  *xxh3.Hasher
}

// NewLoader opens the two sessions.
func (t *Target) NewLoader(ctx context.Context) (*Loader, error) {
	conn, err := t.session(ctx)
	if err != nil {
		return nil, err
	}
	second, err := platform.Connect(ctx, t.options.URL)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	reader, err := platform.NewReader(ctx, second)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return &Loader{
		options: t.options,
		path:    t.computing["search_path"],
		conn:    conn,
		reader:  reader,
		hasher:  xxh3.New(),
	}, nil
}

// Close ends both sessions.
func (l *Loader) Close(ctx context.Context) {
	_ = l.reader.Close()
	_ = l.conn.Close(context.WithoutCancel(ctx))
}

// Load fills a table that this restore created with the rows that src gives in COPY format. It empties the table in
// the same transaction, because PostgreSQL allows FREEZE only then. With FREEZE the rows need no later vacuum, and
// reading them back dirties no page.
func (l *Loader) Load(ctx context.Context, t *repository.Table, src io.Reader) error {
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if t.Kind == repository.KindLargeObjects {
		if err := l.loadObjects(ctx, tx, src); err != nil {
			return err
		}
		return tx.Commit(ctx)
	}
	if _, err := tx.Exec(ctx, "truncate only "+tableName(t)); err != nil {
		return fmt.Errorf("empty the new table: %w", err)
	}
	n, err := l.copyIn(ctx, t, src, ", freeze")
	if err != nil {
		return err
	}
	// The mark knows how many rows are the restore's, so that rows that somebody adds to an unfinished one are noticed.
	if _, err := tx.Exec(ctx, "insert into keepsake_restore.loaded values ($1, $2, $3)",
		t.Schema, t.Name.Name, n); err != nil {
		return fmt.Errorf("note how many rows were restored: %w", err)
	}
	return tx.Commit(ctx)
}

// LoadManaged fills a table that the hosting service made, under its constraints but without its triggers. It never
// touches a table that holds rows, and reports such a table.
func (l *Loader) LoadManaged(ctx context.Context, t *repository.Table, src io.Reader) (holds bool, err error) {
	// a role that may not has its rows checked one by one
	_, _ = l.conn.Exec(ctx, "set session_replication_role = replica")
	defer func() { _, _ = l.conn.Exec(ctx, "set session_replication_role = default") }()
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err = tx.Exec(ctx, "set local row_security = off"); err != nil { // rows that a policy hides are rows
		return false, err
	}
	err = tx.QueryRow(ctx, "select exists (select from only "+tableName(t)+")").Scan(&holds)
	if err != nil || holds {
		return holds, err
	}
	if _, err = tx.Exec(ctx, "insert into keepsake_restore.managed values ($1, $2)", t.Schema, t.Name.Name); err != nil {
		return false, err
	}
	if _, err := l.copyIn(ctx, t, src, ""); err != nil {
		return false, err
	}
	return false, tx.Commit(ctx)
}

func (l *Loader) copyIn(ctx context.Context, t *repository.Table, src io.Reader, extra string) (rows int64, err error) {
	tag, err := l.conn.PgConn().CopyFrom(ctx, src, "copy "+tableName(t)+columns(t)+" from stdin ("+l.format(t)+extra+")")
	return tag.RowsAffected(), err
}

func tableName(t *repository.Table) string { return pgx.Identifier{t.Schema, t.Name.Name}.Sanitize() }

func columns(t *repository.Table) string {
	if len(t.Columns) == 0 {
		return ""
	}
	return " (" + columnList(t) + ")"
}

func columnList(t *repository.Table) string {
	quoted := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		quoted[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

func (l *Loader) format(t *repository.Table) string {
	if t.Format == repository.FormatBinary {
		return "format binary"
	}
	return "format text, encoding " + quote(l.options.Source.Encoding)
}

// partBytes is about how much of a table one reading-back takes: enough to hide its start, and little enough that the
// last ones keep every session busy to the end.
const partBytes = 48 << 20

// Parts cuts a table into page ranges that can be read back at once. bytes is how many bytes were loaded into it.
func (l *Loader) Parts(ctx context.Context, t *repository.Table, bytes int64) ([]platform.PageRange, error) {
	n := bytes / partBytes
	if n <= 1 || t.Kind == repository.KindLargeObjects {
		return []platform.PageRange{{}}, nil
	}
	var pages int64
	err := l.conn.QueryRow(ctx, `
		select case when exists (select from pg_class c join pg_am a on a.oid = c.relam
		                         where c.oid = $1::text::regclass and a.amname <> 'heap') then 0 -- all of it at once
		       else pg_relation_size($1::text::regclass) / current_setting('block_size')::int8 end`,
		tableName(t)).Scan(&pages)
	if err != nil {
		return nil, fmt.Errorf("ask for the table's size: %w", err)
	}
	return platform.PageRanges(pages, uint32(max(1, (pages+n-1)/n))), nil
}

// ReadBack counts and hashes the rows that are on the given pages now, in the format that the table's chunks have.
func (l *Loader) ReadBack(ctx context.Context, t *repository.Table, part platform.PageRange) (rows int64,
	hash repository.RowHash, err error) {
	what := tableName(t) + columns(t)
	switch {
	case t.Kind == repository.KindLargeObjects:
		what = readObjects
	case part != platform.PageRange{}:
		what = fmt.Sprintf("(select %s from only %s where ctid >= '(%d,0)'", columnList(t), tableName(t), part.From)
		if part.To != 0 {
			what += fmt.Sprintf(" and ctid < '(%d,0)'", part.To)
		}
		what += ")"
	}
	_, err = l.reader.CopyOut(ctx, "copy "+what+" to stdout ("+l.format(t)+")", t.Format == repository.FormatBinary,
		func(piece []byte, begin, end bool) error {
			if begin {
				rows++
				l.hasher.Reset()
			}
			if begin && end {
				hash.Add(piece)
				return nil
			}
			_, _ = l.hasher.Write(piece)
			if end {
				sum := l.hasher.Sum128()
				hash.AddHash(repository.RowHash{Hi: sum.Hi, Lo: sum.Lo})
			}
			return nil
		})
	return rows, hash, err
}

// Analyze gives the planner whole statistics of a table.
func (l *Loader) Analyze(ctx context.Context, n repository.Name) error {
	_, err := l.conn.Exec(ctx, "analyze "+pgx.Identifier{n.Schema, n.Name}.Sanitize())
	return err
}

// Sketch gives the planner statistics of a tenth of the usual sample, which is enough for sane plans at once. It
// names columns, so that the server still counts the table as never analyzed and its autovacuum soon makes whole
// statistics.
func (l *Loader) Sketch(ctx context.Context, n repository.Name, columns []repository.Column) error {
	if len(columns) == 0 {
		return nil
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	_, err := l.conn.Exec(ctx, "set default_statistics_target = 10; analyze "+pgx.Identifier{n.Schema, n.Name}.Sanitize()+
		" ("+strings.Join(names, ", ")+"); reset default_statistics_target")
	return err
}

// Refresh fills a materialized view.
func (l *Loader) Refresh(ctx context.Context, v repository.Name) error {
	_, err := l.conn.Exec(ctx, "refresh materialized view "+pgx.Identifier{v.Schema, v.Name}.Sanitize())
	return err
}
