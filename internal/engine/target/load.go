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
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Loader writes tables with one session and reads them back with another. It is used by one goroutine.
type Loader struct {
	conn   *pgx.Conn
	reader *platform.Reader
}

// NewLoader opens the two sessions.
func (t *Target) NewLoader(ctx context.Context) (*Loader, error) {
	conn, err := platform.ConnectWith(ctx, t.URL, settings())
	if err != nil {
		return nil, err
	}
	second, err := platform.Connect(ctx, t.URL)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	reader, err := platform.NewReader(second)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return &Loader{conn: conn, reader: reader}, nil
}

// Close ends both sessions.
func (l *Loader) Close(ctx context.Context) {
	_ = l.reader.Close()
	_ = l.conn.Close(context.WithoutCancel(ctx))
}

// Load fills a table with the rows that src delivers in COPY format. Emptying the table first, in the same transaction, is
// what allows FREEZE: the rows need no later vacuum and reading them back dirties no page.
func (l *Loader) Load(ctx context.Context, t *repository.Table, encoding string, src io.Reader) (int64, error) {
	name := pgx.Identifier{t.Schema, t.Name.Name}.Sanitize()
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if t.Kind == repository.KindLargeObjects {
		return l.loadObjects(ctx, tx, src)
	}
	if _, err := tx.Exec(ctx, "truncate only "+name); err != nil {
		return 0, fmt.Errorf("empty the new table: %w", err)
	}
	tag, err := l.conn.PgConn().CopyFrom(ctx, src, "copy "+name+columns(t)+" from stdin ("+options(t, encoding)+", freeze)")
	if err != nil {
		return 0, err
	}
	return tag.RowsAffected(), tx.Commit(ctx)
}

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

func options(t *repository.Table, encoding string) string {
	if t.Format == repository.FormatBinary {
		return "format binary"
	}
	return "format text, encoding " + quote(encoding)
}

// loadObjects turns the rows of pg_largeobject into large objects. The pages go through a temporary table, so that one
// statement writes them all.
func (l *Loader) loadObjects(ctx context.Context, tx pgx.Tx, src io.Reader) (int64, error) {
	if _, err := tx.Exec(ctx, "create temporary table keepsake_pages (loid oid, pageno int, data bytea) on commit drop"); err != nil {
		return 0, err
	}
	tag, err := l.conn.PgConn().CopyFrom(ctx, src, "copy keepsake_pages from stdin (format binary)")
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `select lo_put(loid, pageno::int8 * current_setting('block_size')::int8 / 4, data) from keepsake_pages`); err != nil {
		return 0, fmt.Errorf("write large objects: %w", err)
	}
	return tag.RowsAffected(), tx.Commit(ctx)
}

// CreateObjects makes every large object, empty, and gives it its owner, grants and comment where the roles exist.
func (t *Target) CreateObjects(ctx context.Context, objects []repository.LargeObject) ([]keepsake.NotCarried, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	oids := make([]int64, len(objects))
	for i, o := range objects {
		oids[i] = int64(o.OID)
	}
	if _, err := t.Conn.Exec(ctx, "select lo_create(o::oid) from unnest($1::int8[]) as o", oids); err != nil {
		return nil, fmt.Errorf("create large objects: %w", err)
	}
	var statements []string
	for _, o := range objects {
		statements = append(statements, fmt.Sprintf("alter large object %d owner to %s", o.OID, pgx.Identifier{o.Owner}.Sanitize()))
		if o.Comment != "" {
			statements = append(statements, fmt.Sprintf("comment on large object %d is %s", o.OID, quote(o.Comment)))
		}
	}
	left, err := t.Try(ctx, "large object owner", statements)
	if err != nil {
		return left, err
	}
	for _, o := range objects {
		grants, err := t.grants(ctx, o)
		if err != nil {
			return left, err
		}
		lost, err := t.Try(ctx, "grant", grants)
		left = append(left, lost...)
		if err != nil {
			return left, err
		}
	}
	return left, nil
}

