package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// pagesOnTheWay keeps index pages and gives none back that it was told to withhold, as providers do before a page that
// a backup has made has arrived.
type pagesOnTheWay struct {
	pages    map[repository.ChunkID][]byte
	withheld bool
	keys     uint64 // of all runs
}

func (p *pagesOnTheWay) store(_ context.Context, page []byte) (repository.Ref, error) {
	id := repository.ChunkID(sha256.Sum256(page))
	if !p.withheld {
		p.pages[id] = bytes.Clone(page)
	}
	return repository.Ref{Kind: repository.ObjectIndex, ID: id, Plain: int64(len(page)), Size: int64(len(page))}, nil
}

func (p *pagesOnTheWay) read(_ context.Context, r repository.Ref) ([]byte, error) {
	if page := p.pages[r.ID]; page != nil {
		return page, nil
	}
	return nil, fmt.Errorf("page %s is not there yet", r.ID)
}

// add gives a builder chunks with that many keys each, which no other chunk has.
func (p *pagesOnTheWay) add(b *repository.RunBuilder, chunks, keys int) {
	for range chunks {
		hashes := make([]repository.KeyHash, keys)
		for i := range hashes {
			p.keys++
			hashes[i] = repository.KeyHash(xxh3.Hash(binary.BigEndian.AppendUint64(nil, p.keys)))
		}
		id := repository.ChunkID(sha256.Sum256(binary.BigEndian.AppendUint64(nil, p.keys)))
		b.Add(id, []repository.KeySet{repository.NewKeySet(hashes)})
	}
}

// parentsRuns are runs of one chunk each whose pages are at the providers.
func (p *pagesOnTheWay) parentsRuns(t *testing.T, runs, keys int) (list []*repository.Run) {
	b := repository.NewRunBuilder(1)
	for range runs {
		p.add(b, 1, keys)
		r, err := b.Run(t.Context(), p.store)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// mergedRuns merges the runs of a table's lists after what read adds to them.
func mergedRuns(t *testing.T, p *pagesOnTheWay, was []*repository.Run, read func(*tableLists)) []*repository.Run {
	l := &tableLists{
		builder: repository.NewRunBuilder(1),
		recent:  map[repository.ChunkID][]byte{},
		store:   p.store,
		read:    p.read,
		was:     was,
	}
	read(l)
	if err := l.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs, live := append(was[:len(was):len(was)], l.made...), map[repository.ChunkID]bool{}
	for _, r := range runs {
		for _, id := range r.Chunks {
			live[id] = true
		}
	}
	merged, err := l.merge(t.Context(), runs, live)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range merged {
		for _, id := range r.Chunks {
			delete(live, id)
		}
	}
	if len(live) > 0 {
		t.Errorf("%d chunks are in no run any more", len(live))
	}
	return merged
}

// TestMergingReadsNoPageThatIsOnItsWay: a provider may not have yet what the backup has made, neither a run that was
// merged just now nor one of many pages.
func TestMergingReadsNoPageThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		was  int
		read func(*testing.T, *pagesOnTheWay, *tableLists)
	}{
		"more runs of the parent than become one": {50, func(_ *testing.T, p *pagesOnTheWay, l *tableLists) {
			p.add(l.builder, 1, 3000)
		}},
		"a full run and a small one": {fanIn - 1, func(t *testing.T, p *pagesOnTheWay, l *tableLists) {
			p.add(l.builder, repository.MostChunks, 500)
			if err := l.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.add(l.builder, 1, 3000)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pagesOnTheWay{pages: map[repository.ChunkID][]byte{}}
			was := p.parentsRuns(t, c.was, 3000)
			p.withheld = true
			merged := mergedRuns(t, p, was, func(l *tableLists) { c.read(t, p, l) })
			if len(merged) >= len(was) {
				t.Errorf("there are %d runs where there were %d", len(merged), len(was))
			}
		})
	}
}

// TestRunsOfATableStayFew takes many backups one after the other: a table has few runs, and no pair is written often.
func TestRunsOfATableStayFew(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for name, keys := range map[string]func() int{
		"of equal backups":       func() int { return 2500 },
		"of backups of any size": func() int { return 1 << r.IntN(15) },
		"of one changed row":     func() int { return 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := &pagesOnTheWay{pages: map[repository.ChunkID][]byte{}}
			var runs []*repository.Run
			added, merged := uint64(0), uint64(0)
			const backups = 400
			for range backups {
				n := keys()
				before := slices.Clone(runs)
				runs = mergedRuns(t, p, runs, func(l *tableLists) { p.add(l.builder, 1, n) })
				written := uint64(0)
				for _, r := range runs {
					if !slices.Contains(before, r) && len(r.Chunks) > 1 {
						written += r.Pairs()
					}
				}
				if most := 2 * max(smallRuns, addedShare*uint64(n)); written > most {
					t.Fatalf("%d pairs are written again for %d", written, n)
				}
				added, merged = added+uint64(n), merged+written
			}
			if len(runs) > 40 || merged > 5*added+backups*smallRuns/fanIn {
				t.Errorf("there are %d runs; of %d pairs %d were written again", len(runs), added, merged)
			}
		})
	}
}
