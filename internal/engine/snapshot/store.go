package snapshot

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// store makes sure that the chunk or index page with this plaintext is at the providers, or on its way to them.
func (b *backup) store(ctx context.Context, kind repository.ObjectKind, plain []byte) (repository.Ref, error) {
	if b.repo.Keys.WritesOnly() {
		return b.storeWritten(ctx, kind, plain)
	}
	ref, err := b.name(kind, plain)
	if err != nil {
		return ref, err
	}
	e, mine, err := b.index.Claim(ctx, ref.ID)
	if err != nil {
		return ref, err
	}
	if mine {
		var s *replicas.Sealed
		if s, err = b.seal(ctx, &ref, e, plain); err != nil {
			b.index.Settle(ref.ID, 0, nil)
			return ref, err
		}
		e.Size, e.Sum = int64(len(s.Body)), s.Sum
		b.index.Settle(ref.ID, e.Size, &s.Sum)
		if err := replicas.Send(ctx, b.lanes, s, b.index.Get(ref.ID).At); err != nil {
			return ref, err
		}
	}
	ref.Size, ref.SHA256 = e.Size, e.Sum
	return ref, nil
}

// name returns a reference to what has this plaintext, without what sealing tells. It takes no condemned name.
func (b *backup) name(kind repository.ObjectKind, plain []byte) (repository.Ref, error) {
	return b.repo.Keys.Name(kind, plain, b.removals.Condemned)
}

// storePage is store for a page of slots or runs.
func (b *backup) storePage(ctx context.Context, page []byte) (repository.Ref, error) {
	ref, err := b.store(ctx, repository.ObjectIndex, page)
	if err == nil {
		b.keepPages([]repository.Ref{ref})
	}
	return ref, err
}

// keepPages notes pages that the recovery point has.
func (b *backup) keepPages(refs []repository.Ref) {
	b.pagesMu.Lock()
	defer b.pagesMu.Unlock()
	for _, ref := range refs {
		if _, noted := b.pages[ref.ID]; !noted {
			b.pages[ref.ID] = ref
		}
	}
}

// seal returns the sealed form of a chunk or page: the bytes that another run left at a provider, or is
// uploading now, if they are sound, else new ones.
func (b *backup) seal(
	ctx context.Context, ref *repository.Ref, e replicas.Entry, plain []byte,
) (*replicas.Sealed, error) {
	there, found, err := b.index.Existing(ctx, b.repo, ref, e)
	if found || err != nil {
		return there, err
	}
	var body []byte
	if ref.Kind == repository.ObjectIndex {
		body, err = b.repo.Keys.Seal(nil, ref, plain, repository.Thorough)
	} else {
		body, err = b.repo.Keys.Seal(nil, ref, plain, replicas.Effort(b.lanes))
		b.chunksNew.Add(1)
	}
	if err != nil {
		return nil, err
	}
	b.bytesNew.Add(int64(len(body)))
	return replicas.NewSealed(ref, body), nil
}

// latePage is an index page that is made when the first provider is whole.
type latePage struct {
	repository.Ref
	plain  []byte           // of one that the parent has as well: it is sealed again where a provider has lost it
	sealed *replicas.Sealed // otherwise
}

// storeLate keeps a page in memory until every provider has it.
func (b *backup) storeLate(_ context.Context, page []byte) (repository.Ref, error) {
	p := &latePage{}
	if b.repo.Keys.WritesOnly() {
		ref, body, err := b.repo.Keys.SealWritten(repository.ObjectIndex, page, repository.Thorough, b.removals.Condemned)
		if err != nil {
			return p.Ref, err
		}
		p.Ref = ref
		p.sealed = replicas.NewSealed(&p.Ref, body)
	} else {
		var err error
		if p.Ref, err = b.name(repository.ObjectIndex, page); err != nil {
			return p.Ref, err
		}
		if e, known := b.index.Known(p.ID); known {
			p.Size, p.plain = e.Size, append([]byte{}, page...)
			b.late = append(b.late, p)
			return p.Ref, nil
		}
		body, err := b.repo.Keys.Seal(nil, &p.Ref, page, repository.Thorough)
		if err != nil {
			return p.Ref, err
		}
		p.sealed = replicas.NewSealed(&p.Ref, body)
	}
	p.Size = int64(len(p.sealed.Body))
	b.index.Doubt(p.ID, p.Size, p.sealed.Sum)
	b.bytesNew.Add(p.Size)
	b.late = append(b.late, p)
	return p.Ref, nil
}

// putAt stores the page at a provider that does not have it.
func (p *latePage) putAt(ctx context.Context, b *backup, l *replicas.Lane) error {
	s := p.sealed
	if s == nil {
		if b.index.Get(p.ID).At&l.Bit != 0 {
			return nil
		}
		body, err := b.repo.Keys.Seal(nil, &p.Ref, p.plain, repository.Thorough)
		if err != nil {
			return err
		}
		s = replicas.NewSealed(&p.Ref, body)
	}
	return b.index.Put(ctx, l.Provider, l.Bit, s)
}
