// Package storagetest is the contract of storage.Provider as a test, and providers that fail on demand for other tests.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/storage"
)

// Option says that a provider keeps less than the whole contract.
type Option func(*suite)

// RacyCreate is for stores that ignore conditions. Of two Puts at once, both may be told that they created the
// object. Each is still compared with what is there, so one of them may also be told ErrChecksum.
func RacyCreate() Option { return func(s *suite) { s.racy = true } }

// TrustsSum is for providers that do not compare the body with its checksum before they store it.
func TrustsSum() Option { return func(s *suite) { s.trustsSum = true } }

type suite struct {
	open            func(t *testing.T) storage.Provider
	racy, trustsSum bool
}

// Run checks every promise of storage.Provider. Each call of open returns an empty provider of its own.
func Run(t *testing.T, open func(t *testing.T) storage.Provider, opts ...Option) {
	s := suite{open: open}
	for _, f := range opts {
		f(&s)
	}
	for name, test := range map[string]func(*testing.T){
		"create only":      s.createOnly,
		"replace":          s.replace,
		"race to create":   s.race,
		"missing objects":  s.missing,
		"sizes":            s.sizes,
		"limit":            s.limit,
		"odd keys":         s.oddKeys,
		"refused keys":     s.refusedKeys,
		"list":             s.list,
		"list many":        s.listMany,
		"list stops":       s.listStops,
		"cancelled":        s.cancelled,
		"wrong sum":        s.wrongSum,
		"delete":           s.delete,
		"sync and check":   s.syncAndCheck,
		"body is not kept": s.bodyIsNotKept,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// Put stores body with its checksum and fails the test on an error.
func Put(t *testing.T, p storage.Provider, key string, body []byte) {
	t.Helper()
	if err := p.Put(t.Context(), key, body, sha256.Sum256(body), false); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// Keys lists everything below prefix, with sizes.
func Keys(t *testing.T, p storage.Provider, prefix string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := p.List(t.Context(), prefix, func(o storage.Object) error {
		if _, twice := found[o.Key]; twice {
			t.Errorf("%s was listed twice", o.Key)
		}
		found[o.Key] = o.Size
		return nil
	})
	if err != nil {
		t.Fatalf("List(%q): %v", prefix, err)
	}
	return found
}

func wantBody(t *testing.T, p storage.Provider, key string, want []byte) {
	t.Helper()
	got, err := p.Get(t.Context(), key, int64(len(want)))
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Get(%q) returned other bytes: %d of them, want %d", key, len(got), len(want))
	}
	o, err := p.Stat(t.Context(), key)
	if err != nil {
		t.Fatalf("Stat: %v", err)
	}
	if o.Size != int64(len(want)) || o.Key != key {
		t.Fatalf("Stat(%q) = %+v, want size %d", key, o, len(want))
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Random returns n bytes that no compression makes smaller and no two calls share.
func Random(n int) []byte {
	body := make([]byte, n)
	seed := [32]byte{}
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	_, _ = rand.NewChaCha8(seed).Read(body) // never fails
	return body
}

func (s *suite) createOnly(t *testing.T) {
	p := s.open(t)
	first, second := Random(1000), Random(1000)
	Put(t, p, "chunks/ab/one", first)
	wantErr(t, "Put on a key that is there",
		p.Put(t.Context(), "chunks/ab/one", second, sha256.Sum256(second), false), storage.ErrExists)
	wantErr(t, "Put of the same bytes",
		p.Put(t.Context(), "chunks/ab/one", first, sha256.Sum256(first), false), storage.ErrExists)
	wantBody(t, p, "chunks/ab/one", first)
}

func (s *suite) replace(t *testing.T) {
	p := s.open(t)
	Put(t, p, "keepsake.json", Random(1000))
	for _, body := range [][]byte{Random(500), Random(2000)} {
		if err := p.Put(t.Context(), "keepsake.json", body, sha256.Sum256(body), true); err != nil {
			t.Fatal(err)
		}
		wantBody(t, p, "keepsake.json", body)
	}
	fresh := Random(10)
	if err := p.Put(t.Context(), "fresh", fresh, sha256.Sum256(fresh), true); err != nil {
		t.Fatalf("replacing what is not there: %v", err)
	}
	wantBody(t, p, "fresh", fresh)
}

// race lets writers create the same key at once, several times.
func (s *suite) race(t *testing.T) {
	p := s.open(t)
	for round := range 5 {
		key := fmt.Sprintf("race/%d", round)
		const writers = 8
		bodies, errs := make([][]byte, writers), make([]error, writers)
		start := make(chan struct{})
		var all errgroup.Group
		for i := range writers {
			bodies[i] = Random(50_000)
			all.Go(func() error {
				<-start
				errs[i] = p.Put(t.Context(), key, bodies[i], sha256.Sum256(bodies[i]), false)
				return nil
			})
		}
		close(start)
		_ = all.Wait() // the errors are in errs
		var winners [][]byte
		for i, err := range errs {
			switch {
			case err == nil:
				winners = append(winners, bodies[i])
			case errors.Is(err, storage.ErrExists), s.racy && errors.Is(err, storage.ErrChecksum):
			default:
				t.Errorf("a loser got %v, want ErrExists", err)
			}
		}
		if s.racy {
			continue
		}
		if len(winners) != 1 {
			t.Fatalf("%d Puts won, want exactly 1", len(winners))
		}
		wantBody(t, p, key, winners[0])
	}
}

func (s *suite) missing(t *testing.T) {
	p := s.open(t)
	Put(t, p, "there/there", Random(1))
	for _, key := range []string{"nothing", "there/nothing", "nothing/there", "there/there2", "there"} {
		_, err := p.Get(t.Context(), key, 10)
		wantErr(t, "Get("+key+")", err, storage.ErrNotFound)
		_, err = p.Stat(t.Context(), key)
		wantErr(t, "Stat("+key+")", err, storage.ErrNotFound)
	}
}

func (s *suite) sizes(t *testing.T) {
	p := s.open(t)
	for _, size := range []int{0, 1, 300 << 10, 16 << 20, 40<<20 + 7} {
		key := fmt.Sprintf("size/%d", size)
		body := Random(size)
		Put(t, p, key, body)
		wantBody(t, p, key, body)
		other := append(Random(size), 'x')
		wantErr(t, "a second Put of "+key, p.Put(t.Context(), key, other, sha256.Sum256(other), false), storage.ErrExists)
		wantBody(t, p, key, body)
	}
	large := Random(17 << 20)
	if err := p.Put(t.Context(), "size/0", large, sha256.Sum256(large), true); err != nil {
		t.Fatalf("replacing with a large body: %v", err)
	}
	wantBody(t, p, "size/0", large)
}

func (s *suite) limit(t *testing.T) {
	p := s.open(t)
	Put(t, p, "a", Random(1000))
	_, err := p.Get(t.Context(), "a", 999)
	wantErr(t, "Get above its limit", err, storage.ErrTooLarge)
	if _, err := p.Get(t.Context(), "a", 1000); err != nil {
		t.Errorf("Get at its limit: %v", err)
	}
	if _, err := p.Get(t.Context(), "a", 1<<62); err != nil {
		t.Errorf("Get far below its limit: %v", err)
	}
}

func (s *suite) cancelled(t *testing.T) {
	p := s.open(t)
	Put(t, p, "before", Random(10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := Random(1000)
	wantErr(t, "Put", p.Put(ctx, "after", body, sha256.Sum256(body), false), context.Canceled)
	_, err := p.Get(ctx, "before", 10)
	wantErr(t, "Get", err, context.Canceled)
	_, err = p.Stat(ctx, "before")
	wantErr(t, "Stat", err, context.Canceled)
	wantErr(t, "List", p.List(ctx, "", func(storage.Object) error { return nil }), context.Canceled)
	wantErr(t, "Delete", p.Delete(ctx, "before"), context.Canceled)
	if found := Keys(t, p, ""); len(found) != 1 {
		t.Errorf("after cancelled calls the store holds %v, want only the object from before", found)
	}
}

func (s *suite) wrongSum(t *testing.T) {
	if s.trustsSum {
		t.Skip("this provider trusts the sum it is given")
	}
	p := s.open(t)
	for _, size := range []int{0, 1000, 20 << 20} {
		body := Random(size)
		if err := p.Put(t.Context(), "wrong", body, sha256.Sum256([]byte("other")), false); err == nil {
			t.Errorf("%d bytes with another checksum were stored", size)
		}
	}
	if found := Keys(t, p, ""); len(found) != 0 {
		t.Errorf("the store shows %v", found)
	}
}

func (s *suite) delete(t *testing.T) {
	p := s.open(t)
	first, second := Random(10), Random(20)
	Put(t, p, "folder/a", first)
	Put(t, p, "folder/b", second)
	for range 2 { // the second time it is not there, which is no error
		if err := p.Delete(t.Context(), "folder/a"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	_, err := p.Get(t.Context(), "folder/a", 10)
	wantErr(t, "Get after Delete", err, storage.ErrNotFound)
	wantBody(t, p, "folder/b", second)
	Put(t, p, "folder/a", second)
	wantBody(t, p, "folder/a", second)
	if err := p.Delete(t.Context(), "never/was"); err != nil {
		t.Errorf("Delete of what never was: %v", err)
	}
}

func (s *suite) syncAndCheck(t *testing.T) {
	p := s.open(t)
	for i := range 3 {
		if err := storage.Check(t.Context(), p); err != nil {
			t.Errorf("Check: %v", err)
		}
		Put(t, p, fmt.Sprintf("a/%d", i), Random(100))
		if err := p.Sync(t.Context()); err != nil {
			t.Errorf("Sync: %v", err)
		}
	}
	if found := Keys(t, p, ""); len(found) != 3 {
		t.Errorf("the store shows %v, want the three objects put", found)
	}
}

// bodyIsNotKept proves that the caller may use its buffer again as soon as Put has returned.
func (s *suite) bodyIsNotKept(t *testing.T) {
	p := s.open(t)
	body := Random(10_000)
	want := bytes.Clone(body)
	Put(t, p, "a", body)
	clear(body)
	wantBody(t, p, "a", want)
	got, err := p.Get(t.Context(), "a", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	wantBody(t, p, "a", want)
}
