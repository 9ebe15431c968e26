package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

// photograph is every row of every table, those of one wedding apart from all others.
func photograph(t *testing.T, url, wedding string) (own, others map[string]string) {
	t.Helper()
	own, others = map[string]string{}, map[string]string{}
	for _, table := range []string{"weddings", "clients", "guests", "seating_tables", "wedding_suppliers", "tasks",
		"timeline_events", "budget_items",
		"payments", "forms", "form_responses", "journey_instances", "files", "communications", "messages", "audit_logs",
		"event_logs"} {
		column := "wedding_id"
		if table == "weddings" {
			column = "id"
		}
		const digest = "select coalesce(md5(string_agg(r::text, '|' order by r::text)), '') || ' ' || count(*) from "
		own[table] = one[string](t, url, digest+table+" r where "+column+" = '"+wedding+"'")
		others[table] = one[string](t, url, digest+table+" r where "+column+" is distinct from '"+wedding+"'")
	}
	for _, table := range []string{"organizations", "users", "suppliers", "user_profiles"} {
		others[table] = one[string](t, url, "select coalesce(md5(string_agg(r::text, '|' order by r::text)), '') from "+table+
			" r")
	}
	return own, others
}

func differing(a, b map[string]string) (tables []string) {
	for name := range a {
		if a[name] != b[name] {
			tables = append(tables, name)
		}
	}
	slices.Sort(tables)
	return tables
}

// TestOneWeddingBack damages one wedding of a season, brings back what is missing, rewinds it, and takes both back
// again.
func TestOneWeddingBack(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	err := sample.Load(t.Context(), url, sample.Options{
		Weddings:      60,
		Organizations: 5,
		Seed:          1,
		Today:         time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	list := providers(t)
	e := engineWith(t, url, list, repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	wedding := one[string](t, url, "select id::text from weddings order by id limit 1")
	before, others := photograph(t, url, wedding)

	at := func(mode scope.Mode) *engine.ScopeAt {
		t.Helper()
		s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding(wedding), Point: "latest", Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	preview := func(s *engine.ScopeAt) *scope.Preview {
		t.Helper()
		p, err := s.Preview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if i, u, d, refused := preview(at(scope.Rewind)).Totals(); i+u+d+refused != 0 {
		t.Fatalf("nothing has changed, and the preview has %d, %d, %d, %d", i, u, d, refused)
	}

	run(t, url, "alter table messages disable trigger all",
		"update weddings set notes = 'overwritten', budget = 1 where id = '"+wedding+"'",
		"delete from tasks where parent_id in (select id from tasks where wedding_id = '"+wedding+"')",
		"delete from guests where wedding_id = '"+wedding+"' and plus_one_of is not null",
		"delete from form_responses where wedding_id = '"+wedding+"'",
		"delete from event_logs where wedding_id = '"+wedding+"'",
		"update guests set name = 'Vandal', answer = 'declined' where wedding_id = '"+wedding+"' and id % 3 = 0",
		"insert into messages (wedding_id, body, created_at) values ('"+wedding+"', 'new since', now())",
		"insert into seating_tables values ('"+wedding+"', 99, 'New', 4)")
	damaged, _ := photograph(t, url, wedding)

	s := at(scope.Missing)
	p := preview(s)
	if i, u, d, refused := p.Totals(); i == 0 || u+d+refused != 0 {
		t.Fatalf("bringing back what is missing would do %d, %d, %d, %d", i, u, d, refused)
	}
	if p.ChunksRead >= p.ChunksTotal || p.Name == "" {
		t.Errorf("%d of %d chunks were read for %q", p.ChunksRead, p.ChunksTotal, p.Name)
	}
	first, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	missing, untouched := photograph(t, url, wedding)
	if d := differing(untouched, others); d != nil {
		t.Fatalf("rows of others changed in %v", d)
	}
	if missing["form_responses"] != before["form_responses"] || missing["event_logs"] != before["event_logs"] ||
		missing["weddings"] != damaged["weddings"] {
		t.Errorf("after bringing back: %v differ from the point", differing(missing, before))
	}
	// A confirmation of a preview that is not true any more writes nothing.
	if again, err := s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint}); keepsake.CodeOf(
		err) != keepsake.CodeConflict || again.Preview == nil {
		t.Errorf("an old preview was applied: %+v, %v", again, err)
	}

	r := at(scope.Rewind)
	second, err := r.Apply(t.Context(), engine.ScopeApply{Fingerprint: preview(r).Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	rewound, untouched := photograph(t, url, wedding)
	if d := append(differing(rewound, before), differing(untouched, others)...); d != nil {
		t.Fatalf("after rewinding %v differ", d)
	}
	if len(second.Undo) != len(list) {
		t.Errorf("the undo is at %v", second.Undo)
	}

	back, err := e.Undo(t.Context(), second.Restore)
	if err != nil || len(back.Refused) != 0 {
		t.Fatalf("%+v, %v", back, err)
	}
	if now, _ := photograph(t, url, wedding); differing(now, missing) != nil {
		t.Errorf("after undoing the rewind %v differ", differing(now, missing))
	}
	if _, err := e.Undo(t.Context(), back.Restore); err != nil { // the undo of the undo
		t.Fatal(err)
	}
	if now, _ := photograph(t, url, wedding); differing(now, before) != nil {
		t.Errorf("after undoing the undo %v differ", differing(now, before))
	}
	// Now the platform goes on working, and a row of the first restore changes: an undo leaves that one alone.
	if back, err = e.Undo(t.Context(), second.Restore); err != nil {
		t.Fatal(err)
	}
	run(t, url, "update form_responses set answers = '{}' where id = (select min(id) from form_responses where "+
		"wedding_id = '"+wedding+"')")
	if back, err = e.Undo(t.Context(), first.Restore); err != nil || len(back.Refused) != 1 {
		t.Fatalf("%+v, %v", back, err)
	}
	if n := one[int](t, url, "select count(*) from form_responses where wedding_id = '"+wedding+"'"); n != 1 {
		t.Errorf("%d answers are left", n)
	}
}
