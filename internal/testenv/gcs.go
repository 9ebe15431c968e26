package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// GCSServer is a running Google Cloud Storage emulator inside this process.
type GCSServer struct {
	Endpoint string // http://127.0.0.1:port, without a path

	server *fakestorage.Server
}

// GCSBucket is a fresh bucket on an emulator.
type GCSBucket struct {
	*GCSServer
	Name string
}

// StartGCS starts an emulator that keeps its objects below dir, or in memory if dir is "".
func StartGCS(ctx context.Context, dir string, opts ...Option) (*GCSServer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := apply(opts)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the GCS emulator: %w", err)
		}
	}
	port := o.port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	log := o.log
	if log == nil {
		log = io.Discard
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		Scheme:      "http",
		Host:        "127.0.0.1",
		Port:        uint16(port),
		StorageRoot: dir,
		ExternalURL: endpoint,
		PublicHost:  strings.TrimPrefix(endpoint, "http://"),
		Writer:      log,
	})
	if err != nil {
		return nil, fmt.Errorf("start the GCS emulator: %w", err)
	}
	return &GCSServer{Endpoint: endpoint, server: server}, nil
}

// Stop ends the emulator.
func (s *GCSServer) Stop() { s.server.Stop() }

// Address returns host:port, for a Proxy.
func (s *GCSServer) Address() string { return strings.TrimPrefix(s.Endpoint, "http://") }

// CreateBucket makes a bucket, or finds the one that is there.
func (s *GCSServer) CreateBucket(ctx context.Context, name string) error {
	base := s.Endpoint + "/storage/v1/b"
	found, err := s.call(ctx, http.MethodGet, base+"/"+url.PathEscape(name), "")
	if err != nil {
		return err
	}
	if found == http.StatusOK {
		return nil
	}
	made, err := s.call(ctx, http.MethodPost, base, fmt.Sprintf(`{"name":%q}`, name))
	if err != nil {
		return err
	}
	if made != http.StatusOK {
		return errors.New("create bucket " + name + ": " + http.StatusText(made))
	}
	return nil
}

func (s *GCSServer) call(ctx context.Context, method, url, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

var (
	sharedGCS  shared[*GCSServer]
	gcsBuckets atomic.Int64
)

// GCS returns a fresh bucket on one emulator per test binary.
func GCS(t testing.TB) GCSBucket {
	t.Helper()
	s := sharedGCS.get(t, func(ctx context.Context) (*GCSServer, error) {
		dir, err := objectsDir("gcs") // in memory, the emulator searches all objects at each request
		if err != nil {
			return nil, err
		}
		s, err := StartGCS(ctx, dir)
		if err != nil {
			return nil, err
		}
		atExit(func() { s.Stop(); _ = os.RemoveAll(dir) })
		return s, nil
	})
	b := GCSBucket{GCSServer: s, Name: fmt.Sprintf("bucket-%d", gcsBuckets.Add(1))}
	if err := s.CreateBucket(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
	return b
}
