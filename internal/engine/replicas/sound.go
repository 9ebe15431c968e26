package replicas

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// Two backups at once, of two machines or of cron and the console, do not know of each other. What neither
// finds stored, both seal, and every seal has other bytes: the provider keeps the one that came first, and
// providers that only one of them writes keep its own. So a chunk's bytes do not make it the right one. A
// copy is sound when it opens under the chunk's name and its plaintext has the chunk's id: the id is a keyed
// hash, which nobody can meet with another plaintext. That holds for a writer's seal as well: its name is a
// hash of what is packed, so with a writer's key one can seal the same rows again, and no other rows.

// seal is what a sealed object looks like from outside.
type seal struct {
	size int64
	sum  repository.Sum
}

// Sealed is one sealed chunk or index page on its way to the providers.
type Sealed struct {
	id   repository.ChunkID
	kind repository.ObjectKind
	Body []byte
	Sum  repository.Sum
}

// NewSealed returns the sealed object that a reference names.
func NewSealed(c *repository.Ref, body []byte) *Sealed {
	return &Sealed{id: c.ID, kind: c.Kind, Body: body, Sum: sha256.Sum256(body)}
}

func (s *Sealed) key() string { return (&repository.Ref{Kind: s.kind, ID: s.id}).Key() }

// opens reports whether an object is a sound copy of what has this id. A writer's key opens nothing.
func opens(keys *repository.Keyring, kind repository.ObjectKind, id repository.ChunkID, body []byte) bool {
	var err error
	if kind == repository.ObjectIndex {
		_, err = keys.OpenPage(id, body, repository.MaxChunkPlain)
	} else {
		_, err = keys.OpenChunk(nil, id, body, repository.MaxChunkPlain)
	}
	return err == nil
}

// Opens returns why an object is no sound copy of what a reference names, or nil when it is one.
func (r *Repo) Opens(c *repository.Ref, body []byte) error {
	_, err := r.Keys.Open(nil, c, body)
	return err
}

// GetSealed reads one copy of a chunk or page, whoever sealed it. It reads no more bytes than such an object can
// have.
func GetSealed(ctx context.Context, p Provider, c *repository.Ref) ([]byte, error) {
	return p.Store.Get(ctx, c.Key(), min(max(c.Size, c.Plain+repository.MaxOverhead), repository.MaxChunkSealed))
}

// SoundCopy reads one copy of a chunk and returns it if it is sound. It does not open a copy with the bytes that the
// manifest names, because their sealing proved them. With a writer's key no other copy is sound, because sealing the
// same rows gives the same bytes.
func (r *Repo) SoundCopy(ctx context.Context, p Provider, c *repository.Ref) ([]byte, error) {
	body, err := GetSealed(ctx, p, c)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) == c.Size && sha256.Sum256(body) == c.SHA256 {
		return body, nil
	}
	if r.Keys.WritesOnly() {
		return nil, errWrongBytes
	}
	return body, r.Opens(c, body)
}

// look opens a provider's copy of which no more than its size is known, and records what it is. It reports
// whether it is sound.
func (x *Index) look(ctx context.Context, r *Repo, p Provider, bit uint16, c *repository.Ref) bool {
	body, err := r.SoundCopy(ctx, p, c)
	switch {
	case err == nil:
		x.took(c.ID, bit, seal{int64(len(body)), sha256.Sum256(body)})
	case isDamage(err):
		x.Distrust(c.ID, bit)
	}
	return err == nil
}

