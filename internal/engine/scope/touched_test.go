package scope

import (
	"maps"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestTouchedWeddingsAreThoseOfTheRowsThatStay: a wedding whose every row is left out is not touched.
func TestTouchedWeddingsAreThoseOfTheRowsThatStay(t *testing.T) {
	t.Parallel()
	row := func(id, wedding string) Change { return Change{Op: Insert, After: []*string{&id, &wedding}} }
	refused := row("5", "b")
	refused.Refused = "another row has the same email"
	p := &Preview{Tables: []TableChanges{
		{
			Table:   "public.guests",
			Key:     []string{"id"},
			Columns: []repository.Column{{Name: "id"}, {Name: "wedding_id"}},
			Changes: []Change{row("1", "a"), row("2", "a"), row("3", "b"),
				{Op: Delete, Before: []*string{new(string), nil}}, refused},
		},
		{
			Table:   "public.suppliers",
			Key:     []string{"id"},
			Columns: []repository.Column{{Name: "id"}, {Name: "name"}},
			Changes: []Change{row("1", "a")},
		},
	}}
	p.weddings(
		&Plan{
			Points: []Edge{{ForeignKey: repository.ForeignKey{
				Child:   "public.guests",
				Parent:  "public.weddings",
				Columns: []string{"wedding_id"},
			}}}}, "public.weddings")
	for name, c := range map[string]struct{ left, want map[string]int64 }{
		"all":       {nil, map[string]int64{"a": 2, "b": 1}},
		"a row":     {map[string]int64{"public.guests id 1": 1}, map[string]int64{"a": 1, "b": 1}},
		"a wedding": {map[string]int64{"public.guests id 3": 1}, map[string]int64{"a": 2}},
		"what is none": {map[string]int64{"public.suppliers id 1": 1, "public.guests id 5": 1},
			map[string]int64{"a": 2, "b": 1}},
	} {
		got := p.Touched(func(t TableChanges, row Change) bool { return c.left[t.RowName(row)] > 0 })
		if !maps.Equal(got, c.want) {
			t.Errorf("%s is left out: %v, want %v", name, got, c.want)
		}
	}
}
