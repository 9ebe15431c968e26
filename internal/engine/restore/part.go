package restore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// chooseScope takes the rows of one wedding or organization, and the shared rows that they point at. They are in
// memory, bounded by scope.MaxBytes; each table gets them as if it had never held more, so that they are proven like
// any others.
func (r *restore) chooseScope(ctx context.Context) error {
	root, id, err := scope.Root(r.DataMap, r.in.Scope)
	if err != nil {
		return err
	}
	plan, err := scope.FromManifest(r.manifest, r.DataMap, root.Table)
	if err != nil {
		return err
	}
	rows, err := scope.Read(ctx, plan, r.manifest, r.source, id)
	if err != nil {
		return err
	}
	for _, parts := range rows.Tables {
		for _, part := range parts {
			r.tables = append(r.tables, newKeptLoad(part))
			r.tierLeft[part.Part.Tier]++
		}
	}
	for _, t := range slices.Concat(plan.Of(scope.Owned), plan.Of(scope.Shared)) {
		if why := rows.Note(t.Name); why != "" {
			r.notCarried(keepsake.NotCarried{Kind: "table rows", Name: t.Name, Reason: why})
		}
	}
	r.notCarried(keepsake.NotCarried{
		Kind:   "table rows",
		Name:   fmt.Sprintf("%d tables", len(r.manifest.Tables)-len(r.tables)),
		Reason: "they hold nothing of " + r.in.Scope.Words("") + ", which the restore is limited to",
	})
	return nil
}

// newKeptLoad is a table of which only some rows are restored.
func newKeptLoad(part scope.PartRows) *tableLoad {
	t := *part.Part
	t.Ranges, t.Rows, t.Hash = repository.List{}, int64(len(part.Rows)), repository.RowHash{}
	l := &tableLoad{Table: &t, kept: part.Rows}
	for _, row := range part.Rows {
		t.Hash.Add(row)
		l.bytes += int64(len(row))
	}
	return l
}

// keptRows is what COPY reads of rows in memory.
func keptRows(t *tableLoad) io.Reader {
	rows := bytes.NewReader(bytes.Join(t.kept, nil))
	if t.Format != repository.FormatBinary {
		return rows
	}
	return io.MultiReader(bytes.NewReader(replicas.BinaryHeader), rows, bytes.NewReader(replicas.BinaryTrailer))
}
