package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// MarkSchema is the schema that says, while it is there, that the database is unfinished.
const MarkSchema = "keepsake_restore"

// Prover seals and opens what a mark says, with the repository's key, so that nobody else's schema of that name makes a restore
// clear a database.
type Prover interface {
	Prove(about, point string) ([]byte, error)
	// Point returns what was sealed about it; an error where it was not, or by another key.
	Point(about string, proof []byte) (string, error)
}

// about names the database that a mark is in: copied elsewhere it proves nothing.
func (t *Target) about() string { return t.identity.system + "/" + t.identity.oid }

// mark writes, in one transaction, what tells a later run that this database is unfinished and what was there before.
func (t *Target) mark(ctx context.Context) error {
	own, err := identify(ctx, t.conn)
	if err != nil {
		return fmt.Errorf("ask the target who it is: %w", err)
	}
	t.identity = own
	proof, err := t.options.Prover.Prove(t.about(), t.options.Point)
	if err != nil {
		return fmt.Errorf("seal the mark of an unfinished restore: %w", err)
	}
	tx, err := t.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, q := range []string{
		"create schema keepsake_restore",
		"create table keepsake_restore.run (id uuid not null, point text not null, started_at timestamptz not null, state text not null, proof bytea not null)",
		"create table keepsake_restore.before (kind text not null, name text not null)",
		"create table keepsake_restore.managed (table_schema text not null, table_name text not null)", // tables of managed schemas that got rows
		"comment on schema keepsake_restore is 'A restore by Keepsake is not finished: this database is incomplete. Run the restore again.'",
		"insert into keepsake_restore.before " + globals,
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return fmt.Errorf("mark the target as unfinished: %w", err)
		}
	}
	if _, err = tx.Exec(ctx, "insert into keepsake_restore.run values (gen_random_uuid(), $1, now(), 'running', $2)", t.options.Point, proof); err != nil {
		return fmt.Errorf("mark the target as unfinished: %w", err)
	}
	return tx.Commit(ctx)
}

// MarkedPoint returns the recovery point of the unfinished restore that the database holds; "" for a database without a mark. A
// mark that no restore of this repository has made here proves nothing: the database is refused.
func (t *Target) MarkedPoint(ctx context.Context) (string, error) {
	if !t.marked {
		return "", nil
	}
	var proof []byte
	err := t.conn.QueryRow(ctx, "select proof from keepsake_restore.run").Scan(&proof)
	if state(err) == "" && err != nil && ctx.Err() != nil {
		return "", err
	}
	point := ""
	if err == nil {
		point, err = t.options.Prover.Point(t.about(), proof)
	}
	if err != nil {
		found, lookErr := t.content(ctx, 4)
		if lookErr != nil {
			return "", lookErr
		}
		holds := "nothing else"
		if len(found) > 0 {
			holds = strings.Join(found, ", ")
		}
		return "", refused(t.Name, "it has a schema keepsake_restore that no restore from this repository made in it, and holds "+holds+"; drop it if nobody needs it")
	}
	return point, nil
}

// JudgeMark refuses to clear a database in which somebody has made something since the restore that did not finish. expected
// are the things which that restore may have made, as content names them.
func (t *Target) JudgeMark(ctx context.Context, expected map[string]bool) error {
	found, err := t.content(ctx, 0)
	if err != nil {
		return err
	}
	before, err := t.before(ctx)
	if err != nil {
		return fmt.Errorf("read the mark: %w", err)
	}
	for _, g := range before {
		expected[strings.ToLower(g.Kind)+" "+g.Name] = true
	}
	strange := slices.DeleteFunc(found, func(f string) bool {
		kind, _, _ := strings.Cut(f, " ")
		// Other kinds have no rows and cannot be told by a name.
		return expected[flat(f)] || !slices.Contains([]string{"table", "sequence", "function", "type", "schema", "extension", "publication"}, kind)
	})
	if len(strange) > 0 {
		return keepsake.Errorf(keepsake.CodeConflict, "the database %q holds an unfinished restore and, made since by somebody else, %s: it is not cleared, nothing was written; save what is needed and drop the database, or restore into a new one",
			t.Name, strings.Join(strange[:min(len(strange), 4)], ", "))
	}
	return nil
}

// flat is a name as pg_restore's list writes it.
func flat(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }
