package storage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

// put stores a body of so many bytes through p.
func put(ctx context.Context, p storage.Provider, key string, size int) error {
	body := make([]byte, size)
	return p.Put(ctx, key, body, sha256.Sum256(body), false)
}

// TestSilenceEndsAllCalls: one call that hears nothing for too long ends all, and later ones fail at once.
func TestSilenceEndsAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storagetest.Hanging(storagetest.NewMem())
		var told atomic.Int64
		a := storage.Attend(storage.Retry(h, storage.RetryOptions{}), 15*time.Second, func() { told.Add(1) })
		if err := put(t.Context(), a, "chunks/a", 100); err != nil {
			t.Fatal(err)
		}
		h.Hang(false, func(string, string) bool { return true })
		start := time.Now()
		errs := make(chan error, 3)
		for _, key := range []string{"chunks/b", "chunks/c", "chunks/d"} {
			go func() { errs <- put(t.Context(), a, key, 100) }()
		}
		var silent *storage.SilentError
		for range 3 {
			if err := <-errs; !errors.As(err, &silent) || !errors.Is(err, storage.ErrTimeout) {
				t.Errorf("%v", err)
			}
		}
		if took := time.Since(start); took < 15*time.Second || took > 16*time.Second {
			t.Errorf("it took %s", took)
		}
		start = time.Now()
		if _, err := a.Get(t.Context(), "chunks/a", 100); !errors.Is(err, storage.ErrTimeout) || time.Since(start) != 0 {
			t.Errorf("a later call took %s: %v", time.Since(start), err)
		}
		if words := storage.Explain(silent); !strings.Contains(words,
			"did not answer for 15 s while it was to store chunks") {
			t.Errorf("it is explained as %q", words)
		}
		synctest.Wait()
		if hung, over := h.Hung(); hung != over || told.Load() != 1 {
			t.Errorf("%d calls hung, %d are over; told %d times", hung, over, told.Load())
		}
	})
}

// steady is a store that takes its time for each byte, and answers.
type steady struct {
	storage.Provider
	perSecond int
}

func (s steady) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	select {
	case <-time.After(time.Duration(len(body)) * time.Second / time.Duration(s.perSecond)):
		return s.Provider.Put(ctx, key, body, sum, replace)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSlowIsNotSilent: a store whose bytes nobody sees moving gets chunk after chunk, at 1 MiB a second and, once that
// was measured, slower.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steady{storagetest.NewMem(), 1 << 20}
		a := storage.Attend(storage.Retry(s, storage.RetryOptions{}), 15*time.Second, nil)
		for i, speed := range []int{1 << 20, 1 << 20, 700 << 10, 500 << 10, 400 << 10, 300 << 10, 256 << 10, 256 << 10} {
			s.perSecond = speed
			if err := put(t.Context(), a, "chunks/"+string(rune('a'+i)), 8<<20); err != nil {
				t.Fatalf("at %d KiB a second: %v", speed>>10, err)
			}
		}
	})
}

// TestReadingDoesNotHideThatWritingHangs: a store that can be read and hangs when it is written is given up.
func TestReadingDoesNotHideThatWritingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storagetest.Hanging(storagetest.NewMem())
		a := storage.Attend(storage.Retry(h, storage.RetryOptions{}), 15*time.Second, nil)
		if err := put(t.Context(), a, "chunks/a", 100); err != nil {
			t.Fatal(err)
		}
		h.Hang(false, func(verb, _ string) bool { return verb == "put" })
		ended := make(chan error, 1)
		go func() { ended <- put(t.Context(), a, "chunks/b", 100) }()
		for range 16 {
			_, _ = a.Get(t.Context(), "chunks/a", 100)
			time.Sleep(time.Second) // of the bubble's clock
		}
		select {
		case err := <-ended:
			if !errors.Is(err, storage.ErrTimeout) {
				t.Error(err)
			}
		default:
			t.Error("the upload is still under way")
		}
	})
}

