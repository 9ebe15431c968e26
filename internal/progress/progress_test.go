package progress_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const id = "018f0000-0000-7000-8000-000000000001"

var system = keepsake.System("test")

// held returns a console database with one operation under a lease with fence 1.
func held(t *testing.T) (*db.DB, keepsake.Secret) {
	t.Helper()
	url := dbtest.Tables(t)
	d := dbtest.Open(t, url)
	err := d.InTx(t.Context(), system, func(tx db.Tx) error {
		p := sqlcgen.InsertOperationParams{
			ID:       id,
			Platform: keepsake.DefaultPlatform,
			Slots:    []string{},
			Kind:     "verify",
			State:    "queued",
			Labels:   []byte("{}"),
			Weddings: []byte("[]"),
		}
		if err := tx.InsertOperation(t.Context(), p); err != nil {
			return err
		}
		_, err := tx.ClaimOperation(t.Context(), sqlcgen.ClaimOperationParams{ID: id, Worker: "test"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, url
}

func get(t *testing.T, d *db.DB) (row sqlcgen.BackupOperation, events []sqlcgen.ListEventsRow) {
	t.Helper()
	err := d.InTx(t.Context(), system, func(tx db.Tx) (err error) {
		if row, err = tx.GetOperation(t.Context(), id); err != nil {
			return err
		}
		events, err = tx.ListEvents(t.Context(), sqlcgen.ListEventsParams{OperationID: id, Upto: row.LastEventID, Most: 5000})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row, events
}

func TestReporterThrottlesAndLosesNothing(t *testing.T) {
	t.Parallel()
	d, _ := held(t)
	before, _ := get(t, d)
	began := time.Now()
	r := progress.NewReporter(t.Context(), d, id, before.Fence, slog.New(slog.DiscardHandler),
		func(err error) { t.Error(err) })
	for i := range 1000 {
		r.Progress(engine.Progress{Stage: engine.StageReading, RowsDone: int64(i)})
	}
	r.Close()
	writes := int64(time.Since(began)/(500*time.Millisecond)) + 2
	row, _ := get(t, d)
	if n := row.LastEventID - before.LastEventID; n < 1 || n > writes {
		t.Errorf("%d writes, want at most %d", n, writes)
	}
	if !strings.Contains(string(row.Progress), `"rows_done": 999`) {
		t.Errorf("the last state is %s", row.Progress)
	}
	r = progress.NewReporter(t.Context(), d, id, before.Fence, slog.New(slog.DiscardHandler),
		func(err error) { t.Error(err) })
	for range 500 {
		r.Log(engine.LogLine{Time: time.Now(), Level: "strange", Message: "a \x00 and \xff"})
	}
	r.Close()
	_, events := get(t, d)
	if len(events) != 500 || events[0].Level != "info" || events[0].Message != "a � and �" {
		t.Errorf("%d lines, the first %+v", len(events), events[0])
	}
}

func TestReporterStopsAtAHigherFence(t *testing.T) {
	t.Parallel()
	d, _ := held(t)
	lost := make(chan error, 2)
	r := progress.NewReporter(t.Context(), d, id, 7, slog.New(slog.DiscardHandler), func(err error) { lost <- err })
	r.Progress(engine.Progress{RowsDone: 1})
	if err := <-lost; !errors.Is(err, progress.ErrLeaseLost) {
		t.Errorf("lost: %v", err)
	}
	r.Log(engine.LogLine{Time: time.Now(), Message: "too late"})
	r.Close()
	if row, events := get(t, d); len(events) != 0 || row.Progress != nil {
		t.Errorf("written without the lease: %s, %v", row.Progress, events)
	}
}

// TestHubComesBack cuts the hub's connection: what happens meanwhile wakes when it listens again.
func TestHubComesBack(t *testing.T) {
	t.Parallel()
	d, url := held(t)
	hub := progress.NewHub(d, slog.New(slog.DiscardHandler))
	watch := hub.Watch(progress.ChannelChanged, id)
	other := hub.Watch(progress.ChannelChanged, "another")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); hub.Run(ctx) }()
	<-watch.C() // it listens
	<-other.C()

	notify := func() {
		t.Helper()
		if err := d.InTx(t.Context(), system, func(tx db.Tx) error {
			return progress.Notify(t.Context(), tx,
				progress.ChannelChanged, id)
		}); err != nil {
			t.Fatal(err)
		}
	}
	notify()
	<-watch.C()
	select {
	case <-other.C():
		t.Error("a watcher of another operation was woken")
	default:
	}

	conn, err := pgx.Connect(t.Context(), url.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	err = conn.QueryRow(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where query ilike "+
		"'listen%' and datname = current_database()").Scan(&n)
	if err != nil || n != 1 {
		t.Fatalf("cut %d connections, %v", n, err)
	}
	<-watch.C() // again, and
	<-other.C() // everybody, because something may have been missed
	notify()
	<-watch.C()

	watch.Stop()
	watch.Stop()
	if hub.Watching() != 1 {
		t.Errorf("%d watches, want 1", hub.Watching())
	}
	cancel()
	<-done
}
