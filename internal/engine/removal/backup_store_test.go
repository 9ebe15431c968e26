package removal_test

import (
	"context"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

func (b *snapshot) store(ctx context.Context, kind repository.ObjectKind, plain []byte) (repository.Ref, error) {
	if b.repo.Keys.WritesOnly() {
		return b.storeWritten(ctx, kind, plain)
	}
	ref, err := b.repo.Keys.Name(kind, plain, b.removals.Condemned)
	if err != nil {
		return ref, err
	}
	e, mine, err := b.index.Claim(ctx, ref.ID)
	if err != nil {
		return ref, err
	}
	if mine {
		s, found, err := b.index.Existing(ctx, b.repo, &ref, e)
		if err == nil && !found {
			var body []byte
			body, err = b.repo.Keys.Seal(nil, &ref, plain, repository.Fast)
			s = replicas.NewSealed(&ref, body)
		}
		if err != nil {
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

func (b *snapshot) storeWritten(ctx context.Context, kind repository.ObjectKind, plain []byte) (repository.Ref, error) {
	ref, body, err := b.repo.Keys.SealWritten(kind, plain, repository.Thorough, b.removals.Condemned)
	if err != nil {
		return ref, err
	}
	s := replicas.NewSealed(&ref, body)
	ref.SHA256 = s.Sum
	b.index.Expect(ref.ID, ref.Size, s.Sum)
	_, mine, err := b.index.Claim(ctx, ref.ID)
	if err != nil || !mine {
		return ref, err
	}
	b.index.Settle(ref.ID, ref.Size, &s.Sum)
	return ref, replicas.Send(ctx, b.lanes, s, b.index.Get(ref.ID).At)
}

// latePage is an index page that is made when the first provider is whole.
type latePage struct {
	repository.Ref
	plain  []byte
	sealed *replicas.Sealed
}

func (b *snapshot) storeLate(_ context.Context, page []byte) (repository.Ref, error) {
	p := &latePage{}
	var body []byte
	var err error
	if b.repo.Keys.WritesOnly() {
		p.Ref, body, err = b.repo.Keys.SealWritten(repository.ObjectIndex, page, repository.Thorough, b.removals.Condemned)
	} else if p.Ref, err = b.repo.Keys.Name(repository.ObjectIndex, page, b.removals.Condemned); err == nil {
		if e, known := b.index.Known(p.ID); known {
			p.Size, p.plain = e.Size, slices.Clone(page)
			b.late = append(b.late, p)
			return p.Ref, nil
		}
		body, err = b.repo.Keys.Seal(nil, &p.Ref, page, repository.Thorough)
	}
	if err != nil {
		return p.Ref, err
	}
	p.sealed = replicas.NewSealed(&p.Ref, body)
	p.Size = int64(len(body))
	b.index.Doubt(p.ID, p.Size, p.sealed.Sum)
	b.late = append(b.late, p)
	return p.Ref, nil
}

func (p *latePage) putAt(ctx context.Context, b *snapshot, l *replicas.Lane) error {
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
