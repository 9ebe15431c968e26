package operation

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// cutOffKind runs until it is stopped, or until its worker has said so many times that it could not renew its lease.
type cutOffKind struct {
	slotKind
	exclusive bool
	run       func(context.Context) error
}

func (k cutOffKind) About() About {
	about := k.slotKind.About()
	about.Exclusive = k.exclusive
	return about
}

func (k cutOffKind) Run(ctx context.Context, _ Operation, _ report.Reporter) (Report, error) {
	return Report{}, k.run(ctx)
}

// saying is a log that tells what it is told.
type saying struct {
	slog.Handler
	said func(string)
}

func (s saying) Enabled(context.Context, slog.Level) bool { return true }
func (s saying) Handle(_ context.Context, r slog.Record) error {
	s.said(r.Message)
	return nil
}

// TestAnExclusiveOperationStopsWhenItsWorkerIsCutOff from the console database, before another could begin, and is
// given back when it is there again. Another operation goes on.
func TestAnExclusiveOperationStopsWhenItsWorkerIsCutOff(t *testing.T) {
	t.Parallel()
	for name, exclusive := range map[string]bool{"exclusive": true, "not exclusive": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := dbtest.Tables(t)
			u, err := url.Parse(direct.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			link := testenv.Proxy(t, u.Host)
			u.Host = link.Address
			d := dbtest.Open(t, keepsake.Secret(u.String()))
			times := LeaseTimes{Beat: 100 * time.Millisecond, Expiry: 3 * time.Second}
			cut, warned := make(chan struct{}), make(chan struct{}, 1000)
			ended := keepsake.Errorf(keepsake.CodeUnavailable, "It ended by itself.")
			kind := cutOffKind{slotKind: slotKinds[0].(slotKind), exclusive: exclusive}
			kind.run = func(ctx context.Context) error {
				link.Cut()
				close(cut)
				began := time.Now()
				for {
					select {
					case <-ctx.Done():
						if took := time.Since(began); took >= times.Expiry {
							t.Errorf("it is stopped after %s, when another may have begun", took)
						}
						link.Restore()
						return ctx.Err()
					case <-warned:
						if !exclusive && time.Since(began) > 2*times.Expiry {
							link.Restore()
							return ended
						}
					}
				}
			}
			log := slog.New(saying{Handler: slog.DiscardHandler, said: func(m string) {
				select {
				case <-cut:
				default:
					return
				}
				if strings.HasPrefix(m, "a lease could not be renewed") {
					warned <- struct{}{}
				}
			}})
			r, err := NewRunner(d, log, time.Now, times, kind)
			if err != nil {
				t.Fatal(err)
			}
			id := uuid.Must(uuid.NewV7()).String()
			err = d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
				return tx.InsertOperation(t.Context(), sqlcgen.InsertOperationParams{
					ID:            id,
					Kind:          "verify",
					Platform:      "main",
					Labels:        []byte("{}"),
					Weddings:      []byte("[]"),
					Slots:         []string{},
					State:         string(StateQueued),
					RequestedBy:   "1",
					RequestedName: person.Name,
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			row, err := r.claim(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			r.run(t.Context(), row)
			want, says := StateFailed, "It ended by itself."
			if exclusive {
				want, says = StateInterrupted, "could not reach the console database"
			}
			err = d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
				row, err := tx.GetOperation(t.Context(), id)
				if err != nil {
					return err
				}
				log, err := tx.ListLastEvents(t.Context(), sqlcgen.ListLastEventsParams{
					OperationID: id,
					Upto:        row.LastEventID,
					Most:        1,
				})
				if State(row.State) != want || len(log) != 1 || !strings.Contains(log[0].Message, says) {
					t.Errorf("it is %s, and the log says %+v", row.State, log)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
