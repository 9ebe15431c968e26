package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestANoteOfAClockThatIsBehindHolds: what was written last holds, whatever the clocks of those who wrote said. A
// provider that cannot be asked may hold one with a later name, which is said.
func TestANoteOfAClockThatIsBehindHolds(t *testing.T) {
	t.Parallel()
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	key := repository.NewKeyFile()
	by := func(list []engine.Provider, ahead time.Duration) *engine.Engine {
		e := engine.New(engine.Options{
			Providers: list,
			DataMap:   keepsake.DefaultDataMap(),
			Key:       repository.KeySource{Key: key},
			Now:       func() time.Time { return time.Now().Add(ahead) },
		})
		t.Cleanup(e.Close)
		return e
	}
	engineWith(t, "", w.list, key)
	for i, ahead := range []time.Duration{48 * time.Hour, 0, -time.Hour, 0, 49 * time.Hour, time.Hour} {
		text := strings.Repeat("x", i+1)
		kept, err := by(w.list, ahead).KeepNote(t.Context(), "access", []byte(text))
		if err != nil || len(kept.At) != 3 || len(kept.Unasked) != 0 {
			t.Fatalf("%s, %v", kept, err)
		}
		if got, err := by(w.list, 0).ReadNote(t.Context(), "access"); err != nil || string(got) != text {
			t.Errorf("the note says %q, %v, want %q", got, err, text)
		}
	}
	list := append([]engine.Provider{}, w.list...)
	list[1].Store = unlisted{list[1].Store, "notes/"}
	kept, err := by(list, 0).KeepNote(t.Context(), "access", []byte("last"))
	if err != nil || len(kept.At) != 3 || kept.Unasked["cloud"] == "" ||
		!strings.Contains(kept.String(), "Provider cloud could not be asked whether it has a newer one") {
		t.Errorf("%s, %v", kept, err)
	}
}
