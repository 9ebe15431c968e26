package scope

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/repository/repositorytest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// syntheticChunks reads index pages from a directory, and makes up a row for each chunk that is opened.
type syntheticChunks struct {
	keys  *repository.Keyring
	dir   string
	made  *repositorytest.Synthetic
	read  atomic.Int64 // sealed bytes of pages
	pages atomic.Int64
	opens atomic.Int64
}

func (s *syntheticChunks) store(_ context.Context, page []byte) (repository.Ref, error) {
	ref, err := s.keys.Name(repository.ObjectIndex, page, nil)
	if err != nil {
		return ref, err
	}
	sealed, err := s.keys.Seal(nil, &ref, page, repository.Thorough)
	if err != nil {
		return ref, err
	}
	ref.Size = int64(len(sealed))
	return ref, os.WriteFile(filepath.Join(s.dir, ref.ID.String()), sealed, 0o600)
}

func (s *syntheticChunks) Page(_ context.Context, ref repository.Ref) ([]byte, error) {
	sealed, err := os.ReadFile(filepath.Join(s.dir, ref.ID.String()))
	if err != nil {
		return nil, err
	}
	s.read.Add(int64(len(sealed)))
	s.pages.Add(1)
	return s.keys.Open(nil, &ref, sealed)
}

func (s *syntheticChunks) Open(_ context.Context, c *repository.Chunk, _ []byte) ([]byte, error) {
	n := s.opens.Add(1)
	row := []byte{0, 2, 0, 0, 0, 8}
	if s.made.InWeddings[c.ID] {
		return append(binary.BigEndian.AppendUint64(row, s.made.Wedding), 0, 0, 0, 2, 'o', 'k'), nil
	}
	row = append(binary.BigEndian.AppendUint64(row, uint64(n)), 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(row, s.made.Wedding), nil
}

// peak looks at the live heap until the returned function is called, which returns the most that was seen, in MiB.
func peak() func() float64 {
	stop, result := make(chan struct{}), make(chan uint64)
	go func() {
		sample, most := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}, uint64(0)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-stop:
				result <- most
				return
			}
		}
	}()
	return func() float64 { close(stop); return float64(<-result) / (1 << 20) }
}

// BenchmarkOneWeddingOutOfTenMillion plans what one wedding's restore reads: 10 million weddings, 4 billion
// rows, 125,000 page ranges of 8 MiB, its rows scattered over some 300 of them. Goals: 128 MiB of index, 256
// MiB of memory, 5 seconds.
func BenchmarkOneWeddingOutOfTenMillion(b *testing.B) {
	_, keys, err := repository.Create(repository.CreateOptions{Key: repository.NewKeyFile()})
	if err != nil {
		b.Fatal(err)
	}
	s := &syntheticChunks{keys: keys, dir: b.TempDir()}
	if s.made, err = repositorytest.Make(b.Context(), keys, s.store, repositorytest.Terabyte); err != nil {
		b.Fatal(err)
	}
	m := s.made.Manifest
	for b.Loop() {
		s.read.Store(0)
		s.pages.Store(0)
		s.opens.Store(0)
		heap := peak()
		plan, err := FromManifest(m, keepsake.DefaultDataMap(), "weddings")
		if err != nil {
			b.Fatal(err)
		}
		rows, err := Read(b.Context(), plan, m, s, strconv.FormatUint(s.made.Wedding, 10))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(heap(), "MiB-memory")
		b.ReportMetric(float64(s.read.Load())/(1<<20), "MiB-index")
		b.ReportMetric(float64(s.pages.Load()), "pages")
		b.ReportMetric(float64(rows.ChunksRead), "chunks")
		if found := rows.Count("public.guests"); found < int64(s.made.Holding) || found > int64(s.made.Holding)+20 {
			b.Fatalf("%d chunks are named, and %d hold its rows", found, s.made.Holding)
		}
	}
}
