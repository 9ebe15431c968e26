package replicas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// readAheadBytes bounds the chunks of all loaders that are being fetched,
	// opened or loaded, sealed and open bytes together.
	readAheadBytes = 96 << 20
	// readAhead is how many chunks are fetched for one loader at once: a distant provider answers slowly.
	readAhead = 4
	// sourceStrikes is after how many unanswered questions in a row a provider is asked only when no other one is left.
	sourceStrikes = 3
)

// Source reads chunks from whichever provider has a sound copy, the preferred one first.
type Source struct {
	Repo      *Repo
	Providers []Provider
	track     *report.Tracker
	heal      string // the command that heals a damaged copy
	room      *semaphore.Weighted
	buffers   sync.Pool

	mu      sync.Mutex
	Damaged []report.VerifyFinding
	served  map[string]int64 // chunks by provider
	strikes map[string]int   // questions in a row that a provider did not answer
}

// NewSource returns a Source for the chunks of one recovery point.
func NewSource(r *Repo, providers []Provider, point string, t *report.Tracker) *Source {
	s := &Source{
		Repo:      r,
		Providers: providers,
		track:     t,
		heal:      RepairCommand(point, true),
		room:      semaphore.NewWeighted(readAheadBytes),
		served:    map[string]int64{},
		strikes:   map[string]int{},
	}
	s.buffers.New = func() any { return new([]byte) }
	return s
}

// order returns the providers in the order to ask them now.
func (s *Source) order() []Provider {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first, later []Provider
	for _, p := range s.Providers {
		if s.strikes[p.Name] < sourceStrikes {
			first = append(first, p)
		} else {
			later = append(later, p)
		}
	}
	return append(first, later...)
}

// Chunk returns the plaintext of a chunk or an index page, in buf. Any copy that opens under the chunk's id is the
// right one, whichever run sealed it, because the id is a keyed hash of the plaintext and is authenticated. A restore
// compares the rows' hashes when it reads them back.
func (s *Source) Chunk(ctx context.Context, c *repository.Ref, buf []byte) ([]byte, error) {
	var plain []byte
	var last error
	var why []string // by provider
	damage := false
	q := FirstSound[[]byte]{What: "chunks", size: c.Size}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) {
		return p.Store.Get(ctx, c.Key(), repository.MaxChunkSealed)
	}
	q.Sound = func(p Provider, sealed []byte) (err error) {
		if c.Kind == repository.ObjectIndex {
			plain, err = s.Repo.Keys.Open(nil, c, sealed)
		} else if plain, err = s.Repo.Keys.OpenRows(buf[:0], c.ID, sealed, int(c.Plain)); err == nil &&
			int64(len(plain)) != c.Plain {
			err = keepsake.Errorf(keepsake.CodeDamaged, "The chunk %s has %d bytes instead of %d.", c.ID, len(plain), c.Plain)
		}
		if err == nil {
			s.took(p.Name, c, int64(len(sealed)))
		}
		return err
	}
	q.Failed = func(p Provider, err error) {
		last, why = err, append(why, "Provider "+p.Name+": "+Explain(err))
		damage = s.note(p.Name, c, err) || damage
	}
	switch found := q.Read(ctx, s.order()); {
	case found:
		return plain, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !damage:
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"%s cannot be read from any provider. %s", named(c), strings.Join(why, " "))
	}
	return nil, keepsake.Errorf(keepsake.CodeDamaged, "%s is missing or damaged at every provider asked. %s", named(c),
		FindingOf("", c.Key(), last, s.heal).Problem)
}

// Open does the same as Chunk, with a new buffer that is large enough.
func (s *Source) Open(ctx context.Context, chunk *repository.Chunk, buf []byte) ([]byte, error) {
	if need := int(chunk.Plain) + 64; cap(buf) < need {
		buf = make([]byte, 0, need)
	}
	return s.Chunk(ctx, &chunk.Ref, buf)
}

// Page returns the plaintext of an index page. It is a repository.Fetch.
func (s *Source) Page(ctx context.Context, page repository.Ref) ([]byte, error) {
	return s.Chunk(ctx, &page, nil)
}

// took counts what a provider gave.
// Index pages are small and read early: they do not make it the one that served the rows.
func (s *Source) took(provider string, c *repository.Ref, bytes int64) {
	s.mu.Lock()
	if c.Kind != repository.ObjectIndex {
		s.served[provider]++
	}
	s.strikes[provider] = 0
	s.mu.Unlock()
	s.track.Provider(provider, func(p *report.ProviderProgress) {
		p.State, p.Bytes = report.ItemRunning,
			p.Bytes+bytes
		p.Confirmed++
	})
}

// note records a copy that could not be used and reports whether it is damaged. A provider that does not answer is
// recorded once, not for every chunk.
func (s *Source) note(provider string, c *repository.Ref, err error) bool {
	f := FindingOf(provider, c.Key(), err, s.heal)
	s.mu.Lock()
	known := false
	if !f.Damage {
		s.strikes[provider]++
		known = s.strikes[provider] > 1
	}
	if !known {
		s.Damaged = append(s.Damaged, f)
	}
	s.mu.Unlock()
	s.track.Provider(provider, func(p *report.ProviderProgress) { p.State, p.Error = report.ItemFailed, f.Problem })
	if !known {
		next := " Another provider's copy is tried."
		if len(s.Providers) == 1 {
			next = " No other provider may be asked or is left."
		}
		s.track.Reportedf("Provider %s, %s: %s%s", provider, f.Object, f.Problem, next)
	}
	return f.Damage
}

