package storage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
)

var errFlaky = errors.New("flaky")

// Time in these tests is synctest's: it jumps when everybody waits.

func TestRetryTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		failures := 0
		f.FailPutOf(func(string) error {
			if failures++; failures < 4 {
				return errFlaky
			}
			return nil
		})
		var told []int
		r := storage.Retry(f, storage.RetryOptions{
			OnRetry: func(_, _ string, attempt int, _ error) { told = append(told, attempt) }})
		start := time.Now()
		storagetest.Put(t, r, "a", []byte("x"))
		if len(told) != 3 {
			t.Errorf("told of attempts %v, want 1 2 3", told)
		}
		if took := time.Since(start); took < 800*time.Millisecond || took > 2*time.Second {
			t.Errorf("waited %s in all, want half to all of 0.25+0.5+1 s", took)
		}
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		f.Down(true)
		tries := 1
		r := storage.Retry(f, storage.RetryOptions{Attempts: 3, OnRetry: func(string, string, int, error) { tries++ }})
		if _, err := r.Stat(t.Context(), "a"); !errors.Is(err, storagetest.ErrDown) {
			t.Errorf("Stat: %v", err)
		}
		if tries != 3 {
			t.Errorf("tried %d times, want 3", tries)
		}
	})
}

// TestRetryWaitsLongerEachTime: waits double up to a bound, and each is a part of that by chance, half of it at least.
func TestRetryWaitsLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		f.Down(true)
		parts := map[float64]bool{}
		for range 20 {
			var failed []time.Time
			r := storage.Retry(f, storage.RetryOptions{
				Attempts: 6,
				Wait:     time.Second,
				MaxWait:  4 * time.Second,
				OnRetry:  func(string, string, int, error) { failed = append(failed, time.Now()) },
			})
			if _, err := r.Stat(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "(tried 6 times)") {
				t.Errorf("Stat: %v", err)
			}
			failed = append(failed, time.Now())
			for i, most := range []time.Duration{1, 2, 4, 4, 4} {
				wait := failed[i+1].Sub(failed[i])
				if most *= time.Second; wait < most/2 || wait > most+1 {
					t.Errorf("wait %d: %s, of %s at most", i+1, wait, most)
				}
				parts[float64(wait)/float64(most)] = true
			}
		}
		if len(parts) < 50 {
			t.Errorf("waits are not by chance: %d different parts", len(parts))
		}
	})
}

func TestRetryTakesSomeAnswersAsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, final := range []error{storage.ErrNotFound, storage.ErrExists, storage.ErrChecksum, storage.ErrTooLarge} {
			f := storagetest.Faulty(storagetest.NewMem())
			f.FailGet(final)
			f.FailPut(final)
			r := storage.Retry(f, storage.RetryOptions{
				OnRetry: func(string, string, int, error) { t.Errorf("%v was tried again", final) }})
			if _, err := r.Get(t.Context(), "a", 10); !errors.Is(err, final) {
				t.Errorf("Get: %v, want %v", err, final)
			}
			if err := r.Put(t.Context(), "a", nil, sha256.Sum256(nil), false); !errors.Is(err, final) {
				t.Errorf("Put: %v, want %v", err, final)
			}
		}
	})
}

func TestRetryStopsWhenTheCallerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		f.Down(true)
		ctx, cancel := context.WithCancel(t.Context())
		r := storage.Retry(f, storage.RetryOptions{
			Wait:    time.Hour,
			MaxWait: time.Hour,
			OnRetry: func(string, string, int, error) { cancel() },
		})
		start := time.Now()
		_, err := r.Get(ctx, "a", 10)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, storagetest.ErrDown) {
			t.Errorf("Get: %v, want the cancellation and what failed before it", err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %s to notice", took)
		}
	})
}

func TestRetryBoundsAHungStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		f.Delay(make(chan struct{})) // for ever
		r := storage.Retry(f, storage.RetryOptions{Attempts: 2, Patience: 10 * time.Second, Speed: 1 << 20})
		start := time.Now()
		body := make([]byte, 20<<20)
		if err := r.Put(t.Context(), "a", body, sha256.Sum256(body), false); !errors.Is(err, storage.ErrTimeout) {
			t.Errorf("Put: %v, want %v", err, storage.ErrTimeout)
		}
		if took := time.Since(start).Round(time.Second); took != 60*time.Second {
			t.Errorf("took %s, want twice 10 s and a second for each of 20 MiB", took)
		}
		if err := r.List(t.Context(), "", func(storage.Object) error { return nil }); !errors.Is(err, storage.ErrTimeout) {
			t.Errorf("List: %v, want %v", err, storage.ErrTimeout)
		}
	})
}

