package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// holding has tables of tier/name=rows.
func holding(rows map[string]int64) policy.Holding {
	h := policy.Holding{System: "7", OID: 5, Database: "wedsync"}
	for name, n := range rows {
		i := strings.IndexByte("chs", name[0])
		h.Tables = append(h.Tables, policy.TableHolding{Name: name, Tier: keepsake.Tiers()[i], Rows: n})
	}
	return h
}

// TestWhatMakesARecoveryPointSuspect and what is daily work.
func TestWhatMakesARecoveryPointSuspect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		before, now map[string]int64
		want        string
	}{
		{"nothing changed", map[string]int64{"c.guests": 7200}, map[string]int64{"c.guests": 7200}, ""},
		{"half went", map[string]int64{"c.guests": 7200}, map[string]int64{"c.guests": 3600}, ""},
		{"most of an odd number", map[string]int64{"h.tasks": 11}, map[string]int64{"h.tasks": 5},
			"Table h.tasks holds 5 rows, and held 11 rows before."},
		{"most went", map[string]int64{"c.guests": 7200, "h.tasks": 5}, map[string]int64{"c.guests": 3599, "h.tasks": 5},
			"Table c.guests holds 3,599 rows, and held 7,200 rows before."},
		{"most of few", map[string]int64{"h.tasks": 9, "c.x": 1}, map[string]int64{"h.tasks": 1, "c.x": 1}, ""},
		{"a critical table of few is empty", map[string]int64{"c.weddings": 2, "h.x": 1},
			map[string]int64{"c.weddings": 0, "h.x": 1}, "Table c.weddings holds 0 rows, and held 2 rows before."},
		{"all is empty", map[string]int64{"c.guests": 7200, "s.log": 3}, map[string]int64{"c.guests": 0, "s.log": 0},
			"Every table is empty, and there were 7,203 rows before."},
		{"all was empty", map[string]int64{"c.guests": 0}, map[string]int64{"c.guests": 0}, ""},
		{"a table is gone", map[string]int64{"c.guests": 7200, "s.log": 3}, map[string]int64{"c.guests": 7200},
			"Table s.log no longer exists, and held 3 rows before."},
		{"an empty table is gone", map[string]int64{"c.guests": 7200, "s.log": 0}, map[string]int64{"c.guests": 7200}, ""},
		{"one of many standard tables is emptied", map[string]int64{"s.log": 400, "s.mail": 600},
			map[string]int64{"s.log": 0, "s.mail": 600}, ""},
		{"most of the standard tier", map[string]int64{"s.log": 400, "s.mail": 600, "c.x": 1},
			map[string]int64{"s.log": 400, "s.mail": 0, "c.x": 1},
			"The other tables of the standard tier hold 400 rows together, and held 1,000 rows before."},
	} {
		if words := keepsake.DoubtWords(policy.Doubts(holding(c.before), holding(c.now))); words != c.want {
			t.Errorf("%s: %q, want %q", c.name, words, c.want)
		}
	}
}

// TestAStandardTableThatReferencesOthersIsJudgedAlone: guests of weddings are no log, whatever tier they are in.
func TestAStandardTableThatReferencesOthersIsJudgedAlone(t *testing.T) {
	t.Parallel()
	of := func(guests int64) policy.Holding {
		h := holding(map[string]int64{"s.log": 5_000_000})
		h.Tables = append(h.Tables, policy.TableHolding{
			Name:  "s.guests",
			Tier:  keepsake.TierStandard,
			Rows:  guests,
			Bound: true,
		})
		return h
	}
	d := policy.Doubts(of(72_000), of(0))
	if words := keepsake.DoubtWords(d); words != "Table s.guests holds 0 rows, and held 72,000 rows before." {
		t.Errorf("%q", words)
	}
}

