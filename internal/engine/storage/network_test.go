package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/testenv"
)

// impatient gives up on a hung store after well under a second.
var impatient = storage.RetryOptions{
	Attempts: 2,
	Wait:     time.Millisecond,
	Patience: 300 * time.Millisecond,
	Speed:    1 << 40,
}

func wantExplained(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that is explained with %q", want)
		return
	}
	if got := storage.Explain(err); !strings.Contains(got, want) {
		t.Errorf("%v\nis explained as %q, want something with %q", err, got, want)
	}
}

// there is an object that no server makes shorter on its way.
var there = storagetest.Random(100_000)

// behindProxy opens an S3 and a GCS bucket through proxies, each with one object in it.
func behindProxy(t *testing.T, test func(t *testing.T, p storage.Provider, link *testenv.Link)) {
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		b := testenv.S3(t)
		link := testenv.Proxy(t, b.Address())
		b.S3Server = &testenv.S3Server{Endpoint: link.URL(), AccessKey: b.AccessKey, SecretKey: b.SecretKey}
		p := openS3(t, b, "")
		storagetest.Put(t, p, "there", there)
		test(t, p, link)
	})
	t.Run("gcs", func(t *testing.T) {
		t.Parallel()
		b := testenv.GCS(t)
		link := testenv.Proxy(t, b.Address())
		b.GCSServer = &testenv.GCSServer{Endpoint: link.URL()}
		p := openGCS(t, b, "")
		storagetest.Put(t, p, "there", there)
		test(t, p, link)
	})
}

// everyOperation runs all that talk to the store and returns their errors by name.
func everyOperation(ctx context.Context, p storage.Provider) map[string]error {
	body := make([]byte, 200_000)
	errs := map[string]error{
		"Put":    p.Put(ctx, "new", body, sha256.Sum256(body), false),
		"List":   p.List(ctx, "", func(storage.Object) error { return nil }),
		"Delete": p.Delete(ctx, "other"),
	}
	_, errs["Get"] = p.Get(ctx, "there", 100_000)
	_, errs["Stat"] = p.Stat(ctx, "there")
	return errs
}

func TestAHungStoreIsAnErrorInTime(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, p storage.Provider, link *testenv.Link) {
		link.Hang()
		start := time.Now()
		for name, err := range everyOperation(t.Context(), storage.Retry(p, impatient)) {
			if !errors.Is(err, storage.ErrTimeout) {
				t.Errorf("%s: %v, want %v", name, err, storage.ErrTimeout)
			}
			wantExplained(t, err, "did not answer in time")
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("five operations took %s", took)
		}
		link.Restore()
		if _, err := storage.Retry(p, storage.RetryOptions{}).Stat(t.Context(), "there"); err != nil {
			t.Errorf("after the store is back: %v", err)
		}
	})
}

func TestADownStoreIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, p storage.Provider, link *testenv.Link) {
		link.Cut()
		for _, err := range everyOperation(t.Context(), storage.Retry(p, impatient)) {
			wantExplained(t, err, "connection refused")
		}
		link.Restore()
		for name, err := range everyOperation(t.Context(), storage.Retry(p, storage.RetryOptions{})) {
			if err != nil {
				t.Errorf("%s, after the store is back: %v", name, err)
			}
		}
	})
}

func TestAnAnswerThatBreaksOffIsNoObject(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, p storage.Provider, link *testenv.Link) {
		link.CutAfter(50_000)
		body, err := p.Get(t.Context(), "there", 100_000)
		switch {
		case err != nil:
			wantExplained(t, err, "broke off")
		case !bytes.Equal(body, there): // the GCS client resumes by itself
			t.Errorf("a broken read returned %d bytes as if they were the object", len(body))
		}
	})
}

func TestASlowStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, p storage.Provider, link *testenv.Link) {
		link.Slow(200 * time.Millisecond)
		for name, err := range everyOperation(t.Context(), storage.Retry(p, storage.RetryOptions{})) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// The store keeps the object, but its answer never arrives: the next attempt finds the object and knows it as its own.
func TestAPutWhoseAnswerWasLostIsSuccess(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, p storage.Provider, link *testenv.Link) {
		link.Hang()
		retries := 0
		r := storage.Retry(p, storage.RetryOptions{
			Attempts: 5,
			Wait:     time.Millisecond,
			Patience: time.Second,
			OnRetry:  func(string, string, int, error) { retries++; link.Restore() },
		})
		body := []byte("answered too late")
		if err := r.Put(t.Context(), "lost", body, sha256.Sum256(body), false); err != nil {
			t.Fatal(err)
		}
		if retries == 0 {
			t.Error("nothing was lost")
		}
		if got, err := p.Get(t.Context(), "lost", 100); err != nil || string(got) != string(body) {
			t.Errorf("the store holds %q (%v)", got, err)
		}
	})
}