// TestErrorsAreNoSilence: a store that answers with errors is not given up by the operation.
func TestErrorsAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		a := storage.Attend(storage.Retry(f, storage.RetryOptions{}), 5*time.Second, nil)
		f.Down(true)
		if err := put(t.Context(), a, "chunks/a", 100); !errors.Is(err, storagetest.ErrDown) {
			t.Errorf("%v", err)
		}
		f.Down(false)
		if err := put(t.Context(), a, "chunks/a", 100); err != nil {
			t.Errorf("after it is back: %v", err)
		}
	})
}

// TestACancelledCallerIsNoSilence: that somebody gave up waiting says nothing of the store.
func TestACancelledCallerIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storagetest.Hanging(storagetest.NewMem())
		a := storage.Attend(storage.Retry(h, storage.RetryOptions{}), 15*time.Second, nil)
		h.Hang(false, func(string, string) bool { return true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := put(ctx, a, "chunks/a", 100); !errors.Is(err, context.DeadlineExceeded) ||
			errors.Is(err, storage.ErrTimeout) {
			t.Errorf("%v", err)
		}
		h.LetGo()
		if err := put(t.Context(), a, "chunks/a", 100); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

// TestDeadlineFollowsTheMeasuredThroughput: an attempt may take four times what was measured,
// and the next one twice as long.
func TestDeadlineFollowsTheMeasuredThroughput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steady{storagetest.NewMem(), 4 << 20}
		h := storagetest.Hanging(s)
		r := storage.Retry(h, storage.RetryOptions{Attempts: 2})
		if err := put(t.Context(), r, "a", 16<<20); err != nil { // four seconds
			t.Fatal(err)
		}
		h.Hang(false, func(string, string) bool { return true })
		start := time.Now()
		if err := put(t.Context(), r, "b", 16<<20); !errors.Is(err, storage.ErrTimeout) {
			t.Errorf("%v", err)
		}
		want := 3 * (10 + 4*4) * time.Second
		if took := time.Since(start); took < want || took > want+time.Second {
			t.Errorf("two attempts took %s, want %s", took, want)
		}
	})
}

// TestASlowStoreThatHangsIsGivenUpSoon: a store that was measured as slow and then hangs costs half a minute when it is
// read, however many read at once, and little more when it is written.
func TestASlowStoreThatHangsIsGivenUpSoon(t *testing.T) {
	for name, c := range map[string]struct {
		most time.Duration
		call func(ctx context.Context, p storage.Provider, key string) error
	}{
		"reading": {30 * time.Second, func(ctx context.Context, p storage.Provider, _ string) error {
			_, err := p.Get(ctx, "chunks/slow", 17<<20)
			return err
		}},
		"writing": {40 * time.Second, func(ctx context.Context, p storage.Provider,
			key string) error {
			return put(ctx, p, key, 2<<20)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &steady{storagetest.NewMem(), 256 << 10}
				h := storagetest.Hanging(s)
				a := storage.Attend(storage.Retry(h, storage.RetryOptions{}), 15*time.Second, nil)
				if err := put(t.Context(), a, "chunks/slow", 2<<20); err != nil {
					t.Fatal(err)
				}
				h.Hang(false, func(string, string) bool { return true })
				start := time.Now()
				errs := make(chan error, 4)
				for _, key := range []string{"chunks/a", "chunks/b", "chunks/c", "chunks/d"} {
					go func() { errs <- c.call(t.Context(), a, key) }()
				}
				for range 4 {
					if err := <-errs; !errors.Is(err, storage.ErrTimeout) {
						t.Error(err)
					}
				}
				if took := time.Since(start); took > c.most {
					t.Errorf("it was waited for %s", took)
				}
			})
		})
	}
}

// shared is a store whose uploads share one line, and of which no bytes are seen moving.
type shared struct {
	storage.Provider
	perSecond int
	under     atomic.Int64
}

func (s *shared) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	s.under.Add(1)
	defer s.under.Add(-1)
	for left := float64(len(body)); left > 0; left -= float64(s.perSecond) / 10 / float64(s.under.Load()) {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Provider.Put(ctx, key, body, sum, replace)
}

