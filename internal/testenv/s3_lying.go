package testenv

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// LyingS3 returns a bucket on an S3 server that accepts wrong checksums and ignores conditions, as Supabase Storage
// does: what it says about an upload proves nothing.
func LyingS3(t testing.TB) S3Bucket {
	t.Helper()
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.StdLog(log.New(io.Discard, "", 0)))).Server()
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			lower := strings.ToLower(name)
			if strings.HasPrefix(lower, "if-") || strings.HasPrefix(lower, "x-amz-checksum-") || lower == "content-md5" {
				r.Header.Del(name)
			}
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(ts.Close)
	s := &S3Server{Endpoint: ts.URL, AccessKey: accessKey, SecretKey: secretKey, stop: ts.Close}
	b := S3Bucket{S3Server: s, Name: "bucket"}
	if err := s.CreateBucket(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
	return b
}
