package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// costly makes hashes cost what they cost in the product, until the test ends. It must not be parallel.
func costly(t *testing.T) {
	t.Helper()
	cheap, nobody := cost, unknown
	t.Cleanup(func() { cost, unknown = cheap, nobody })
	cost = realCost
	unknown = cost.encode(make([]byte, saltSize), make([]byte, keySize))
}

// atOnce lets n people sign in at the same moment, and returns how many were judged, how many were told that it is
// busy, and how long the latter waited at most.
func atOnce(t *testing.T, s *Standby, n int, address func(int) string) (judged, busy int, longest time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			from := time.Now()
			_, _, err := s.SignIn(t.Context(), Credentials{
				Email:    fmt.Sprintf("guest%d@example.org", i),
				Password: "whatever it is",
				Address:  address(i),
			})
			took := time.Since(from)
			mu.Lock()
			defer mu.Unlock()
			var b keepsake.Busy
			switch {
			case errors.As(err, &b) && keepsake.CodeOf(err) == keepsake.CodeUnavailable && b.After >= time.Second:
				busy, longest = busy+1, max(longest, took)
			case keepsake.CodeOf(err) == keepsake.CodeForbidden:
				judged++
			default:
				t.Errorf("%v", err)
			}
		})
	}
	close(start)
	wg.Wait()
	return judged, busy, longest
}

// TestAFloodOfSignInsIsBounded in memory, in time and in what it takes from others: few wait, the rest is told at once
// when to come again.
func TestAFloodOfSignInsIsBounded(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	costly(t)
	s := NewStandby("a secret of the test's own", func(context.Context) ([]byte, error) { return []byte("[]"), nil }, nil,
		slog.New(slog.DiscardHandler))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak uint64
	ctx, done := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse)
			time.Sleep(5 * time.Millisecond)
		}
	})
	from := time.Now()
	var proved time.Duration
	var person sync.WaitGroup
	person.Go(func() { // somebody who is signed in gives their password again meanwhile
		<-time.After(100 * time.Millisecond)
		asked := time.Now()
		if ok, err := verifyPassword(t.Context(), "not it", unknown); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		proved = time.Since(asked)
	})
	judged, busy, longest := atOnce(t, s, 300, func(i int) string { return fmt.Sprintf("192.0.2.%d", i%250) })
	took := time.Since(from)
	person.Wait()
	done()
	watching.Wait()
	grown := int64(peak) - int64(before.HeapInuse)
	t.Logf("300 at once: %d judged in %s, %d told within %s to come again, %d MiB more memory, a proof meanwhile %s",
		judged, took, busy, longest, grown>>20, proved)
	if judged < fewestWaiting || judged > mostWaiting+4*strangers || judged+busy != 300 {
		t.Errorf("%d were judged, %d were told to come again", judged, busy)
	}
	if most := int64(strangers+3) * int64(realCost.memory) << 10; grown > most {
		t.Errorf("they took %d MiB, want %d at most", grown>>20, most>>20)
	}
	if proved > 2*took/3 {
		t.Errorf("who is signed in waited %s of %s for strangers", proved, took)
	}
}

// TestOneAddressDoesNotFillTheQueue: however many it sends, another person is judged.
func TestOneAddressDoesNotFillTheQueue(t *testing.T) {
	t.Parallel()
	a := newAdmission()
	a.turns = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	leave, err := a.enter(ctx, "2001:db8::1")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	refused := make(chan error, 100)
	for i := range 100 {
		wg.Go(func() {
			leave, err := a.enter(ctx, fmt.Sprintf("2001:db8::%x", i)) // a customer has a whole network of them
			if err == nil {
				leave()
			}
			refused <- err
		})
	}
	for range 100 - mostFromOne + 1 {
		if err := <-refused; keepsake.CodeOf(err) != keepsake.CodeUnavailable || err == nil {
			t.Errorf("%v", err)
		}
	}
	other := make(chan error, 1)
	wg.Go(func() {
		leave, err := a.enter(ctx, "192.0.2.1")
		if err == nil {
			leave()
		}
		other <- err
	})
	leave()
	if err := <-other; err != nil {
		t.Errorf("another address: %v", err)
	}
	wg.Wait()
	if a.inside != 0 || len(a.from) != 0 || len(a.turns) != 0 {
		t.Errorf("%d are inside, of %v, when all have left", a.inside, a.from)
	}
	// Who goes away while they wait gives their place back.
	held, err := a.enter(ctx, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := a.enter(ctx, "192.0.2.2"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	held()
	if a.inside != 0 {
		t.Errorf("%d are inside", a.inside)
	}
}
