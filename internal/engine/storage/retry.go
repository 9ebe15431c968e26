package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// RetryOptions bound how long an operation may take. Zero values mean the defaults.
type RetryOptions struct {
	Attempts int           // how often an operation is tried at most; 4
	Wait     time.Duration // before the second attempt, doubled before each later one, with jitter; 250 ms
	MaxWait  time.Duration // the longest wait between two attempts; 10 s
	// Patience is how long an attempt may take whatever its size, and how long List may take between two objects. The
	// default is 30 s. Once the store's throughput is known, a third of it counts.
	Patience time.Duration
	// Speed is the throughput, in bytes a second, that even a slow store must reach while its own is not known:
	// size/Speed is added to Patience. The default is 128 KiB. Once the throughput is known, four times as long as the
	// size takes at it is added. Each later attempt then gets twice as long as the one before, so that a store that has
	// become slow is not taken for one that hangs.
	Speed int64
	// OnRetry, when set, is called after each failed attempt that another one follows. It must be safe for concurrent
	// use.
	OnRetry func(verb, key string, attempt int, err error)
}

// ErrTimeout is what an operation returns, wrapped, when its last attempt got no answer in time.
var ErrTimeout = errors.New("no answer in time")

// abandonAfter is the grace that an operation has to notice its deadline. One that does not (a dead network mount holds
// it in the kernel) is left behind, and its caller told.
// It may still read the body of a Put then, and publishes nothing.
const abandonAfter = 3 * time.Second

// slack is how many times longer than measured an operation may take.
const slack = 4

// maxPatience is the most that a size adds to an attempt's deadline: a limit of Get may be far above what is there.
const maxPatience = time.Hour

type retried struct {
	p    Provider
	o    RetryOptions
	pace *pace
}

// begin returns p for one operation, where the provider tells operations apart.
func begin(p Provider) Provider {
	if b, ok := p.(interface{ begin() Provider }); ok {
		return b.begin()
	}
	return p
}

func (r *retried) begin() Provider { return &retried{p: begin(r.p), o: r.o, pace: r.pace} }

func (r *retried) speed() float64 { return r.pace.speed() }

// Retry returns p with a deadline for each attempt and a bounded number of attempts, so that a store that hangs is an
// error. It does not try again after missing and existing objects, wrong checksums, refused credentials and the
// caller's own cancellation. A Put whose first answer was lost finds its own object there: Retry reads it back, and
// the same bytes are a success. It tries List again only as long as nothing was listed.
func Retry(p Provider, o RetryOptions) Provider {
	if o.Attempts <= 0 {
		o.Attempts = 4
	}
	if o.Wait <= 0 {
		o.Wait = 250 * time.Millisecond
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Speed <= 0 {
		o.Speed = 128 << 10
	}
	return &retried{p: p, o: o, pace: &pace{}}
}

// Put implements Provider.
func (r *retried) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, replace bool) error {
	return r.do(ctx, "put", key, int64(len(body)), func(ctx context.Context, attempt int) error {
		start := time.Now()
		err := r.p.Put(ctx, key, body, sum, replace)
		if err == nil {
			r.pace.took(len(body), time.Since(start))
		}
		if attempt == 1 || !errors.Is(err, ErrExists) {
			return err
		}
		there, getErr := r.p.Get(ctx, key, int64(len(body)))
		switch {
		case errors.Is(getErr, ErrTooLarge):
			return err
		case getErr != nil:
			return fmt.Errorf("read back what an unanswered upload left: %w", getErr)
		case sha256.Sum256(there) != sum:
			return err
		}
		return nil
	})
}