// TestAChangedDataMapIsNoLoss: a table that was critical, and is high now, is not in the next critical backup.
func TestAChangedDataMapIsNoLoss(t *testing.T) {
	t.Parallel()
	before := holding(map[string]int64{"c.users": 10})
	moved := policy.TableHolding{Name: "clients", Tier: keepsake.TierCritical, Rows: 100}
	before.Tables = append(before.Tables, moved)
	now := holding(map[string]int64{"c.users": 10})
	moved.Tier, moved.Rows = keepsake.TierStandard, 90
	now.Tables = append(now.Tables, moved)
	if d := policy.Doubts(before, now); len(d) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestAnotherDatabaseIsSuspect: by what the server calls itself, or by the name where it tells nothing.
func TestAnotherDatabaseIsSuspect(t *testing.T) {
	t.Parallel()
	before := holding(map[string]int64{"c.guests": 10})
	for _, c := range []struct {
		name string
		now  policy.Holding
		want string
	}{
		{"another server", policy.Holding{System: "8", OID: 5, Database: "wedsync"},
			"It was taken from wedsync of server 8, and the one before from wedsync of server 7."},
		{"another database of the server", policy.Holding{System: "7", OID: 6, Database: "staging"},
			"It was taken from staging, and the one before from wedsync."},
		{"the server tells nothing, another name", policy.Holding{Database: "staging"},
			"It was taken from staging, and the one before from wedsync."},
		{"the server tells nothing", policy.Holding{Database: "wedsync", OID: 6}, ""},
		{"made anew under its name", policy.Holding{System: "7", OID: 6, Database: "wedsync"},
			"Database wedsync was made anew since the recovery point before."},
		{"renamed", policy.Holding{System: "7", OID: 5, Database: "wedsync_2027"}, ""},
	} {
		c.now.Tables = before.Tables
		if words := keepsake.DoubtWords(policy.Doubts(before, c.now)); words != c.want {
			t.Errorf("%s: %q, want %q", c.name, words, c.want)
		}
	}
}

// TestACriticalBackupIsComparedByItsTables, and a whole one with a critical one, too.
func TestACriticalBackupIsComparedByItsTables(t *testing.T) {
	t.Parallel()
	whole := holding(map[string]int64{"c.guests": 100, "h.tasks": 50, "s.log": 1000})
	critical := holding(map[string]int64{"c.guests": 99})
	critical.Critical = true
	if d := policy.Doubts(whole, critical); len(d) > 0 {
		t.Errorf("what it does not cover is doubted: %+v", d)
	}
	if d := policy.Doubts(critical, whole); len(d) > 0 {
		t.Errorf("what is new is doubted: %+v", d)
	}
	critical.Tables[0].Rows = 3
	if d := policy.Doubts(whole, critical); len(d) != 1 || d[0].Kind != keepsake.DoubtRows {
		t.Errorf("%+v", d)
	}
}

// TestDoubtsHold draws platforms and what became of them.
func TestDoubtsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, grown, emptied := map[string]int64{}, map[string]int64{}, map[string]int64{}
		var all int64
		for i := range rapid.IntRange(1, 80).Draw(t, "tables") {
			name := rapid.SampledFrom([]string{"c", "h", "s"}).Draw(t, "tier") + fmt.Sprint(i)
			before[name] = rapid.Int64Range(0, 1e6).Draw(t, "rows")
			grown[name] = before[name] + rapid.Int64Range(0, 100).Draw(t, "more")
			emptied[name], all = 0, all+before[name]
		}
		grown["c new"] = 5
		if d := policy.Doubts(holding(before), holding(grown)); len(d) > 0 {
			t.Errorf("a platform that has grown is doubted: %+v", d)
		}
		switch d := policy.Doubts(holding(before), holding(emptied)); {
		case all > 0 && (len(d) != 1 || d[0].Kind != keepsake.DoubtEmpty || d[0].Before != all):
			t.Errorf("an empty platform that held %d rows: %+v", all, d)
		case all == 0 && len(d) > 0:
			t.Errorf("a platform that was empty: %+v", d)
		}
		d := policy.Doubts(holding(before), holding(map[string]int64{"c new": 1}))
		if len(d) > 50 || all > 0 && len(d) == 0 {
			t.Errorf("tables that are gone: %d doubts", len(d))
		}
		for i := 1; i < len(d); i++ {
			if d[i-1].Before-d[i-1].Rows < d[i].Before-d[i].Rows {
				t.Errorf("the greatest losses are not first: %+v", d)
			}
		}
	})
}
