package scope

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func tableIn(schema, name, root string) repository.Table {
	return repository.Table{
		Name:    repository.Name{Schema: schema, Name: name},
		Kind:    repository.KindTable,
		Root:    root,
		Key:     []string{"id"},
		Columns: []repository.Column{{Name: "id", Type: "integer"}},
	}
}

// TestReferencesOfBefore: foreign keys of a recovery point that quoted no names lead to the one table that can be
// meant, and to none by guessing.
func TestReferencesOfBefore(t *testing.T) {
	t.Parallel()
	m := &repository.Manifest{
		ID: "p",
		Tables: []repository.Table{tableIn("public", "weddings", ""),
			tableIn("a.b", "c", ""), tableIn("s", "p1", "s.parted"), tableIn("a.b", "p2", "a.b.parted")},
		Facts: repository.Facts{Keys: []repository.ForeignKey{
			{Child: "a.b.c", Columns: []string{"id"}, Parent: "public.weddings", ParentColumns: []string{"id"}},
			{Child: "s.parted", Columns: []string{"id"}, Parent: "public.weddings", ParentColumns: []string{"id"}}}},
	}
	p, err := FromManifest(m, keepsake.DefaultDataMap(), "weddings")
	if err != nil {
		t.Fatal(err)
	}
	// which table p2 is part of is not certain: it is itself
	for name, want := range map[string]Belonging{`"a.b".c`: Owned, "s.parted": Owned, `"a.b".p2`: Outside} {
		if tb := p.Table(name); tb == nil || tb.Belongs != want {
			t.Errorf("%s: %+v", name, tb)
		}
	}
	m.Tables = append(m.Tables, tableIn("a", "b.c", ""))
	if _, err := FromManifest(m, keepsake.DefaultDataMap(), "weddings"); keepsake.CodeOf(err) != keepsake.CodeUnsupported {
		t.Errorf("a name that may be two tables: %v", err)
	}
	m.Keys[0].Child = `a."b.c"`
	if p, err = FromManifest(m, keepsake.DefaultDataMap(), "weddings"); err != nil ||
		p.Table(`a."b.c"`).Belongs != Owned || p.Table(`"a.b".c`).Belongs != Outside {
		t.Errorf("a name with quotes: %v", err)
	}
}

// TestUndoOfBefore: an undo object that quoted no names goes to the table that its restore wrote.
func TestUndoOfBefore(t *testing.T) {
	t.Parallel()
	u := Undo{Tables: []TableChanges{{Table: "a.b.c"}, {Table: "public.guests"}, {Table: `"a.b".c`}}}
	var got []string
	for _, c := range u.reverse() {
		got = append(got, c.full())
	}
	for i, want := range []string{`"a"."b.c"`, `"public"."guests"`, `"a.b"."c"`} {
		if got[i] != want {
			t.Errorf("%s: %s", u.Tables[i].Table, got[i])
		}
	}
}
