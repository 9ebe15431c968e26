package testenv

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Region is the region of every S3 server here.
const Region = "us-east-1"

// The keys of every S3 server here.
const (
	accessKey = "KEEPSAKETEST"
	secretKey = "keepsake-test-secret"
)

// S3Server is a running S3-compatible server. Its requests are path style.
type S3Server struct {
	Endpoint  string // http://127.0.0.1:port
	AccessKey string
	SecretKey string

	stop   func()
	signal func(os.Signal) error
}

// S3Bucket is a fresh bucket on a server.
type S3Bucket struct {
	*S3Server
	Name string
}

// Option changes how a server starts.
type Option func(*options)

type options struct {
	port int
	log  io.Writer
}

// WithPort makes a server listen on a fixed TCP port of 127.0.0.1 instead of a free one.
func WithPort(port int) Option { return func(o *options) { o.port = port } }

// WithLog writes a server's own log.
func WithLog(w io.Writer) Option { return func(o *options) { o.log = w } }

func apply(opts []Option) options {
	var o options
	for _, f := range opts {
		f(&o)
	}
	return o
}

// StartS3 starts a real S3 server (versitygw: checksums verified, conditional writes, multipart, versioning) that keeps
// its objects below dir, and returns when it answers. Its program is built once from the tools modfile, which takes
// about a minute.
func StartS3(ctx context.Context, dir string, opts ...Option) (*S3Server, error) {
	o := apply(opts)
	program, err := gateway(ctx)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	data, versions := filepath.Join(dir, "data"), filepath.Join(dir, "versions")
	for _, d := range []string{data, versions} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder of the S3 server: %w", err)
		}
	}
	port := o.port
	if port == 0 {
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	args := []string{"--port", address, "--region", Region, "--keep-alive"}
	if o.log == nil {
		args = append(args, "--quiet")
	}
	cmd := exec.Command(program, append(args, "posix", "--versioning-dir", versions, data)...)
	cmd.Env = []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey}
	cmd.Dir = dir
	c, err := startChild(cmd, syscall.SIGKILL, o.log)
	if err != nil {
		return nil, err
	}
	s := &S3Server{
		Endpoint:  "http://" + address,
		AccessKey: accessKey,
		SecretKey: secretKey,
		stop:      func() { _ = c.cmd.Process.Signal(syscall.SIGCONT); c.stop(10*time.Second, syscall.SIGTERM) },
		signal:    c.cmd.Process.Signal,
	}
	if err := c.untilReady(ctx, 30*time.Second, answersHTTP(s.Endpoint)); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// answersHTTP succeeds when the server gives any answer at all.
func answersHTTP(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

// Stop ends the server.
func (s *S3Server) Stop() { s.stop() }

// Suspend stops the server's process as it stands: its connections stay open, the kernel takes what is sent, and
// nothing is answered.
func (s *S3Server) Suspend() error { return s.signal(syscall.SIGSTOP) }

// Resume lets a suspended server go on.
func (s *S3Server) Resume() error { return s.signal(syscall.SIGCONT) }

// Address returns host:port, for a Proxy.
func (s *S3Server) Address() string { return strings.TrimPrefix(s.Endpoint, "http://") }

// Client returns an SDK client for looking behind a provider's back.
func (s *S3Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// CreateBucket makes a bucket, or finds the one that is there.
func (s *S3Server) CreateBucket(ctx context.Context, name string) error {
	c := s.Client()
	if _, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name}); err == nil {
		return nil
	}
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

var (
	sharedS3 shared[*S3Server]
	buckets  atomic.Int64
)

// S3 returns a fresh bucket on one real S3 server per test binary.
func S3(t testing.TB) S3Bucket {
	t.Helper()
	s := sharedS3.get(t, func(ctx context.Context) (*S3Server, error) {
		dir, err := objectsDir("s3")
		if err != nil {
			return nil, err
		}
		s, err := StartS3(ctx, dir)
		if err != nil {
			return nil, err
		}
		atExit(func() { s.Stop(); _ = os.RemoveAll(dir) })
		return s, nil
	})
	b := S3Bucket{S3Server: s, Name: fmt.Sprintf("bucket-%d", buckets.Add(1))}
	if err := s.CreateBucket(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}
	return b
}
