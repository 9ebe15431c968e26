package storage_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// refusing is an S3 server that answers every upload for which refuse is true as Supabase Storage does.
func refusing(t *testing.T, status int, code, message string, refuse func(*http.Request) bool) (p storage.Provider,
	uploads *atomic.Int32) {
	t.Helper()
	b := testenv.LyingS3(t)
	to, err := url.Parse(b.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	uploads = &atomic.Int32{}
	behind := httputil.NewSingleHostReverseProxy(to)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || !refuse(r) {
			behind.ServeHTTP(w, r)
			return
		}
		uploads.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`,
			code, message)
	}))
	t.Cleanup(ts.Close)
	b.S3Server = &testenv.S3Server{Endpoint: ts.URL, AccessKey: b.AccessKey, SecretKey: b.SecretKey}
	return storage.Retry(openS3(t, b, ""), storage.RetryOptions{Wait: time.Millisecond}), uploads
}

// TestBucketThatTakesNoLargeObjects has a size limit, as each bucket of Supabase Storage does: small objects pass, one
// part of a large one does not, and nothing is tried twice.
func TestBucketThatTakesNoLargeObjects(t *testing.T) {
	t.Parallel()
	p, refused := refusing(t, http.StatusRequestEntityTooLarge, "EntityTooLarge",
		"The object exceeded the maximum allowed size",
		func(r *http.Request) bool { return r.ContentLength > 1<<20 })
	if err := storage.Check(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"one request": 2 << 20, "in parts": 17 << 20} {
		refused.Store(0)
		wantExplained(t, storage.CheckLarge(t.Context(), p, size),
			"takes no object of this size, so what is larger has no copy there. Raise the size limit of the bucket")
		if n := refused.Load(); n != 1 {
			t.Errorf("%s: sent %d times, want once", name, n)
		}
	}
}

// TestBucketOfOtherContentTypes allows pictures only.
func TestBucketOfOtherContentTypes(t *testing.T) {
	t.Parallel()
	p, refused := refusing(t, http.StatusUnsupportedMediaType, "InvalidMimeType",
		"mime type application/octet-stream is not supported",
		func(r *http.Request) bool { return !strings.HasPrefix(r.Header.Get("Content-Type"), "image/") })
	err := p.Put(t.Context(), "a", []byte("x"), sha256.Sum256([]byte("x")), false)
	wantExplained(t, err, "allows certain content types only, so it takes no copies. Let it take application/octet-stream")
	if n := refused.Load(); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

// TestWrongRegionOrSecret is one answer of Supabase Storage to two mistakes, so both are named; a store that tells them
// apart is taken by its word.
func TestWrongRegionOrSecret(t *testing.T) {
	t.Parallel()
	for code, says := range map[string][]string{
		"SignatureDoesNotMatch":        {"secret access key is wrong", "the region is"},
		"AuthorizationHeaderMalformed": {"Correct the region"},
		"InvalidRegion":                {"Correct the region"},
	} {
		p, refused := refusing(t, http.StatusForbidden, code, "The request signature we calculated does not match",
			func(*http.Request) bool { return true })
		err := p.Put(t.Context(), "a", []byte("x"), sha256.Sum256([]byte("x")), false)
		for _, want := range says {
			wantExplained(t, err, want)
		}
		if n := refused.Load(); n != 1 {
			t.Errorf("%s: sent %d times, want once", code, n)
		}
	}
}

// TestPublicBucket asks without credentials: private stores say no, those that do not are named.
func TestPublicBucket(t *testing.T) {
	t.Parallel()
	private := openS3(t, testenv.S3(t), "folder")
	storagetest.Put(t, private, "keepsake.json", []byte("x"))
	if gives := storage.Public(t.Context(), storage.Retry(private, storage.RetryOptions{}), "keepsake.json"); gives != "" {
		t.Errorf("a private bucket: %s", gives)
	}
	open := openS3(t, testenv.LyingS3(t), "folder") // which asks nobody who they are
	storagetest.Put(t, open, "keepsake.json", []byte("x"))
	for key, want := range map[string]string{"keepsake.json": "read its objects", "not there": "list its objects"} {
		if gives := storage.Public(t.Context(), storage.Retry(open, storage.RetryOptions{}), key); !strings.Contains(gives,
			want) {
			t.Errorf("%s at an open bucket: %q, want %s", key, gives, want)
		}
	}
	// Supabase Storage hands a public bucket's objects out at another address, and signs every request of this one.
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/storage/v1/object/public/backups/folder/keepsake.json" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(ts.Close)
	supabase, err := storage.OpenS3(t.Context(), storage.S3Options{
		Endpoint:        ts.URL + "/storage/v1/s3",
		Bucket:          "backups",
		Prefix:          "folder",
		PathStyle:       true,
		AccessKeyID:     "x",
		SecretAccessKey: keepsake.Secret("y"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if gives := storage.Public(t.Context(), supabase, "keepsake.json"); !strings.Contains(gives, "read its objects") {
		t.Errorf("a public bucket of Supabase Storage: %q", gives)
	}
	if gives := storage.Public(t.Context(), openFile(t, t.TempDir()), "keepsake.json"); gives != "" {
		t.Errorf("a directory: %s", gives)
	}
}
