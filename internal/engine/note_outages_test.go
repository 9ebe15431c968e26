package engine_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// TestANewerNoteOfAProviderThatWasAwayDoesNotHold: what a note says holds whichever providers were away when it, and
// others before it, were written.
func TestANewerNoteOfAProviderThatWasAwayDoesNotHold(t *testing.T) {
	t.Parallel()
	type step struct {
		text string
		down string
	}
	for name, steps := range map[string][]step{
		"the same text was there before": {{"without her", ""}, {"with her", "cloud"}, {"without her", "local"}},
		"two others hold it": {{"without her", ""}, {"with her", "cloud"},
			{"with her", "offsite"}, {"without her", "local"}, {"without her", "local"}},
		"the outage changes sides": {{"with her", "local"}, {"without her", "cloud"},
			{"with her", ""}, {"without her", "cloud"}, {"without her", "local"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
			e := engineWith(t, "", w.list, repository.NewKeyFile())
			last := ""
			for _, s := range steps {
				for name, f := range w.faults {
					f.Down(name == s.down)
				}
				if kept, err := e.KeepNote(t.Context(), "access", []byte(s.text)); err != nil {
					t.Fatalf("%s, %v", kept, err)
				}
				last = s.text
			}
			for away := range w.faults {
				for name, f := range w.faults {
					f.Down(name == away)
				}
				if got, err := e.ReadNote(t.Context(), "access"); err != nil || string(got) != last {
					t.Errorf("without %s the note says %q, %v, want %q", away, got, err, last)
				}
			}
		})
	}
}

// TestAnOutageCostsOneNote: a note that a worker keeps every ten minutes is not written each time while a provider is
// away, or takes nothing.
func TestAnOutageCostsOneNote(t *testing.T) {
	t.Parallel()
	w := trioOf(t, storagetest.NewMem(), storagetest.NewMem(), storagetest.NewMem())
	e := engineWith(t, "", w.list, repository.NewKeyFile())
	keep := func(want int, when string) {
		t.Helper()
		for range 3 {
			if kept, err := e.KeepNote(t.Context(), "access", []byte("the list")); err != nil {
				t.Fatalf("%s, %v", kept, err)
			}
		}
		if keys := keysAt(t, w.list[0], replicas.NotePrefix); len(keys) != want {
			t.Errorf("%s there are %d notes, want %d", when, len(keys), want)
		}
	}
	keep(1, "at first")
	w.faults["cloud"].Down(true)
	keep(2, "while one is away")
	w.faults["cloud"].Down(false)
	keep(2, "when it is back")
	w.faults["cloud"].Down(true)
	keep(3, "while it is away again")
	w.faults["offsite"].Down(true)
	keep(4, "while another one is away too")
}