// put uploads a chunk to a provider and records what is there then; it reports whether it was uploaded. Where
// another run was faster, its copy is taken as it is once it has been opened. Where the name is taken by
// bytes that do not open, left by a run that was killed or damaged since, they are replaced: the name
// promises the content.
func (x *Index) put(ctx context.Context, store storage.Provider, bit uint16, s *Sealed) (bool, error) {
	key, known := s.key(), x.Get(s.id)
	if known.bad&bit == 0 {
		err := storage.ErrExists
		if known.Odd&bit == 0 {
			err = store.Put(ctx, key, s.Body, s.Sum, false)
		}
		if err == nil {
			x.stored(s, bit)
			return true, nil
		}
		if !errors.Is(err, storage.ErrExists) {
			return false, err
		}
		have, err := store.Get(ctx, key, repository.MaxChunkSealed)
		if err == nil {
			if sum := sha256.Sum256(have); sum == s.Sum || opens(x.keys, s.kind, s.id, have) {
				x.took(s.id, bit, seal{int64(len(have)), sum})
				return false, nil
			}
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	if err := store.Put(ctx, key, s.Body, s.Sum, true); err != nil {
		return false, err
	}
	x.stored(s, bit)
	return true, nil
}

// Existing returns the object that another run left at a provider or is uploading now, and whether it found a sound
// copy.
func (x *Index) Existing(ctx context.Context, r *Repo, c *repository.Ref, e Entry) (s *Sealed, found bool, err error) {
	listed := e.At | e.Odd
	bit := func(p Provider) uint16 { return ProviderBit(r.Providers, p.Name) }
	from := slices.DeleteFunc(slices.Clone(r.Providers), func(p Provider) bool { return listed&bit(p) == 0 })
	var holder uint16
	q := FirstSound[[]byte]{What: "chunks", size: c.Plain}
	q.Ask = func(ctx context.Context, p Provider) ([]byte, error) {
		return p.Store.Get(ctx, c.Key(), repository.MaxChunkSealed)
	}
	q.Sound = func(p Provider, body []byte) error {
		if !opens(r.Keys, c.Kind, c.ID, body) {
			return errWrongBytes
		}
		holder, s = bit(p), NewSealed(c, body)
		return nil
	}
	q.Failed = func(p Provider, err error) {
		listed &^= bit(p)
		if isDamage(err) {
			x.Distrust(c.ID, bit(p))
		} else {
			x.doubt(c.ID, bit(p)) // its list says that something is there, and it does not say what
		}
	}
	if found = q.Read(ctx, from); !found {
		return nil, false, ctx.Err()
	}
	x.doubt(c.ID, listed&^holder) // without a manifest nothing says that the others hold the same bytes
	x.confirm(c.ID, holder)
	return s, true, nil
}

// stored records that a provider has been given a chunk.
func (x *Index) stored(s *Sealed, bit uint16) {
	x.took(s.id, bit, seal{int64(len(s.Body)), s.Sum})
	x.mu.Lock()
	x.sent[bit] += int64(len(s.Body))
	x.mu.Unlock()
}

// took records that a provider holds a sound copy, and which one where it is not that of this run.
func (x *Index) took(id repository.ChunkID, bit uint16, have seal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(id)
	e.is(bit, 0, 0)
	if !e.known || have == (seal{e.Size, e.Sum}) {
		delete(x.others[id], bit)
		return
	}
	if x.others[id] == nil {
		x.others[id] = map[uint16]seal{}
	}
	x.others[id][bit] = have
}

// Adopt lets a reference name a seal of the chunk that a provider keeps, where no provider keeps the one it names.
// Then listing sizes is enough to verify it, and the next backup takes it over without a look.
func (x *Index) Adopt(c *repository.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, others := x.entries[c.ID], x.others[c.ID]
	if e == nil || len(others) == 0 {
		return
	}
	own, first := e.At, uint16(0)
	for i := range maxProviders {
		bit := uint16(1) << i
		if _, other := others[bit]; other && e.At&bit != 0 {
			own &^= bit
			if first == 0 {
				first = bit
			}
		}
	}
	if own == 0 && first != 0 {
		c.Size, c.SHA256 = others[first].size, others[first].sum
	}
}

// Put stores an object at one provider, unless the index knows that the provider holds it.
func (x *Index) Put(ctx context.Context, to Provider, bit uint16, s *Sealed) error {
	if x.Get(s.id).At&bit != 0 {
		return nil
	}
	_, err := x.put(ctx, to.Store, bit, s)
	return err
}
