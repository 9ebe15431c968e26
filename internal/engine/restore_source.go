package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// source reads chunks from whichever provider has a sound copy, the preferred one first.
type source struct {
	repo      *repo
	providers []Provider
	track     *tracker

	mu      sync.Mutex
	damaged []VerifyFinding
	served  map[string]int64 // chunks by provider
	buffers sync.Pool
}

func newSource(r *repo, providers []Provider, t *tracker) *source {
	s := &source{repo: r, providers: providers, track: t, served: map[string]int64{}}
	s.buffers.New = func() any { return new([]byte) }
	return s
}

// chunk returns the plaintext of a chunk. Give it back with release.
func (s *source) chunk(ctx context.Context, c *repository.Chunk) (*[]byte, error) {
	var last error
	damage := false
	buf := s.buffers.Get().(*[]byte)
	for _, p := range s.providers {
		sealed, err := p.Store.Get(ctx, c.ID.Key(), repository.MaxChunkSealed)
		if err == nil {
			// The id promises the plaintext: a copy that opens is the right one, whoever sealed it.
			*buf, err = s.repo.keys.OpenChunk((*buf)[:0], c.ID, sealed, repository.MaxChunkPlain)
		}
		if err == nil && int64(len(*buf)) != c.Plain {
			err = errWrongBytes
		}
		if err == nil {
			s.mu.Lock()
			s.served[p.Name]++
			s.mu.Unlock()
			return buf, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		last = err
		damage = s.note(p.Name, c, err) || damage
	}
	if !damage {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "chunk %s cannot be read from any provider: %s", c.ID, explain(last))
	}
	return nil, keepsake.Errorf(keepsake.CodeDamaged, "chunk %s is missing or damaged at every provider asked: %s", c.ID, keepsake.MessageOf(last))
}

// note records a bad copy and reports whether it is damage.
func (s *source) note(provider string, c *repository.Chunk, err error) bool {
	f := findingOf(provider, c.ID.Key(), err)
	if errors.Is(err, storage.ErrNotFound) {
		f.Damage = true
	}
	s.mu.Lock()
	s.damaged = append(s.damaged, f)
	s.mu.Unlock()
	s.track.warnf("Provider %s, %s: %s Another provider's copy is tried.", provider, f.Object, f.Problem)
	return f.Damage
}

func (s *source) release(b *[]byte) { s.buffers.Put(b) }

// best is the provider that served most chunks.
func (s *source) best() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, most := "", int64(0)
	for _, p := range s.providers {
		if s.served[p.Name] > most {
			name, most = p.Name, s.served[p.Name]
		}
	}
	return name
}

// archive writes the schema's archive into a file that only this user can read. It holds definitions, no rows.
func (s *source) archive(ctx context.Context, chunks []repository.Chunk) (path string, err error) {
	f, err := os.CreateTemp("", "keepsake-schema-")
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeUnavailable, "no room for the schema's archive in the temporary directory: %w", err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	for i := range chunks {
		b, err := s.chunk(ctx, &chunks[i])
		if err != nil {
			return f.Name(), err
		}
		_, err = f.Write(*b)
		s.release(b)
		if err != nil {
			return f.Name(), err
		}
	}
	return f.Name(), nil
}

// lookAhead is how many opened chunks wait for one loader.
const lookAhead = 2

// rows streams a table's rows as COPY expects them: opened chunks one after the other, the next ones being fetched while
// PostgreSQL takes the current one. The caller closes it.
func (s *source) rows(ctx context.Context, t *repository.Table, loaded func(plain int64)) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	r := &rowStream{s: s, done: ctx.Err, cancel: cancel, next: make(chan opened, lookAhead), loaded: loaded, binary: t.Format == repository.FormatBinary}
	if r.binary {
		r.current = binaryHeader
	}
	r.wg.Go(func() {
		defer close(r.next)
		for i := range t.Ranges {
			for j := range t.Ranges[i].Chunks {
				b, err := s.chunk(ctx, &t.Ranges[i].Chunks[j])
				select {
				case r.next <- opened{b, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		}
	})
	return r
}

// The binary COPY format's header (signature, no flags, no extension) and trailer.
var (
	binaryHeader  = append([]byte("PGCOPY\n\377\r\n\000"), make([]byte, 8)...)
	binaryTrailer = []byte{0xff, 0xff}
)

type opened struct {
	plain *[]byte
	err   error
}

type rowStream struct {
	s       *source
	done    func() error // not nil when the fetching was cancelled
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	next    chan opened
	loaded  func(int64)
	binary  bool
	held    *[]byte
	current []byte
	ended   bool
}

func (r *rowStream) Read(p []byte) (int, error) {
	for len(r.current) == 0 {
		if r.held != nil {
			r.loaded(int64(len(*r.held)))
			r.s.release(r.held)
			r.held = nil
		}
		if r.ended {
			return 0, io.EOF
		}
		o, more := <-r.next
		switch {
		case !more && r.done() != nil:
			return 0, r.done()
		case !more:
			r.ended = true
			if r.binary {
				r.current = binaryTrailer
			}
		case o.err != nil:
			return 0, o.err
		default:
			r.held, r.current = o.plain, *o.plain
		}
	}
	n := copy(p, r.current)
	r.current = r.current[n:]
	return n, nil
}

func (r *rowStream) Close() error {
	r.cancel()
	for range r.next { // let the fetcher end
	}
	r.wg.Wait()
	return nil
}
