package snapshot

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/repository/repositorytest"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// withChunks lists chunks that it does not have.
type withChunks struct {
	storage.Provider
	ids []repository.ChunkID
}

func (w *withChunks) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if prefix == replicas.ChunkPrefix {
		for _, id := range w.ids {
			if err := fn(storage.Object{Key: id.Key(), Size: 3 << 20}); err != nil {
				return err
			}
		}
	}
	return w.Provider.List(ctx, prefix, fn)
}

// terabyte is a repository with one recovery point of 4 billion rows, of which only the index is there.
func terabyte(b *testing.B) *replicas.Set {
	ctx, dir := b.Context(), filepath.Join(b.TempDir(), "repository")
	store, err := storage.OpenFile(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		b.Fatal(err)
	}
	at := &withChunks{Provider: store}
	set := &replicas.Set{
		Providers: []replicas.Provider{{Name: "local", Medium: "disk", Store: at}},
		Key:       repository.KeySource{Key: repository.NewKeyFile()},
		Now:       time.Now,
	}
	if _, err := set.Init(ctx); err != nil {
		b.Fatal(err)
	}
	r, err := set.Open(ctx)
	if err != nil {
		b.Fatal(err)
	}
	put := func(key string, sealed []byte) {
		if err := store.Put(ctx, key, sealed, sha256.Sum256(sealed), true); err != nil {
			b.Fatal(err)
		}
	}
	made, err := repositorytest.Make(ctx, r.Keys, func(_ context.Context, page []byte) (repository.Ref, error) {
		ref, err := r.Keys.Name(repository.ObjectIndex, page, nil)
		if err != nil {
			return ref, err
		}
		sealed, err := r.Keys.Seal(nil, &ref, page, repository.Thorough)
		if err == nil {
			ref.Size = int64(len(sealed))
			put(ref.Key(), sealed)
		}
		return ref, err
	}, repositorytest.Terabyte)
	if err != nil {
		b.Fatal(err)
	}
	key, sealed, err := r.Keys.SealManifest(made.Manifest)
	if err != nil {
		b.Fatal(err)
	}
	put(key, sealed)
	b.ReportMetric(float64(len(sealed))/1024, "KiB-manifest")
	for i := range made.Manifest.Tables {
		src := replicas.NewSource(r, set.Providers, made.Manifest.ID, report.NewTracker(nil, time.Now))
		for part, err := range made.Manifest.Tables[i].EachRange(ctx, src.Page) {
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range part.Chunks {
				at.ids = append(at.ids, c.ID)
			}
		}
	}
	return set
}

// peak looks at the heap until the returned function is called, which returns the most that was seen, in MiB.
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

// BenchmarkFourBillionRows lists the points of a repository of a terabyte, opens one, and plans an
// incremental upon it: what is read of the parent, and what the provider lists. Goal: 256 MiB of memory.
func BenchmarkFourBillionRows(b *testing.B) {
	set := terabyte(b)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(160 << 20)) // as the program does
	for name, work := range map[string]func(context.Context) error{
		"list": func(ctx context.Context) error { _, err := set.Points(ctx, ""); return err },
		"open": func(ctx context.Context) error { _, err := set.Point(ctx, "latest"); return err },
		"plan": func(ctx context.Context) (err error) {
			run := &backup{
				Taker:   &Taker{Replicas: set, Now: time.Now},
				track:   report.NewTracker(nil, time.Now),
				reading: report.NewTracker(nil, time.Now),
				pages:   map[repository.ChunkID]repository.Ref{},
			}
			defer run.track.Close()
			defer run.reading.Close()
			if run.repo, err = set.Open(ctx); err != nil {
				return err
			}
			return run.lookAtProviders(ctx)
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				heap := peak()
				if err := work(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(heap(), "MiB-memory")
			}
		})
	}
}
