package console_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// victimURL makes this binary a worker that never finishes a backup, to be killed.
const victimURL = "KEEPSAKE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if url := os.Getenv(victimURL); url != "" {
		victim(keepsake.Secret(url))
		return
	}
	testenv.Main(m)
}

func victim(url keepsake.Secret) {
	ctx := context.Background()
	d, err := db.Open(ctx, url)
	if err != nil {
		panic(err)
	}
	e := newFakeEngine()
	e.backup = func(ctx context.Context, _ engine.BackupInput, _ engine.Reporter) (engine.BackupResult, error) {
		fmt.Println("working") // the parent waits for it
		<-ctx.Done()
		return engine.BackupResult{}, ctx.Err()
	}
	c, err := console.New(console.Deps{DB: d, Platforms: []console.Platform{{Engine: e}}, Lease: expiring})
	if err != nil {
		panic(err)
	}
	panic(c.Run(ctx, true))
}

func theWedding(id string) keepsake.Scope { return keepsake.MustScope(keepsake.WeddingScope(id)) }

func theOrganization(id string) keepsake.Scope {
	return keepsake.MustScope(keepsake.OrganizationScope(id))
}

func theTiers(tiers ...keepsake.Tier) keepsake.Scope {
	return keepsake.MustScope(keepsake.TierScope(tiers...))
}

// testLog writes what goes wrong to the test's log.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testenv.Log("the log of "+t.Name(), t.Output()),
		&slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.String("at", a.Value.Time().Format(time.StampMilli))
			}
			return a
		}}))
}
