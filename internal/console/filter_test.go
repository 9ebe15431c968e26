package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// all walks a list page by page and returns the ids, of which none may come twice.
func all(t *testing.T, page func(cursor string) (ids []string, next string, err error)) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		some, next, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range some {
			if slices.Contains(ids, id) {
				t.Fatalf("%s is there twice", id)
			}
			ids = append(ids, id)
		}
		if cursor = next; cursor == "" {
			return ids
		}
	}
}

// TestPointsAreFilteredByEverythingAtOnce: each filter, alone and with each other one, finds what a look at every point
// finds.
func TestPointsAreFilteredByEverythingAtOnce(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for i := range 60 {
		at := start.Add(time.Duration(i) * 7 * time.Hour)
		p := fakePoint(fmt.Sprintf("p%03d", i), at, []string{"local", "s3", "away"}[i%4/3*2:]...)
		p.Type = []string{"full", "incremental", "critical", "incremental", "incremental"}[i%5]
		for m := range i % 3 {
			mark := keepsake.WeddingMark{
				WeddingID: fmt.Sprint((i + m) % 5),
				Date:      at.AddDate(0, 0, (i*m+i)%70-10).Format(time.DateOnly),
				Milestone: []string{"", "tasting", "final_payment"}[(i+m)%3],
			}
			if i == 31 { // a day that is none: its phase is what it says
				mark.Date, mark.Phase = "never", keepsake.PhaseExecution
			}
			p.Weddings = append(p.Weddings, mark)
		}
		e.points = append(e.points, p)
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	is := func(in console.PointsInput, p engine.Point) bool {
		whole := p.Type != "critical"
		if in.Type != "" && p.Type != string(in.Type) || in.Tier != "" && !whole && in.Tier != keepsake.TierCritical ||
			in.Protected != nil && p.Protected != *in.Protected ||
			!in.From.IsZero() && p.Time.Before(in.From) || !in.To.IsZero() && !p.Time.Before(in.To) {
			return false
		}
		return in.WeddingID == "" && in.Milestone == "" && in.Phase == "" ||
			slices.ContainsFunc(p.Weddings, func(m keepsake.WeddingMark) bool {
				return (in.WeddingID == "" || m.WeddingID == in.WeddingID) && (in.Milestone == "" || m.Milestone == in.Milestone) &&
					(in.Phase == "" || console.PhaseAt(m, p.Time) == in.Phase)
			})
	}
	yes, no := true, false
	ways := []func(*console.PointsInput){
		func(in *console.PointsInput) { in.Type = keepsake.BackupIncremental },
		func(in *console.PointsInput) { in.Tier = keepsake.TierHigh },
		func(in *console.PointsInput) { in.Tier = keepsake.TierCritical },
		func(in *console.PointsInput) { in.Protected = &yes }, func(in *console.PointsInput) { in.Protected = &no },
		func(in *console.PointsInput) { in.WeddingID = "2" }, func(in *console.PointsInput) { in.WeddingID = "nobody" },
		func(in *console.PointsInput) { in.Milestone = "tasting" },
		func(in *console.PointsInput) { in.Phase = keepsake.PhasePlanning },
		func(in *console.PointsInput) { in.Phase = keepsake.PhasePreparation },
		func(in *console.PointsInput) { in.Phase = keepsake.PhaseExecution },
		func(in *console.PointsInput) { in.Phase = keepsake.PhasePostEvent },
		func(in *console.PointsInput) { in.From = e.points[20].Time },
		func(in *console.PointsInput) { in.To = e.points[40].Time },
	}
	for i, one := range ways {
		for _, other := range ways[i:] {
			in := console.PointsInput{Limit: 3}
			one(&in)
			other(&in)
			var want []string
			for _, p := range slices.Backward(e.points) {
				if is(in, p) {
					want = append(want, p.ID)
				}
			}
			got := all(t, func(cursor string) (ids []string, next string, err error) {
				in.Cursor = cursor
				page, err := c.ListPoints(t.Context(), admin, in)
				for _, p := range page.Points {
					ids = append(ids, p.ID)
				}
				return ids, page.Next, err
			})
			if in.Cursor = ""; !slices.Equal(got, want) {
				t.Errorf("%+v finds %v, want %v", in, got, want)
			}
		}
	}
}

// TestOperationsAreFilteredByEverythingAtOnce: the same for operations.
func TestOperationsAreFilteredByEverythingAtOnce(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e)
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	owner, err := pgx.Connect(t.Context(), dbtest.Owner(t, w.url).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	// Nobody did what these rows say: they are not put on record.
	if _, err := owner.Exec(t.Context(), "set keepsake.role = 'system'; alter table backup_operations disable trigger "+
		"backup_operations_on_record"); err != nil {
		t.Fatal(err)
	}
	insert := func(i int, kind, backupType, weddings string, asked *console.RestoreAsked) {
		t.Helper()
		at := start.Add(time.Duration(i) * 7 * time.Hour)
		var text []byte
		if asked != nil {
			text, _ = json.Marshal(asked) //nolint:errchkjson // it can be written
		}
		ms := fmt.Sprintf("%012x", at.UnixMilli())
		_, err := owner.Exec(t.Context(), `insert into backup_operations (platform, id, kind, state, backup_type, weddings,
			restore, target, target_database, requested_by, requested_name, created_at, cancel_requested_at, finished_at)
			values ('main', $1, $2::text, 'cancelled', nullif($3, ''), $4, $5, case when $2 = 'restore' then 'x' else '' end,
				case when $2 = 'restore' then 'x' else '' end, '1', 'ada', $6, $6, $6)`,
			fmt.Sprintf("%s-%s-7000-8000-%012x", ms[:8], ms[8:], i), kind, backupType, weddings, text, at)
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		wedding := fmt.Sprint(i % 3)
		switch i % 5 {
		case 0:
			insert(i, "backup", "full", "[]", nil)
		case 1:
			insert(i, "backup", "incremental", `[{"wedding": "9", "date": "2026-08-01"}, {"wedding": "`+wedding+
				`", "date": "2026-07-01"}]`, nil)
		case 2:
			insert(i, "scoped", "", "[]",
				&console.RestoreAsked{ScopedInput: console.ScopedInput{Scope: theWedding(wedding)}})
		case 3:
			insert(i, "scoped", "", "[]",
				&console.RestoreAsked{ScopedInput: console.ScopedInput{Scope: theTiers(keepsake.TierHigh)}})
		case 4:
			insert(i, "restore", "", "[]", &console.RestoreAsked{ScopedInput: console.ScopedInput{
				Scope: theTiers(keepsake.TierCritical, keepsake.TierHigh)}})
		}
	}
	every, err := c.ListOperations(t.Context(), admin, console.ListInput{Limit: 200})
	if err != nil || len(every.Operations) != 40 {
		t.Fatalf("%d operations, %v", len(every.Operations), err)
	}
	is := func(in console.ListInput, o console.Operation) bool {
		var what keepsake.Scope
		if o.Asked != nil {
			what = o.Asked.Scope
		}
		tiers, wedding := what.Tiers(), what.WeddingID()
		return (in.Kind == "" || o.Kind == in.Kind) && (in.Type == "" || o.Type == in.Type) &&
			(in.Tier == "" || slices.Contains(tiers, in.Tier)) &&
			(in.WeddingID == "" || wedding == in.WeddingID ||
				slices.ContainsFunc(o.Weddings, func(m keepsake.WeddingMark) bool { return m.WeddingID == in.WeddingID })) &&
			(in.From.IsZero() || !o.CreatedAt.Before(in.From)) && (in.To.IsZero() || o.CreatedAt.Before(in.To))
	}
	ways := []func(*console.ListInput){
		func(in *console.ListInput) { in.Kind = console.KindScoped },
		func(in *console.ListInput) { in.Kind = console.KindBackup },
		func(in *console.ListInput) { in.Type = keepsake.BackupIncremental },
		func(in *console.ListInput) { in.Type = keepsake.BackupFull },
		func(in *console.ListInput) { in.Tier = keepsake.TierHigh },
		func(in *console.ListInput) { in.Tier = keepsake.TierCritical },
		func(in *console.ListInput) { in.WeddingID = "1" }, func(in *console.ListInput) { in.WeddingID = "9" },
		func(in *console.ListInput) { in.From = start.Add(70 * time.Hour) },
		func(in *console.ListInput) { in.To = start.Add(210 * time.Hour) },
	}
	for i, one := range ways {
		for _, other := range ways[i:] {
			in := console.ListInput{Limit: 3}
			one(&in)
			other(&in)
			var want []string
			for _, o := range every.Operations {
				if is(in, o) {
					want = append(want, o.ID)
				}
			}
			got := all(t, func(cursor string) (ids []string, next string, err error) {
				in.Cursor = cursor
				page, err := c.ListOperations(t.Context(), admin, in)
				for _, o := range page.Operations {
					ids = append(ids, o.ID)
				}
				return ids, page.Next, err
			})
			if in.Cursor = ""; !slices.Equal(got, want) {
				t.Errorf("%+v finds %d, want %d", in, len(got), len(want))
			}
		}
	}
}
