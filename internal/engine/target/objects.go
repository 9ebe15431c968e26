package target

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// objectsPerStatement bounds the locks that one statement takes.
const objectsPerStatement = 500

// CreateObjects makes every large object, empty.
func (t *Target) CreateObjects(ctx context.Context, objects []repository.LargeObject) error {
	for batch := range slices.Chunk(objects, objectsPerStatement) {
		oids := make([]int64, len(batch))
		for i, o := range batch {
			oids[i] = int64(o.OID)
		}
		if _, err := t.conn.Exec(ctx, "select lo_create(o::oid) from unnest($1::int8[]) as o", oids); err != nil {
			return fmt.Errorf("create large objects: %w", err)
		}
	}
	return nil
}

// pagesOf is where the rows of pg_largeobject wait.
// It stands in the mark's schema, which nobody else reads and Finish drops.
const pagesOf = "keepsake_restore.pages"

// pageSize is how many bytes one page of a large object holds (LOBLKSIZE).
const pageSize = "(current_setting('block_size')::int8 / 4)"

// readObjects reads large objects back, page by page. lo_get needs no right on pg_largeobject, which only a superuser
// has; of the last page more is asked for than was written, so that an object which is too long shows as well.
const readObjects = "(select loid, pageno, lo_get(loid, pageno * " + pageSize + ", case when pageno = last then " +
	pageSize + "::int else length(data) end)" +
	" from (select *, max(pageno) over (partition by loid) as last from " + pagesOf + ") p)"

// loadObjects turns the rows of pg_largeobject into large objects.
func (l *Loader) loadObjects(ctx context.Context, tx pgx.Tx, src io.Reader) error {
	if _, err := tx.Exec(ctx, "create table "+pagesOf+" (loid oid, pageno int4, data bytea)"); err != nil {
		return err
	}
	if _, err := l.conn.PgConn().CopyFrom(ctx, src, "copy "+pagesOf+" from stdin (format binary)"); err != nil {
		return err
	}
	for _, q := range []string{
		// An object that was cut off at a page's end has an empty page there, which only cutting it off makes again.
		"select lo_truncate64(lo_open(loid, x'20000'::int), pageno * " + pageSize + ") from (select * from " + pagesOf +
			" where length(data) = 0 order by loid, pageno) p",
		"select lo_put(loid, pageno * " + pageSize + ", data) from (select * from " + pagesOf +
			" where length(data) > 0 order by loid, pageno) p",
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return fmt.Errorf("write large objects: %w", err)
		}
	}
	return nil
}

// GrantObjects gives large objects their owners, comments and grants. It returns what the target refuses.
func (t *Target) GrantObjects(ctx context.Context, objects []repository.LargeObject) ([]keepsake.Exception, error) {
	var lost []keepsake.Exception
	for _, o := range objects {
		for _, s := range objectStatements(o) {
			err := t.Run(ctx, s)
			if err != nil && AboutServer(ctx, err) {
				return lost, fmt.Errorf("large object %d: %w", o.OID, err)
			}
			if err != nil {
				kind := strings.ToLower(strings.Fields(s)[0])
				if kind == "alter" {
					kind = "owner"
				}
				lost = append(lost, Failure{
					Kind:   kind,
					Object: fmt.Sprintf("large object %d", o.OID),
					SQL:    s,
					Err:    err,
				}.Exception())
			}
		}
	}
	return lost, nil
}

func objectStatements(o repository.LargeObject) []string {
	statements := []string{fmt.Sprintf("ALTER LARGE OBJECT %d OWNER TO %s", o.OID, pgx.Identifier{o.Owner}.Sanitize())}
	if o.Comment != "" {
		statements = append(statements, fmt.Sprintf("COMMENT ON LARGE OBJECT %d IS %s", o.OID, quote(o.Comment)))
	}
	for _, item := range splitACL(o.ACL) {
		if item.grantee == o.Owner {
			continue
		}
		to := "PUBLIC"
		if item.grantee != "" {
			to = pgx.Identifier{item.grantee}.Sanitize()
		}
		for letter, right := range map[string]string{"r": "SELECT", "w": "UPDATE"} {
			_, after, has := strings.Cut(item.rights, letter)
			if !has {
				continue
			}
			s := fmt.Sprintf("GRANT %s ON LARGE OBJECT %d TO %s", right, o.OID, to)
			if strings.HasPrefix(after, "*") {
				s += " WITH GRANT OPTION"
			}
			statements = append(statements, s)
		}
	}
	return statements
}

type aclItem struct{ grantee, rights, grantor string }

// splitACL reads an aclitem array as PostgreSQL prints it: {owner=rw/owner,"\"odd, role\"=r/owner",=r/owner}.
func splitACL(acl string) []aclItem {
	var items []aclItem
	var b strings.Builder
	inQuotes := false
	text := strings.TrimSuffix(strings.TrimPrefix(acl, "{"), "}")
	flush := func() {
		if name, rest, ok := cutGrantee(b.String()); ok {
			rights, grantor, _ := strings.Cut(rest, "/")
			if quoted, is := strings.CutPrefix(grantor, `"`); is {
				grantor = strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
			}
			items = append(items, aclItem{name, rights, grantor})
		}
		b.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && inQuotes && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c == '"':
			inQuotes = !inQuotes
		case c == ',' && !inQuotes:
			flush()
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return items
}

// cutGrantee splits an item at the = after the role's name, which is in double quotes when it is not a plain word.
func cutGrantee(item string) (name, rest string, ok bool) {
	if !strings.HasPrefix(item, `"`) {
		return strings.Cut(item, "=")
	}
	for i := 1; i < len(item); i++ {
		if item[i] != '"' {
			continue
		}
		if i+1 < len(item) && item[i+1] == '"' {
			i++
			continue
		}
		rest, ok = strings.CutPrefix(item[i+1:], "=")
		return strings.ReplaceAll(item[1:i], `""`, `"`), rest, ok
	}
	return "", "", false
}

// SetSequences gives all sequences their values in one statement, or where that fails in one statement each. It
// returns what the target refuses.
func (t *Target) SetSequences(ctx context.Context, sequences []repository.Sequence) ([]keepsake.Exception, error) {
	if len(sequences) == 0 {
		return nil, nil
	}
	err := t.setSequences(ctx, sequences)
	if err == nil || AboutServer(ctx, err) {
		return nil, err
	}
	var lost []keepsake.Exception
	for _, s := range sequences {
		if err := t.setSequences(ctx, []repository.Sequence{s}); err != nil {
			if AboutServer(ctx, err) {
				return lost, err
			}
			lost = append(lost, Failure{
				Kind:   "sequence value",
				Object: keepsake.TableName(s.Schema, s.Name.Name),
				Err:    err,
			}.Exception())
		}
	}
	return lost, nil
}

func (t *Target) setSequences(ctx context.Context, sequences []repository.Sequence) error {
	names, last, called := make([]string, len(sequences)), make([]int64, len(sequences)), make([]bool, len(sequences))
	for i, s := range sequences {
		names[i], last[i], called[i] = pgx.Identifier{s.Schema, s.Name.Name}.Sanitize(), s.Last, s.Called
	}
	_, err := t.conn.Exec(ctx, "select setval(s.name::regclass, s.last, s.called) from unnest($1::text[], $2::int8[], "+
		"$3::bool[]) as s(name, last, called)",
		names, last, called)
	return err
}
