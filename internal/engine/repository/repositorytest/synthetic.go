// Package repositorytest makes, in seconds, the index of a recovery point as a platform of a terabyte leaves it,
// without any rows behind it. Benchmarks use it, and the program never does.
package repositorytest

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Size says how large the platform is.
type Size struct {
	Weddings     int
	Chunks       int // of the table guests, one in each page range
	RowsPerChunk int // each of another wedding, drawn
	ChunksPerRun int
	// Distinct is how many runs have pairs of their own; each other one shares their pages, under chunks of
	// its own. A lookup reads as much.
	Distinct int
}

// Terabyte is the size of a platform with 4 billion rows and 10 million weddings.
var Terabyte = Size{Weddings: 10_000_000, Chunks: 125_000, RowsPerChunk: 32_000, ChunksPerRun: 250, Distinct: 5}

// Synthetic is the index that Make made.
type Synthetic struct {
	Manifest *repository.Manifest
	Wedding  uint64 // one whose rows are in about as many chunks as the average
	Holding  int    // how many
	// InWeddings are the chunks of the table weddings; each other one is of guests, or of the schema.
	InWeddings map[repository.ChunkID]bool
}

const rangePages = 1024

// maker makes one index.
type maker struct {
	Size
	k     *repository.Keyring
	store repository.Store
	r     *rand.Rand
	out   *Synthetic
}

// Make stores the index pages and returns the manifest, which is not sealed. It makes no pages of slots, because
// nothing reads them that does not compare rows.
func Make(ctx context.Context, k *repository.Keyring, store repository.Store, size Size) (*Synthetic, error) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	m := &repository.Manifest{
		Format:     repository.FormatVersion,
		Repository: k.Repository(),
		ID:         repository.NewManifestID(now),
		Time:       now,
		Type:       keepsake.BackupFull,
		Tool:       "synthetic",
		Source:     repository.Source{Database: "platform", Server: "15.4", Encoding: "UTF8"},
		Facts: repository.Facts{Keys: []repository.ForeignKey{
			{Child: "public.guests", Columns: []string{"wedding_id"}, Parent: "public.weddings", ParentColumns: []string{"id"}},
		}},
	}
	out := &Synthetic{Manifest: m, InWeddings: map[repository.ChunkID]bool{}}
	mk := &maker{size, k, store, rand.New(rand.NewPCG(1, 2)), out}
	for _, table := range []func(context.Context) (*repository.Table, error){mk.weddings, mk.guests} {
		t, err := table(ctx)
		if err != nil {
			return nil, err
		}
		m.Tables = append(m.Tables, *t)
		m.Stats.Rows += t.Rows
		m.Stats.Chunks += t.Chunks
	}
	return mk.out, m.Keep(ctx, store)
}

// Hash returns the hash of a wedding's key.
func Hash(wedding uint64) repository.KeyHash {
	return repository.HashKey(binary.BigEndian.AppendUint64(nil, wedding))
}

func (m *maker) id() (id repository.ChunkID) {
	for i := 0; i < len(id); i += 8 {
		binary.BigEndian.PutUint64(id[i:], m.r.Uint64())
	}
	return id
}

// table makes ranges and slots over chunks of those ids.
func (m *maker) table(
	ctx context.Context, name, key string, columns []repository.Column, ids []repository.ChunkID, rows int,
) (*repository.Table, error) {
	t := &repository.Table{
		Name:       repository.Name{Schema: "public", Name: name},
		Kind:       repository.KindTable,
		Tier:       keepsake.TierHigh,
		Format:     repository.FormatBinary,
		Columns:    columns,
		Key:        []string{"id"},
		RangePages: rangePages,
		Layout:     "synthetic",
		FilterKeys: [][]string{{key}},
	}
	ranges := repository.NewRangeWriter(m.store)
	slots := repository.NewSlotWriter(func(ctx context.Context, page []byte) (repository.Ref, error) {
		if repository.PageKind(page[0]) == repository.PageNode {
			return m.store(ctx, page)
		}
		ref, err := m.k.Name(repository.ObjectIndex, page, nil)
		ref.Size = ref.Plain/3 + repository.Overhead
		return ref, err
	}, nil)
	var places repository.RunWriter
	for i := range rows {
		places.Add(uint64(i/32*2048 + i%32 + 1))
	}
	where := places.Take()
	for i, id := range ids {
		r := repository.Range{
			From: uint32(i) * rangePages,
			To:   uint32(i+1) * rangePages,
			Rows: int64(rows),
			Hash: repository.RowHash{Hi: m.r.Uint64(), Lo: m.r.Uint64()},
			Chunks: []repository.Chunk{{
				Ref:  repository.Ref{ID: id, Size: 3 << 20, SHA256: repository.Sum(m.id()), Plain: 8 << 20},
				Rows: int64(rows),
			}},
		}
		if i == len(ids)-1 {
			r.To = 0
		}
		if err := ranges.Add(ctx, &r); err != nil {
			return nil, err
		}
		if err := slots.Set(ctx, r.From, []repository.Placed{{ID: id, Slots: where}}); err != nil {
			return nil, err
		}
	}
	if err := ranges.Close(ctx, t); err != nil {
		return nil, err
	}
	var err error
	t.Slots, err = slots.Close(ctx)
	return t, err
}

