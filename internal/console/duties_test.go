package console_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/operation"
)

// TestDutiesAreListed before a worker has ever run, while one runs, and after one has run a duty that works and one
// that fails.
func TestDutiesAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	did, failed := make(chan struct{}, 1), make(chan struct{}, 1)
	duty := func(name string, ran chan struct{}, err error) operation.Duty {
		return operation.Duty{
			Name:  name,
			Does:  "do it",
			Every: time.Hour,
			Who:   operation.OneHolder,
			Run: func(context.Context) error {
				select {
				case ran <- struct{}{}:
				default:
				}
				return err
			},
		}
	}
	c := w.console(newFakeEngine(), func(d *console.Deps) {
		d.Duties = []operation.Duty{duty("works", did, nil), duty("fails", failed, errors.New("the store is away"))}
	})
	list := func() map[string]console.DutyState {
		t.Helper()
		all, err := c.ListDuties(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]console.DutyState{}
		for _, d := range all {
			if byName[d.Name].Name != "" {
				t.Errorf("there are two duties %s", d.Name)
			}
			byName[d.Name] = d
		}
		return byName
	}
	for name, d := range list() {
		if d.Does == "" || d.Every <= 0 || !d.Began.IsZero() || !d.Ended.IsZero() || !d.Next.IsZero() || d.Running {
			t.Errorf("before anything ran, %s is %+v", name, d)
		}
	}
	stop := w.run(c, true)
	<-did
	<-failed
	stop() // returns when the ends are written
	after := list()
	if d := after["works"]; d.Failed || d.Message != "" || d.Ended.IsZero() || d.Next.Sub(d.Ended) != time.Hour ||
		d.Running {
		t.Errorf("what worked: %+v", d)
	}
	if d := after["fails"]; !d.Failed || d.Message == "" || d.Next.Sub(d.Ended) > 5*time.Minute {
		t.Errorf("what failed: %+v", d)
	}
	if _, err := c.ListDuties(t.Context(), bound); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("one who is bound to an organization is told: %v", err)
	}
	rows, err := c.ListAudit(t.Context(), admin, audit.Filter{Action: "duties.list"})
	if err != nil || len(rows.Rows) != 1 || rows.Rows[0].ActorName != bound.Name {
		t.Errorf("the refusal on record: %+v, %v", rows, err)
	}
}

// TestTwoWorkersShareADuty starts a second worker after the first has done its duties: nothing of one holder is due, so
// none is done again.
func TestTwoWorkersShareADuty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var runs []string
	worker := func(name string, ran chan struct{}) *console.Console {
		return w.console(newFakeEngine(), func(d *console.Deps) {
			d.Duties = []operation.Duty{{
				Name:  "hourly",
				Does:  "do it hourly",
				Every: time.Hour,
				Who:   operation.OneHolder,
				Run: func(context.Context) error {
					runs = append(runs, name)
					close(ran)
					return nil
				},
			}, {
				Name:  "each " + name,
				Does:  "do it",
				Every: time.Hour,
				Who:   operation.EachProcess,
				Run: func(context.Context) error {
					if name == "second" {
						close(ran)
					}
					return nil
				},
			}}
		})
	}
	first, second := make(chan struct{}), make(chan struct{})
	stop := w.run(worker("first", first), true)
	<-first
	stop()
	stop = w.run(worker("second", second), true)
	<-second
	stop()
	if !slices.Equal(runs, []string{"first"}) {
		t.Errorf("it was done by %v", runs)
	}
}

// TestADutyWhoseWorkerDiedIsNotRunning: where no worker is left to take it over, the page says what it has seen.
func TestADutyWhoseWorkerDiedIsNotRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	var steady time.Duration
	console.SeeDutiesBy(c, func() time.Duration { return steady })
	write := func(sql string) {
		t.Helper()
		err := w.db.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			_, err := tx.PG.Exec(t.Context(), sql)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func(running, silent bool) {
		t.Helper()
		list, err := c.ListDuties(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(d console.DutyState) bool { return d.Name == "make_months" })
		if d := list[i]; d.Running != running || d.Silent != silent {
			t.Errorf("after %s it is %+v", steady, d)
		}
	}
	write("insert into duties (name, holder, fence, beats, last_started) values ('make_months', 'dead', 1, 5, now())")
	look(true, false)
	steady += 11 * time.Second
	look(true, false)
	write("update duties set beats = beats + 1")
	steady += 2 * time.Second
	look(true, false)
	steady += 12 * time.Second
	look(false, true)
	write("update duties set beats = beats + 1")
	look(true, false)
}
