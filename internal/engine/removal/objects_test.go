package removal

import (
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestWhatIsNewsOfAnObject: what lies below an object is read again only for a recovery point that weighs more than
// those before, or that another provider must have.
func TestWhatIsNewsOfAnObject(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, is standing
		want       uint16
		whole      bool
		news       bool
	}{
		"for the first time":        {is: needed, want: 1, news: true},
		"was not whole":             {before: needed, is: needed, want: 1, news: true},
		"as before":                 {before: needed, is: needed, want: 1, whole: true},
		"needed and now marked":     {before: needed, is: marked, want: 1, whole: true},
		"needed and now going":      {before: needed, is: going, whole: true},
		"marked and now going":      {before: marked, is: going, whole: true},
		"marked and now needed":     {before: marked, is: needed, want: 1, whole: true, news: true},
		"going and now needed":      {before: going, is: needed, want: 1, whole: true, news: true},
		"going and now marked":      {before: going, is: marked, want: 1, whole: true, news: true},
		"another provider needs it": {before: needed, is: needed, want: 2, whole: true, news: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &objects{all: map[repository.ChunkID]object{}}
			ref := repository.Ref{ID: repository.ChunkID{1}}
			if c.before != 0 {
				o.names(ref, c.before, 1, c.whole)
			}
			if news := o.names(ref, c.is, c.want, true); news != c.news {
				t.Errorf("news: %v", news)
			}
		})
	}
}