// weddings makes the table of weddings, 80,000 in a chunk, by their ids.
func (m *maker) weddings(ctx context.Context) (*repository.Table, error) {
	const rows = 80_000
	var ids []repository.ChunkID
	var runs []*repository.Run
	b := repository.NewRunBuilder(1)
	flush := func() error {
		run, err := b.Run(ctx, m.store)
		if run != nil {
			runs = append(runs, run)
		}
		return err
	}
	for first := 0; first < m.Weddings; first += rows {
		id := m.id()
		hashes := make([]repository.KeyHash, rows)
		for i := range hashes {
			hashes[i] = Hash(uint64(first + i))
		}
		ids = append(ids, id)
		m.out.InWeddings[id] = true
		if b.Add(id, []repository.KeySet{repository.NewKeySet(hashes)}); b.Full() {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	columns := []repository.Column{{Name: "id", Type: "bigint"}, {Name: "couple", Type: "text"}}
	t, err := m.table(ctx, "weddings", "id", columns, ids, rows)
	if err != nil {
		return nil, err
	}
	t.Runs, err = repository.WriteRuns(ctx, m.store, runs)
	return t, err
}

// guests makes the table of guests. Runs share pages of pairs, so only a few are sorted.
func (m *maker) guests(ctx context.Context) (*repository.Table, error) {
	ids := make([]repository.ChunkID, m.Chunks)
	for i := range ids {
		ids[i] = m.id()
	}
	directories := make([][]byte, m.Distinct)
	holding := map[uint64]int{} // of a few weddings: in how many chunks of the distinct runs
	for w := range uint64(2000) {
		holding[w*7] = 0
	}
	for i := range directories {
		var err error
		if directories[i], err = m.directory(ctx, holding); err != nil {
			return nil, err
		}
	}
	runs := repository.NewListWriter(repository.PageRuns, m.store)
	shares := m.Chunks / m.ChunksPerRun / m.Distinct
	for i := range m.Chunks / m.ChunksPerRun {
		page := append([]byte{}, directories[i%m.Distinct]...)
		at := 1 + len(binary.AppendUvarint(nil, uint64(m.ChunksPerRun)))
		for j, id := range ids[i*m.ChunksPerRun : (i+1)*m.ChunksPerRun] {
			copy(page[at+len(id)*j:], id[:])
		}
		ref, err := m.store(ctx, page)
		if err == nil {
			entry := append([]byte{0}, ref.ID[:]...)
			entry = binary.AppendUvarint(binary.AppendUvarint(entry, uint64(ref.Plain)), uint64(ref.Size))
			err = runs.Add(ctx, entry, repository.Node{})
		}
		if err != nil {
			return nil, err
		}
	}
	average := m.RowsPerChunk * m.ChunksPerRun * m.Distinct / m.Weddings
	for w, n := range holding {
		if n == average-1 && w > 0 && (m.out.Wedding == 0 || w < m.out.Wedding) {
			m.out.Wedding, m.out.Holding = w, n*shares
		}
	}
	columns := []repository.Column{{Name: "id", Type: "bigint"}, {Name: "wedding_id", Type: "bigint"}}
	t, err := m.table(ctx, "guests", "wedding_id", columns, ids, m.RowsPerChunk)
	if err != nil {
		return nil, err
	}
	t.Runs, err = runs.Close(ctx)
	return t, err
}

// directory makes a run with pairs of its own, and counts in how many of its chunks the weddings of holding are.
func (m *maker) directory(ctx context.Context, holding map[uint64]int) ([]byte, error) {
	b := repository.NewRunBuilder(1)
	for range m.ChunksPerRun {
		seen := map[uint64]bool{}
		hashes := make([]repository.KeyHash, m.RowsPerChunk)
		for i := range hashes {
			w := m.r.Uint64N(uint64(m.Weddings))
			if _, asked := holding[w]; asked && !seen[w] {
				seen[w] = true
				holding[w]++
			}
			hashes[i] = Hash(w)
		}
		b.Add(m.id(), []repository.KeySet{repository.NewKeySet(hashes)})
	}
	run, err := b.Run(ctx, m.store)
	if err != nil {
		return nil, err
	}
	var page []byte
	_, err = repository.WriteRuns(ctx, func(_ context.Context, p []byte) (repository.Ref, error) {
		if repository.PageKind(p[0]) == repository.PageRun {
			page = append([]byte{}, p...)
		}
		return repository.Ref{Kind: repository.ObjectIndex, Plain: int64(len(p)), Size: int64(len(p))}, nil
	}, []*repository.Run{run})
	if err == nil && page == nil {
		err = errors.New("a run is too small to have a directory of its own")
	}
	return page, err
}
