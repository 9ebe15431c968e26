package testenv_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wedsync/keepsake/internal/testenv"
)

// A wrong checksum tells the honest server from the lying one.
func TestS3ServersDifferInHonesty(t *testing.T) {
	t.Parallel()
	for name, bucket := range map[string]testenv.S3Bucket{"real": testenv.S3(t), "lying": testenv.LyingS3(t)} {
		_, err := bucket.Client().PutObject(t.Context(), &s3.PutObjectInput{
			Bucket:         &bucket.Name,
			Key:            aws.String("a/b"),
			ChecksumSHA256: aws.String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
		}, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
		if err != nil {
			t.Errorf("%s: the right checksum of nothing is refused: %v", name, err)
		}
		_, err = bucket.Client().PutObject(t.Context(), &s3.PutObjectInput{
			Bucket:         &bucket.Name,
			Key:            aws.String("a/c"),
			ChecksumSHA256: aws.String("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
		}, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
		if lies := err == nil; lies != (name == "lying") {
			t.Errorf("%s: a wrong checksum gave %v", name, err)
		}
	}
}

func TestS3AndGCSKeepTheirBucketsOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		s, err := testenv.StartS3(t.Context(), filepath.Join(dir, "s3"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateBucket(t.Context(), "kept"); err != nil {
			t.Error(err)
		}
		s.Stop()
		g, err := testenv.StartGCS(t.Context(), filepath.Join(dir, "gcs"))
		if err != nil {
			t.Fatal(err)
		}
		if err := g.CreateBucket(t.Context(), "kept"); err != nil {
			t.Error(err)
		}
		g.Stop()
	}
}

func TestProxyMakesAPathBadAndGoodAgain(t *testing.T) {
	t.Parallel()
	server := testenv.GCS(t)
	link := testenv.Proxy(t, server.Address())
	client := &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() error {
		resp, err := client.Get(link.URL() + "/_internal/healthcheck")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := get(); err != nil {
		t.Fatalf("a good path: %v", err)
	}
	for name, spoil := range map[string]func(){"cut": link.Cut, "hang": link.Hang,
		"slow": func() { link.Slow(5 * time.Second) }, "cut after": func() { link.CutAfter(10) }} {
		spoil()
		if err := get(); err == nil {
			t.Errorf("%s: the answer came through", name)
		}
		link.Restore()
		if err := get(); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}
