package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Schema returns the statements that make a recovery point's schema, or those of single entries of it. It shows them
// as they are, and they may hold passwords. Rows are not in them.
func (by *Restorer) Schema(ctx context.Context, point, provider string, numbers []int) (string, error) {
	tools, err := pgtool.Find(ctx, by.PGBin)
	if err != nil {
		return "", err
	}
	repo, from, err := by.Replicas.OpenFor(ctx, provider)
	if err != nil {
		return "", err
	}
	m, list, _, err := by.Replicas.Resolve(ctx, repo, from, point)
	if err != nil {
		return "", err
	}
	track := report.NewTracker(report.Discard, by.Now)
	defer track.Close()
	archive, err := pgtool.NewArchive()
	if err != nil {
		return "", err
	}
	defer func() { _ = archive.Close() }()
	if err := replicas.NewSource(repo, from, m.ID, track).Copy(ctx, archive, m.Schema); err != nil {
		return "", fmt.Errorf("the schema: %w", err)
	}
	entries, err := tools.List(ctx, archive, append(slices.Clone(m.Roles), "pg_database_owner"))
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid,
			"the installed pg_restore, version %d, cannot read the schema: install the newest postgresql-client: %w",
			tools.Major, err)
	}
	if len(numbers) > 0 {
		for _, n := range numbers {
			if !slices.ContainsFunc(entries, func(e pgtool.Entry) bool { return e.ID() == n }) {
				return "", keepsake.Errorf(keepsake.CodeNotFound, "the schema of recovery point %s has no entry %d", m.ID, n)
			}
		}
		entries = some(entries, func(e pgtool.Entry) bool { return slices.Contains(numbers, e.ID()) })
	}
	scripts, err := tools.Script(ctx, archive, entries)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, words := range list.Warnings() {
		b.WriteString("-- " + strings.Join(strings.Fields(words), " ") + "\n\n")
	}
	for _, s := range scripts {
		for _, q := range s.Statements {
			b.WriteString(q + ";\n\n")
		}
	}
	return b.String(), nil
}
