package scope

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestRowNamesAreOfOneRow draws tables, columns and values of which people and attackers would make the same text.
func TestRowNamesAreOfOneRow(t *testing.T) {
	t.Parallel()
	text := func(c []string) *string { return &c[0] }
	odd := rapid.StringOfN(rapid.SampledFrom([]rune("ab ,%*2005C")), 1, 6, -1)
	rapid.Check(t, func(rt *rapid.T) {
		seen := map[string]string{}
		for range 40 {
			n := rapid.IntRange(1, 2).Draw(rt, "columns")
			table := TableChanges{Table: odd.Draw(rt, "table"), Key: rapid.SliceOfNDistinct(odd, n, n, rapid.ID[string]).Draw(rt,
				"key")}
			change := Change{Op: Insert}
			is := []string{table.Table}
			for _, name := range table.Key {
				table.Columns = append(table.Columns, repository.Column{Name: name})
				value := rapid.OneOf(odd, rapid.Just("null"), rapid.Just("")).Draw(rt, "value")
				is = append(is, name, value)
				change.After = append(change.After, text([]string{value}))
			}
			if rapid.Bool().Draw(rt, "null") {
				change.After[0], is[2] = nil, "\x00"
			}
			for name, what := range map[string][]string{table.RowName(change): is, table.AllRowsName(): {table.Table}} {
				key := strings.Join(slices.Clone(what), "\x01")
				if other, there := seen[name]; there && other != key {
					rt.Fatalf("%q names both %q and %q", name, other, key)
				}
				seen[name] = key
			}
		}
	})
	seven, three := "7", "3"
	plain := TableChanges{
		Table:   "public.seats",
		Key:     []string{"wedding_id", "number"},
		Columns: []repository.Column{{Name: "wedding_id"}, {Name: "number"}},
	}
	if got := plain.RowName(Change{After: []*string{&seven, &three}}); got != "public.seats wedding_id 7, number 3" ||
		plain.AllRowsName() != "public.seats *" {
		t.Errorf("ordinary names are %q and %q", got, plain.AllRowsName())
	}
}
