package storage_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// meddle puts a handler between the provider and a bucket; next is the bucket.
func meddle(t *testing.T, b testenv.S3Bucket,
	handler func(w http.ResponseWriter, r *http.Request, next http.Handler)) storage.Provider {
	t.Helper()
	target, err := url.Parse(b.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// Host stays what the client signed.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r, proxy) }))
	t.Cleanup(ts.Close)
	b.S3Server = &testenv.S3Server{Endpoint: ts.URL, AccessKey: b.AccessKey, SecretKey: b.SecretKey}
	return openS3(t, b, "")
}

// An honest store is asked to check; a lying one is read back after every upload.
func TestS3ReadsBackOnlyWhereTheStoreDoesNotCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bucket testenv.S3Bucket
		reads  int64
	}{"honest": {testenv.S3(t), 0}, "lying": {testenv.LyingS3(t), 3}} {
		var reads, checksums, conditions atomic.Int64
		p := meddle(t, c.bucket, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if !strings.HasSuffix(r.URL.Path, "keepsake-probe") {
				switch {
				case r.Method == http.MethodGet:
					reads.Add(1)
				case r.Method == http.MethodPut && r.Header.Get("X-Amz-Checksum-Sha256") != "":
					checksums.Add(1)
				}
				if r.Header.Get("If-None-Match") == "*" {
					conditions.Add(1)
				}
			}
			next.ServeHTTP(w, r)
		})
		for _, key := range []string{"a", "b", "c"} {
			storagetest.Put(t, p, key, []byte(key))
		}
		if reads.Load() != c.reads || checksums.Load() != 3-c.reads || conditions.Load() != 3-c.reads {
			t.Errorf("%s store: %d reads, %d checksums, %d conditions for 3 uploads; want %d reads and the rest "+
				"checked by the store",
				name, reads.Load(), checksums.Load(), conditions.Load(), c.reads)
		}
		if found := storagetest.Keys(t, p, ""); len(found) != 3 {
			t.Errorf("%s store shows %v", name, found)
		}
	}
}

func TestS3ProbeNeedsNoRightToDelete(t *testing.T) {
	t.Parallel()
	p := meddle(t, testenv.S3(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodDelete {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
	for _, key := range []string{"a", "b"} {
		storagetest.Put(t, p, key, []byte("x"))
	}
	if err := storage.Check(t.Context(), p); err != nil {
		t.Errorf("Check: %v", err)
	}
	if found := storagetest.Keys(t, p, ""); len(found) != 2 {
		t.Errorf("List shows %v", found)
	}
	err := p.Delete(t.Context(), "a")
	wantExplained(t, err, "refused access")
}

// A store that changes bytes on their way in is found out, whether it checks or not.
func TestS3FindsBytesChangedOnTheWay(t *testing.T) {
	t.Parallel()
	b := testenv.LyingS3(t)
	p := meddle(t, b, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r)
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/victim") {
			key := "victim"
			_, err := b.Client().PutObject(r.Context(),
				&s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: strings.NewReader("changed")})
			if err != nil {
				t.Error(err)
			}
		}
	})
	body := []byte("as sent")
	if err := p.Put(t.Context(), "victim", body, sha256.Sum256(body), false); !errors.Is(err, storage.ErrChecksum) {
		t.Errorf("Put: %v, want %v", err, storage.ErrChecksum)
	}
}

// A multipart upload that fails leaves no parts behind.
func TestS3AbortsFailedMultipartUploads(t *testing.T) {
	t.Parallel()
	b := testenv.S3(t)
	p := meddle(t, b, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				t.Error(err)
			}
			http.Error(w, "<Error><Code>InternalError</Code></Error>", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
	body := make([]byte, 33<<20)
	wantExplained(t, p.Put(t.Context(), "large", body, sha256.Sum256(body), false), "HTTP status 500")
	uploads, err := b.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Name})
	if err != nil {
		t.Fatal(err)
	}
	if len(uploads.Uploads) != 0 {
		t.Errorf("%d uploads are left unfinished", len(uploads.Uploads))
	}
	if found := storagetest.Keys(t, p, ""); len(found) != 0 {
		t.Errorf("the store shows %v", found)
	}
}

func TestS3ExplainsRefusals(t *testing.T) {
	t.Parallel()
	b := testenv.S3(t)
	open := func(change func(*storage.S3Options)) error {
		o := storage.S3Options{
			Endpoint:        b.Endpoint,
			Bucket:          b.Name,
			PathStyle:       true,
			AccessKeyID:     b.AccessKey,
			SecretAccessKey: keepsake.Secret(b.SecretKey),
		}
		change(&o)
		p, err := storage.OpenS3(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return storage.Check(t.Context(), p)
	}
	if err := open(func(*storage.S3Options) {}); err != nil {
		t.Errorf("with the right options: %v", err)
	}
	wantExplained(t, open(func(o *storage.S3Options) { o.SecretAccessKey = "wrong" }), "secret access key is wrong")
	wantExplained(t, open(func(o *storage.S3Options) { o.AccessKeyID = "NOBODY" }), "does not know the access key id")
	wantExplained(t, open(func(o *storage.S3Options) { o.Bucket = "nowhere" }), "bucket does not exist")
	wantExplained(t, open(func(o *storage.S3Options) { o.Endpoint = "http://127.0.0.1:1" }), "connection refused")
	wantExplained(t, open(func(o *storage.S3Options) { o.Endpoint = "http://no-such-host.invalid" }),
		"no-such-host.invalid was not found")
}

// Not parallel: the default chain reads the process's environment.
func TestS3WithoutKeysAsksTheDefaultChain(t *testing.T) {
	b := testenv.S3(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	check := func() error {
		p, err := storage.OpenS3(t.Context(), storage.S3Options{Endpoint: b.Endpoint, Bucket: b.Name, PathStyle: true})
		if err != nil {
			t.Fatal(err)
		}
		return storage.Check(t.Context(), p)
	}
	wantExplained(t, check(), "No credentials were found")
	t.Setenv("AWS_ACCESS_KEY_ID", b.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", b.SecretKey)
	if err := check(); err != nil {
		t.Errorf("with keys in the environment: %v", err)
	}
}

func TestOpenS3RefusesHalfOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]storage.S3Options{
		"no bucket":     {Endpoint: "http://127.0.0.1:1"},
		"no secret":     {Endpoint: "http://127.0.0.1:1", Bucket: "b", AccessKeyID: "a"},
		"no access key": {Endpoint: "http://127.0.0.1:1", Bucket: "b", SecretAccessKey: "a"},
	} {
		if _, err := storage.OpenS3(t.Context(), o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