// deaf is a store whose calls do not notice that their context has ended, as on a dead network mount.
type deaf struct {
	storage.Provider
	until chan struct{}
}

func (d deaf) Get(context.Context, string, int64) ([]byte, error) {
	<-d.until
	return []byte("too late"), nil
}

// List names one object more once it is heard of again, whoever has left meanwhile.
func (d deaf) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if err := d.Provider.List(ctx, prefix, fn); err != nil {
		return err
	}
	<-d.until
	return fn(storage.Object{Key: "too late"})
}

func TestRetryLeavesADeafListingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, there := range []int{0, 2} {
			d := deaf{storagetest.NewMem(), make(chan struct{})}
			for i := range there {
				storagetest.Put(t, d.Provider, fmt.Sprint(i), []byte("x"))
			}
			start, calls := time.Now(), 0
			err := storage.Retry(d, storage.RetryOptions{Attempts: 2}).List(t.Context(), "",
				func(storage.Object) error { calls++; return nil })
			if !errors.Is(err, storage.ErrTimeout) {
				t.Errorf("a listing that hangs after %d objects: %v, want %v", there, err, storage.ErrTimeout)
			}
			if took := time.Since(start); took > 70*time.Second {
				t.Errorf("a listing that hangs after %d objects took %s", there, took)
			}
			close(d.until)
			synctest.Wait()
			if calls != there {
				t.Errorf("%d of %d objects were handed out", calls, there)
			}
		}
	})
}

func TestRetryLeavesADeafStoreBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{storagetest.NewMem(), make(chan struct{})}
		if _, err := storage.Retry(d, storage.RetryOptions{}).Get(t.Context(), "a", 10); !errors.Is(err, storage.ErrTimeout) {
			t.Errorf("Get: %v, want %v", err, storage.ErrTimeout)
		}
		close(d.until)
	})
}

// forgetful stores an object and then loses the answer.
type forgetful struct {
	storage.Provider
	swap []byte // what to store instead, when set
	lost int
}

func (f *forgetful) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	if f.swap != nil && f.lost == 0 {
		body, sum = f.swap, sha256.Sum256(f.swap)
	}
	if err := f.Provider.Put(ctx, key, body, sum, replace); err != nil {
		return err
	}
	if f.lost++; f.lost == 1 {
		return errFlaky
	}
	return nil
}

func TestRetryKnowsItsOwnObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := []byte("mine")
		own := storage.Retry(&forgetful{Provider: storagetest.NewMem()}, storage.RetryOptions{})
		if err := own.Put(t.Context(), "a", body, sha256.Sum256(body), false); err != nil {
			t.Errorf("its own bytes are there: %v", err)
		}
		for _, theirs := range []string{"them", "longer than mine"} {
			other := storage.Retry(&forgetful{Provider: storagetest.NewMem(), swap: []byte(theirs)}, storage.RetryOptions{})
			if err := other.Put(t.Context(), "a", body, sha256.Sum256(body), false); !errors.Is(err, storage.ErrExists) {
				t.Errorf("%q is there: %v, want %v", theirs, err, storage.ErrExists)
			}
		}
	})
}

func TestRetryListsAgainOnlyFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.Faulty(storagetest.NewMem())
		storagetest.Put(t, f, "a", []byte("x"))
		f.Down(true)
		r := storage.Retry(f, storage.RetryOptions{OnRetry: func(string, string, int, error) { f.Down(false) }})
		if found := storagetest.Keys(t, r, ""); len(found) != 1 {
			t.Errorf("List shows %v", found)
		}
		calls := 0
		err := r.List(t.Context(), "", func(storage.Object) error { calls++; return errFlaky })
		if !errors.Is(err, errFlaky) || calls != 1 {
			t.Errorf("the callback's error led to %d calls and %v", calls, err)
		}
	})
}
