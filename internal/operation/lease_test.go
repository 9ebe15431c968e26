package operation

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/progress"
)

// TestEndIsWrittenAgain: a console database that fails for a moment loses no end. The word that another worker holds
// the operation is final.
func TestEndIsWrittenAgain(t *testing.T) {
	t.Parallel()
	r, err := NewRunner(dbtest.Open(t, dbtest.URL(t)), slog.New(slog.DiscardHandler), time.Now, LeaseTimes{})
	if err != nil {
		t.Fatal(err)
	}
	away := errors.New("the database is away")
	for _, c := range []struct {
		name  string
		fails []error
		tries int
		want  error
	}{
		{"at once", nil, 1, nil},
		{"when it is back", []error{away, away}, 3, nil},
		{"held by another", []error{away, pgx.ErrNoRows}, 2, progress.ErrLeaseLost},
	} {
		tries := 0
		err := r.ending(t.Context(), func(context.Context, db.Tx) error {
			tries++
			if tries <= len(c.fails) {
				return c.fails[tries-1]
			}
			return nil
		})
		if tries != c.tries || !errors.Is(err, c.want) {
			t.Errorf("%s: %d tries, %v", c.name, tries, err)
		}
	}
}