// grants turns an object's stored ACL, such as {owner=rw/owner,reader=r/owner}, into statements.
func (t *Target) grants(_ context.Context, o repository.LargeObject) ([]string, error) {
	var statements []string
	for _, item := range strings.Split(strings.Trim(o.ACL, "{}"), ",") {
		item = strings.Trim(item, `"`)
		grantee, rest, ok := strings.Cut(item, "=")
		rights, _, _ := strings.Cut(rest, "/")
		if !ok || grantee == o.Owner {
			continue
		}
		to := "public"
		if grantee != "" {
			to = pgx.Identifier{strings.ReplaceAll(strings.Trim(grantee, `\"`), `""`, `"`)}.Sanitize()
		}
		var list []string
		if strings.Contains(rights, "r") {
			list = append(list, "select")
		}
		if strings.Contains(rights, "w") {
			list = append(list, "update")
		}
		if len(list) > 0 {
			statements = append(statements, fmt.Sprintf("grant %s on large object %d to %s", strings.Join(list, ", "), o.OID, to))
		}
	}
	return statements, nil
}

// proofPages is how many heap pages one piece of reading back covers: long enough to be efficient, short enough that an index
// build never waits long for its lock.
const proofPages = 8192

// Pieces returns the page ranges in which a table is read back.
func (l *Loader) Pieces(ctx context.Context, t *repository.Table) ([]platform.PageRange, error) {
	if t.Kind == repository.KindLargeObjects {
		return []platform.PageRange{{}}, nil
	}
	var pages int64
	err := l.conn.QueryRow(ctx, "select pg_relation_size($1::regclass) / current_setting('block_size')::int8",
		pgx.Identifier{t.Schema, t.Name.Name}.Sanitize()).Scan(&pages)
	return platform.PageRanges(pages, proofPages), err
}

// ReadBack counts and hashes the rows that a page range of the table holds now, in the format its chunks have.
func (l *Loader) ReadBack(ctx context.Context, t *repository.Table, encoding string, p platform.PageRange) (int64, repository.RowHash, error) {
	var rows int64
	var hash repository.RowHash
	h := xxh3.New()
	_, err := l.reader.CopyOut(ctx, "copy ("+selection(t, p)+") to stdout ("+options(t, encoding)+")", t.Format == repository.FormatBinary,
		func(piece []byte, begin, end bool) error {
			if begin {
				rows++
			}
			if begin && end {
				hash.Add(piece)
				return nil
			}
			if begin {
				h.Reset()
			}
			_, _ = h.Write(piece)
			if end {
				sum := h.Sum128()
				hash.AddHash(repository.RowHash{Hi: sum.Hi, Lo: sum.Lo})
			}
			return nil
		})
	return rows, hash, err
}

func selection(t *repository.Table, p platform.PageRange) string {
	q := "select " + columnList(t) + " from only " + pgx.Identifier{t.Schema, t.Name.Name}.Sanitize() + fmt.Sprintf(" where ctid >= '(%d,0)'", p.From)
	if p.To != 0 {
		q += fmt.Sprintf(" and ctid < '(%d,0)'", p.To)
	}
	return q
}

// SeesEverything reports whether row-level security can never hide rows from the connecting role: then rows may be read back
// while policies come into force.
func (t *Target) SeesEverything(ctx context.Context) (bool, error) {
	var sees bool
	err := t.Conn.QueryRow(ctx, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&sees)
	return sees, err
}

// Statement runs one statement in the loader's writing session.
func (l *Loader) Statement(ctx context.Context, q string) error {
	_, err := l.conn.Exec(ctx, q)
	return err
}

// SetSequences gives every sequence its value, in one statement.
func (t *Target) SetSequences(ctx context.Context, sequences []repository.Sequence) error {
	if len(sequences) == 0 {
		return nil
	}
	names, last, called := make([]string, len(sequences)), make([]int64, len(sequences)), make([]bool, len(sequences))
	for i, s := range sequences {
		names[i], last[i], called[i] = pgx.Identifier{s.Schema, s.Name.Name}.Sanitize(), s.Last, s.Called
	}
	_, err := t.Conn.Exec(ctx, "select setval(s.name::regclass, s.last, s.called) from unnest($1::text[], $2::int8[], $3::bool[]) as s(name, last, called)",
		names, last, called)
	if err != nil {
		return fmt.Errorf("set sequences: %w", err)
	}
	return nil
}