// TestAStoreThatManyShareIsNotGivenUp: one upload measures the speed, then four share the line.
func TestAStoreThatManyShareIsNotGivenUp(t *testing.T) {
	for _, speed := range []int{1 << 20, 512 << 10, 256 << 10} {
		synctest.Test(t, func(t *testing.T) {
			a := storage.Attend(storage.Retry(&shared{Provider: storagetest.NewMem(), perSecond: speed}, storage.RetryOptions{}),
				15*time.Second, nil)
			if err := put(t.Context(), a, "chunks/first", 2<<20); err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 4)
			for _, worker := range []string{"a", "b", "c", "d"} {
				go func() {
					var err error
					for i := 0; i < 4 && err == nil; i++ {
						err = put(t.Context(), a, "chunks/"+worker+string(rune('0'+i)), 2<<20)
					}
					errs <- err
				}()
			}
			for range 4 {
				if err := <-errs; err != nil {
					t.Errorf("at %d KiB a second: %v", speed>>10, err)
				}
			}
		})
	}
}

// TestSyncsAtOnceTakeNoTimeFromALaterOne: what two of them made durable is not counted twice, so that a later one has
// its time for what was written since.
func TestSyncsAtOnceTakeNoTimeFromALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storagetest.Hanging(storagetest.NewMem())
		a := storage.Attend(h, 15*time.Second, nil)
		syncs := func(verb, _ string) bool { return verb == "sync" }
		if err := put(t.Context(), a, "chunks/a", 64<<20); err != nil {
			t.Fatal(err)
		}
		h.Hang(false, syncs)
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- a.Sync(t.Context()) }()
		}
		synctest.Wait()
		h.LetGo()
		for range 2 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if err := put(t.Context(), a, "chunks/b", 64<<20); err != nil {
			t.Fatal(err)
		}
		h.Hang(false, syncs)
		start := time.Now()
		if err := a.Sync(t.Context()); !errors.Is(err, storage.ErrTimeout) || time.Since(start) < 17*time.Second ||
			time.Since(start) > 18*time.Second {
			t.Errorf("64 MiB were given %s: %v", time.Since(start), err)
		}
	})
}

// swallowing takes every object and keeps none. It counts what it was given since the last Sync.
type swallowing struct {
	storage.Provider
	unsynced, most atomic.Int64
}

func (s *swallowing) Put(_ context.Context, _ string, body []byte, _ [sha256.Size]byte, _ bool) error {
	if since := s.unsynced.Add(int64(len(body))); since > s.most.Load() {
		s.most.Store(since)
	}
	return nil
}

func (s *swallowing) Sync(context.Context) error {
	s.unsynced.Store(0)
	return nil
}

// TestADiskIsGivenUpInTimeAfterGigabytes: what was stored is made durable in steps, so that a disk that hangs in the
// last one is given up within half a minute however much it took before.
func TestADiskIsGivenUpInTimeAfterGigabytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := &swallowing{Provider: storagetest.NewMem()}
		h := storagetest.Hanging(taken)
		a := storage.Attend(h, storage.DefaultSilence, nil)
		store := func() error { return a.Put(t.Context(), "chunks/a", make([]byte, 8<<20), [sha256.Size]byte{}, false) }
		errs := make(chan error)
		for range 4 {
			go func() {
				var err error
				for i := 0; i < 120 && err == nil; i++ {
					err = store()
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if most := taken.most.Load(); most > 420<<20 {
			t.Errorf("%d MiB were taken before they were made durable", most>>20)
		}
		h.Hang(false, func(op, _ string) bool { return op == "sync" })
		start := time.Now()
		if err := a.Sync(t.Context()); !errors.Is(err, storage.ErrTimeout) || time.Since(start) > 30*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// TestAStepThatHangsEndsWhoWaits: while a step is made durable, who would store more waits, and ends with it.
func TestAStepThatHangsEndsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storagetest.Hanging(&swallowing{Provider: storagetest.NewMem()})
		h.Hang(false, func(op, _ string) bool { return op == "sync" })
		a := storage.Attend(h, storage.DefaultSilence, nil)
		start := time.Now()
		errs := make(chan error)
		for range 4 {
			go func() {
				var err error
				for err == nil {
					err = a.Put(t.Context(), "chunks/a", make([]byte, 8<<20), [sha256.Size]byte{}, false)
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; !errors.Is(err, storage.ErrTimeout) || time.Since(start) > 30*time.Second {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
		}
	})
}