// Get implements Provider.
func (r *retried) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	// An abandoned attempt may still write its result, so each has its own.
	results := make(chan []byte, r.o.Attempts)
	err := r.do(ctx, "read", key, limit, func(ctx context.Context, _ int) error {
		start := time.Now()
		body, err := r.p.Get(ctx, key, limit)
		if err == nil {
			r.pace.took(len(body), time.Since(start))
			results <- body
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-results, nil
}

// Stat implements Provider.
func (r *retried) Stat(ctx context.Context, key string) (Object, error) {
	results := make(chan Object, r.o.Attempts)
	err := r.do(ctx, "look up", key, 0, func(ctx context.Context, _ int) error {
		o, err := r.p.Stat(ctx, key)
		if err == nil {
			results <- o
		}
		return err
	})
	if err != nil {
		return Object{}, err
	}
	return <-results, nil
}

// Delete implements Provider.
func (r *retried) Delete(ctx context.Context, key string) error {
	return r.do(ctx, "delete", key, 0, func(ctx context.Context, _ int) error { return r.p.Delete(ctx, key) })
}

// Sync implements Provider. It is tried once and has no deadline of its own: how long it takes depends on what was
// written, and a sync that failed must not be taken for done by trying again. It ends with ctx, even where the kernel
// holds it.
func (r *retried) Sync(ctx context.Context) error { return untilDone(ctx, r.p.Sync) }

// List implements Provider.
func (r *retried) List(ctx context.Context, prefix string, fn func(Object) error) error {
	var (
		listed bool
		fnErr  error
	)
	return r.again(ctx, "list", prefix, func(int) (final bool, err error) {
		err = r.listOnce(ctx, prefix, func(o Object) error {
			listed = true
			fnErr = fn(o)
			return fnErr
		})
		return fnErr != nil || listed, err
	})
}

// listOnce lists with a deadline that every object moves forward; the time fn takes does not count. A listing that does
// not notice its deadline is left behind; it calls fn no more.
func (r *retried) listOnce(ctx context.Context, prefix string, fn func(Object) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(r.o.Patience, func() { cancel(ErrTimeout) })
	defer timer.Stop()
	var (
		handing sync.Mutex // held while fn runs, so that nobody leaves in the middle of it
		left    bool
	)
	err := untilDone(ctx, func(ctx context.Context) error {
		return r.p.List(ctx, prefix, func(o Object) error {
			handing.Lock()
			defer handing.Unlock()
			if left {
				return context.Cause(ctx)
			}
			timer.Stop()
			defer timer.Reset(r.o.Patience)
			return fn(o)
		})
	})
	handing.Lock()
	left = true
	handing.Unlock()
	if err != nil && errors.Is(context.Cause(ctx), ErrTimeout) {
		return fmt.Errorf("list %s: %w: %w", prefix, ErrTimeout, err)
	}
	return err
}

// do runs op until it succeeds, fails for good, or attempts are used up.
func (r *retried) do(ctx context.Context, verb, key string, size int64,
	op func(ctx context.Context, attempt int) error) error {
	return r.again(ctx, verb, key, func(attempt int) (final bool, err error) {
		ctx := ctx
		if attempt > 1 {
			ctx = withoutMeter(ctx)
		}
		return false, r.once(ctx, verb, key, r.deadline(size, attempt),
			func(ctx context.Context) error { return op(ctx, attempt) })
	})
}

// deadline is how long an attempt may take.
func (r *retried) deadline(size int64, attempt int) time.Duration {
	if speed := r.pace.speed(); speed > 0 {
		return min((r.o.Patience/3+slack*lasting(size, speed))<<(attempt-1), maxPatience)
	}
	return r.o.Patience + lasting(size, float64(r.o.Speed))
}

// once runs op with a deadline.
func (r *retried) once(ctx context.Context, verb, key string, patience time.Duration,
	op func(context.Context) error) error {
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := untilDone(attempt, op)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%s %s: %w within %s: %w", verb, key, ErrTimeout, patience.Round(time.Millisecond), err)
	}
	return err
}

// untilDone runs op and leaves it behind when it does not notice that its context has ended.
func untilDone(ctx context.Context, op func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- op(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(abandonAfter)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return ctx.Err()
	}
}

// again runs try until it succeeds, its error is final, or attempts are used up, and waits in between.
func (r *retried) again(ctx context.Context, verb, key string, try func(attempt int) (final bool, err error)) error {
	var (
		attempt int
		final   bool
		last    error
	)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		attempt++
		if final, last = try(attempt); last != nil && (final || ctx.Err() != nil || permanent(last)) {
			final = true
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(r.o.waits()), backoff.WithMaxTries(uint(r.o.Attempts)), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if r.o.OnRetry != nil {
				r.o.OnRetry(verb, key, attempt, err)
			}
		}))
	switch {
	case err == nil:
		return nil
	case final:
		return last
	case attempt < r.o.Attempts: // the caller left while it waited
		return errors.Join(ctx.Err(), last)
	case attempt > 1:
		return fmt.Errorf("%w (tried %d times)", last, attempt)
	}
	return last
}

// waits are between half of what o says and all of it: many writers that failed together should not come back together.
func (o RetryOptions) waits() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     min(o.Wait, o.MaxWait) * 3 / 4,
		RandomizationFactor: 1.0 / 3,
		Multiplier:          2,
		MaxInterval:         o.MaxWait * 3 / 4,
	}
}