// Best returns the provider that gave most chunks.
func (s *Source) Best() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, most := "", int64(0)
	for _, p := range s.Providers {
		if s.served[p.Name] > most {
			name, most = p.Name, s.served[p.Name]
		}
	}
	return name
}

// Copy writes the chunks' plaintexts, one after the other.
func (s *Source) Copy(ctx context.Context, w io.Writer, chunks []repository.Chunk) error {
	var buf []byte
	for i := range chunks {
		plain, err := s.Chunk(ctx, &chunks[i].Ref, buf)
		if err != nil {
			return err
		}
		if _, err := w.Write(plain); err != nil {
			return fmt.Errorf("keep a chunk in memory: %w", err)
		}
		buf = plain
	}
	return nil
}

// The binary COPY format's header (signature, no flags, no extension) and trailer.
var (
	BinaryHeader  = append([]byte("PGCOPY\n\377\r\n\000"), make([]byte, 8)...)
	BinaryTrailer = []byte{0xff, 0xff}
)

// RowStream reads a table's rows as COPY expects them: the plaintexts of its chunks, one after the other, however
// they cut the rows. It fetches and opens the next few chunks while PostgreSQL takes the current one.
type RowStream struct {
	s      *Source
	cancel context.CancelFunc
	wg     sync.WaitGroup
	order  chan *ahead // in the order of the rows
	loaded func(plain int64)

	held    *ahead // whose bytes current are
	current []byte
	trailer []byte
	failed  error
}

// ahead is one chunk that is being fetched.
type ahead struct {
	chunk *repository.Chunk
	ready chan struct{} // closed when buf or err is there
	buf   *[]byte
	rows  []byte // in buf, those that belong to the recovery point
	err   error
}

// failedAhead is what comes in the place of a chunk that is not fetched.
func failedAhead(err error) *ahead {
	a := &ahead{ready: make(chan struct{}), err: err}
	close(a.ready)
	return a
}

// cost is the memory that a chunk takes on its way.
func (a *ahead) cost() int64 { return min(a.chunk.Plain+a.chunk.Size, readAheadBytes) }

// Rows starts reading a table. It calls loaded with the size of each chunk that PostgreSQL has taken. The caller
// closes the stream.
func (s *Source) Rows(ctx context.Context, t *repository.Table, loaded func(plain int64)) *RowStream {
	ctx, cancel := context.WithCancel(ctx)
	r := &RowStream{s: s, cancel: cancel, order: make(chan *ahead, readAhead-1), loaded: loaded}
	if t.Format == repository.FormatBinary {
		r.current, r.trailer = BinaryHeader, BinaryTrailer
	}
	r.wg.Go(func() {
		defer close(r.order)
		for part, err := range t.EachRange(ctx, s.Page) {
			if err != nil {
				r.order <- failedAhead(err)
				return
			}
			for j := range part.Chunks {
				if !r.start(ctx, &part.Chunks[j], t.Format) {
					return
				}
			}
		}
	})
	return r
}

// start fetches one chunk as soon as there is room for it. It reports false when the stream was closed or cancelled.
func (r *RowStream) start(ctx context.Context, c *repository.Chunk, format string) bool {
	a := &ahead{chunk: c, ready: make(chan struct{})}
	if err := r.s.room.Acquire(ctx, a.cost()); err != nil {
		r.order <- failedAhead(err) // the reader, or Close, takes it
		return false
	}
	r.wg.Go(func() {
		defer close(a.ready)
		a.buf = r.s.buffers.Get().(*[]byte)
		plain, err := r.s.Chunk(ctx, &c.Ref, *a.buf)
		if err == nil {
			*a.buf = plain
			if plain, err = c.Kept(plain, format); err != nil {
				err = keepsake.Errorf(keepsake.CodeDamaged, "chunk %s holds no whole rows: %w", c.ID, err)
			}
			a.rows = plain
		}
		a.err = err
	})
	r.order <- a
	return ctx.Err() == nil
}

func (r *RowStream) release(a *ahead) {
	if a.chunk == nil {
		return
	}
	r.s.room.Release(a.cost())
	if a.buf != nil {
		r.s.buffers.Put(a.buf)
	}
}

// Read implements io.Reader.
func (r *RowStream) Read(p []byte) (int, error) {
	for len(r.current) == 0 {
		if r.held != nil {
			r.loaded(r.held.chunk.Plain)
			r.release(r.held)
			r.held = nil
		}
		if r.failed != nil {
			return 0, r.failed
		}
		a, more := <-r.order
		if !more {
			r.current, r.trailer, r.failed = r.trailer, nil, io.EOF
			continue
		}
		<-a.ready
		if a.err != nil {
			r.release(a)
			r.failed = a.err
			return 0, a.err
		}
		r.held, r.current = a, a.rows
	}
	n := copy(p, r.current)
	r.current = r.current[n:]
	return n, nil
}

// Err returns why reading ended before the last row, or nil where it did not.
func (r *RowStream) Err() error {
	if errors.Is(r.failed, io.EOF) {
		return nil
	}
	return r.failed
}

// Close stops the fetching and waits for its end.
func (r *RowStream) Close() error {
	r.cancel()
	if r.held != nil {
		r.release(r.held)
		r.held = nil
	}
	for a := range r.order {
		<-a.ready
		r.release(a)
	}
	r.wg.Wait()
	return nil
}
