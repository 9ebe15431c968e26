package engine_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// meanwhile is what people may do between a preview and its confirmation. The rows of guests 1 to 6 have gone missing,
// 7 to 12 are there.
var meanwhile = []struct {
	sql   string
	stops bool // it changes what bringing back the missing rows would insert
}{
	{"update guests set v = v || '!' where id = 8", false},
	{"insert into guests values (101, 'new', 1, null)", false},
	{"update guests set v = 'of another wedding' where wedding_id = 2", false},
	{"delete from guests where id > 20 and id < 30", false}, // of the other wedding
	{"update weddings set couple = couple || ' '", false},
	{"insert into tasks values (50, 'new', 1)", false},
	{"update tasks set v = 'done'", false},
	{"delete from guests where id = 101", false},
	{"update guests set wedding_id = 2 where id = 12", false},               // it has left the wedding, and is refused
	{"delete from guests where id = 9", true},                               // one more is missing
	{"delete from tasks where id = 3", true},                                // in another table
	{"insert into guests values (2, 'made again', 1, null)", true},          // it is there meanwhile
	{"insert into guests values (3, 'made elsewhere', 2, null)", true},      // its key is taken
	{"insert into guests values (102, 'unique', 1, 'guest4@ex.org')", true}, // what must be unique is taken
	{"alter table guests drop column v", true},                              // its rows would come back otherwise
}

// TestMissingRowsComeBackWhilePeopleWork draws what people do between the preview and the confirmation of bringing back
// what is missing. What is inserted is exactly what the preview said, and rows that are not written stop nothing.
func TestMissingRowsComeBackWhilePeopleWork(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	makeTables := []string{"drop table if exists tasks, guests, weddings",
		"create table weddings (id int primary key, couple text, wedding_date date, organization_id int)",
		"create table guests (id int primary key, v text, wedding_id int references weddings, mail text unique)",
		"create table tasks (id int primary key, v text, wedding_id int references weddings)",
		"insert into weddings select i, 'Couple ' || i, date '2026-07-01' + i, 1 from generate_series(1, 3) i",
		"insert into guests select i, 'guest ' || i, 1, 'guest' || i || '@ex.org' from generate_series(1, 12) i",
		"insert into guests select i, 'guest ' || i, 2, null from generate_series(21, 24) i",
		"insert into tasks select i, 'task ' || i, 1 from generate_series(1, 5) i"}
	run(t, url, makeTables...)
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	rows := func() map[string]string {
		found := map[string]string{}
		for _, table := range []string{"weddings", "guests", "tasks"} {
			for key, row := range one[map[string]string](t, url, "select coalesce(jsonb_object_agg('"+table+
				" ' || id, r::text), '{}') from "+table+" r") {
				found[key] = row
			}
		}
		return found
	}
	stopped, went := 0, 0
	testenv.Draws(t, 20, func(rt *rapid.T) {
		run(t, url, makeTables...)
		whole := rows()
		run(t, url, "delete from guests where id <= 6")
		s, err := e.ReadScope(t.Context(), engine.ScopeInput{Scope: ofWedding("1"), Point: "latest", Mode: scope.Missing})
		if err != nil {
			rt.Fatal(err)
		}
		p, err := s.Preview(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		if i, u, d, refused := p.Totals(); i != 6 || u+d+refused != 0 {
			rt.Fatalf("the preview has %d, %d, %d, %d", i, u, d, refused)
		}
		stops, did := false, ""
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(meanwhile)-1), 1, 3, rapid.ID[int]).Draw(rt,
			"meanwhile") {
			m := meanwhile[n]
			if m.sql == "alter table guests drop column v" && did != "" { // what comes after it would name the column
				continue
			}
			run(t, url, m.sql)
			stops, did = stops || m.stops, did+m.sql+"; "
			if m.sql == "alter table guests drop column v" {
				break
			}
		}
		before := rows()
		_, err = s.Apply(t.Context(), engine.ScopeApply{Fingerprint: p.Fingerprint})
		want := maps.Clone(before)
		if stops {
			stopped++
			if keepsake.CodeOf(err) != keepsake.CodeConflict {
				rt.Fatalf("after %s it went on: %v", did, err)
			}
		} else {
			went++
			if err != nil {
				rt.Fatalf("%s stopped it: %v", did, err)
			}
			for i := 1; i <= 6; i++ {
				key := fmt.Sprintf("guests %d", i)
				want[key] = whole[key]
			}
		}
		if got := rows(); !maps.Equal(got, want) {
			rt.Fatalf("after %s the rows are\n%v\nnot\n%v", did, got, want)
		}
	})
	if stopped == 0 || went == 0 {
		t.Errorf("%d were stopped and %d went on: nothing was tried", stopped, went)
	}
}
