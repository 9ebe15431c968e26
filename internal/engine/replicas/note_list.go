package replicas

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// notesAtOnce is how many notes are read at the same time.
const notesAtOnce = 8

// Note is one note of a topic.
type Note struct {
	ID    string
	Time  time.Time
	Plain []byte
}

// Notes are all notes of a topic, oldest first, and what kept any from being read.
type Notes struct {
	List    []Note
	Missing []string // "provider NAME: why", for providers that could not be asked and copies that do not open
}

// Newest returns when the newest note was written, or the zero time where there is none.
func (n Notes) Newest() time.Time {
	if len(n.List) == 0 {
		return time.Time{}
	}
	return n.List[len(n.List)-1].Time
}

// ListNotes reads every note of a topic that any provider has. When no provider answers, it returns CodeUnavailable,
// because nothing is known then. It passes by a copy that does not open where another provider has a sound one.
func (s *Set) ListNotes(ctx context.Context, topic string) (Notes, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return Notes{}, err
	}
	var out Notes
	for name, err := range r.Down {
		out.Missing = append(out.Missing, fmt.Sprintf("Provider %s: %s", name, Explain(err)))
	}
	live := r.Readable()
	places, failed := notePlaces(ctx, live, topic)
	for name, err := range failed {
		out.Missing = append(out.Missing, fmt.Sprintf("Provider %s: %s", name, Explain(err)))
	}
	if len(failed) == len(live) {
		return out, keepsake.Errorf(keepsake.CodeUnavailable, "no provider could be asked for the notes on %s. %s", topic,
			strings.Join(out.Missing, " "))
	}
	var mu sync.Mutex
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(notesAtOnce)
	for _, key := range slices.Sorted(maps.Keys(places)) {
		g.Go(func() error {
			note, missing, err := readAnywhere(reading, r, places[key], key)
			mu.Lock()
			defer mu.Unlock()
			out.Missing = append(out.Missing, missing...)
			if note != nil {
				out.List = append(out.List, *note)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	slices.SortFunc(out.List, func(a, b Note) int { return strings.Compare(a.ID, b.ID) })
	slices.Sort(out.Missing)
	return out, nil
}

// readAnywhere reads a note from the first provider with a sound copy. A note that opens nowhere is missing, which is
// no error.
func readAnywhere(ctx context.Context, r *Repo, places []Provider, key string) (*Note, []string, error) {
	var missing []string
	var plain []byte
	q := FirstSound[[]byte]{What: "notes"}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) { return readNote(ctx, r, p, key) }
	q.Sound = func(_ Provider, note []byte) error { plain = note; return nil }
	q.Failed = func(p Provider, err error) {
		missing = append(missing, fmt.Sprintf("provider %s: %s: %s", p.Name, key, noteProblem(err)))
	}
	found := q.Read(ctx, places)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if !found {
		return nil, missing, nil
	}
	id := key[strings.LastIndexByte(key, '/')+1:]
	at, err := repository.ManifestTime(id)
	return &Note{ID: id, Time: at, Plain: plain}, missing, err
}

func noteProblem(err error) string {
	var known *keepsake.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return Explain(err)
}

// notePlaces lists the notes of a topic at all providers. It returns which providers have each, and which could not
// be asked.
func notePlaces(ctx context.Context, providers []Provider, topic string) (map[string][]Provider, map[string]error) {
	prefix := NotePrefix + topic + "/"
	return ListEverywhere(ctx, providers, prefix, func(key string) bool { return isNote(prefix, key) })
}

// isNote reports whether a key is that of a note of the topic that the prefix names.
func isNote(prefix, key string) bool {
	_, err := repository.ManifestTime(strings.TrimPrefix(key, prefix))
	return err == nil
}

// newestThatOpens reads the newest of the notes of one topic, by the providers that hold them. A name proves nothing:
// whoever has a provider's credentials can put an object there under any. So the newest that opens counts; where none
// does, nil is returned. Why newer ones do not open is returned too.
func newestThatOpens(ctx context.Context, r *Repo, places map[string][]Provider) (*Note, []string, error) {
	var missing []string
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(places))) {
		note, why, err := readAnywhere(ctx, r, places[key], key)
		if err != nil || note != nil {
			return note, missing, err
		}
		missing = append(missing, why...)
	}
	return nil, missing, nil
}

// errNoNote is the cause of the error about a topic of which no note can be read although the repository can.
var errNoNote = errors.New("no note")

// newestOf reads the newest note of a topic that opens, CodeNotFound when no provider has one.
func (s *Set) newestOf(ctx context.Context, topic string) (*Note, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	places, failed := notePlaces(ctx, r.Readable(), topic)
	note, missing, err := newestThatOpens(ctx, r, places)
	switch {
	case err != nil || note != nil:
		return note, err
	case len(missing) > 0:
		return nil, &keepsake.Error{
			Code:    keepsake.CodeDamaged,
			Message: "no note on " + topic + " opens: " + strings.Join(missing, "; "),
			Err:     errNoNote,
		}
	case len(failed) > 0:
		return nil, Joined(failed)
	}
	return nil, &keepsake.Error{
		Code:    keepsake.CodeNotFound,
		Message: "there is no note on " + topic + " in the repository",
		Err:     errNoNote,
	}
}

// ReadNote returns the newest note of a topic that opens, or CodeNotFound when no provider has one. It looks at all
// providers, because one that was away when a note was written may hold an older one.
func (s *Set) ReadNote(ctx context.Context, topic string) ([]byte, error) {
	note, err := s.newestOf(ctx, topic)
	if err != nil {
		return nil, err
	}
	return note.Plain, nil
}

// NoteTime returns when the newest note of a topic that opens was written, or the zero time where there is none.
func (s *Set) NoteTime(ctx context.Context, topic string) (time.Time, error) {
	note, err := s.newestOf(ctx, topic)
	if errors.Is(err, errNoNote) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return note.Time, nil
}
