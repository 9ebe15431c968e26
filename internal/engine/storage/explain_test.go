package storage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/googleapi"
)

// s3Answer is an error as the SDK returns it,
// with its operation, status, request's id, code and message around each other.
func s3Answer(status int, code string) error {
	answer := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "raw: the store's own words"},
	}
	return s3Error("put", "chunks/ab/abcd", &smithy.OperationError{
		ServiceID:     "S3",
		OperationName: "PutObject",
		Err:           &awshttp.ResponseError{ResponseError: answer, RequestID: "RAWREQUESTID"},
	})
}

func googleAnswer(status int) error {
	return gcsError("put", "chunks/ab/abcd", &googleapi.Error{
		Code:    status,
		Message: "raw: the store's own words",
		Body:    "{raw}",
	})
}

func dialing(err error) error {
	return &url.Error{
		Op:  "Put",
		URL: "https://raw.example/bucket",
		Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)},
	}
}

func onDisk(err error) error {
	return fmt.Errorf("put chunks/ab/abcd: %w", &fs.PathError{Op: "openat", Path: "/raw/chunks/ab/abcd", Err: err})
}

// everyFailure is what a store can answer with, and what it is that keeps a person from using it.
func everyFailure(t *testing.T) map[string]error {
	t.Helper()
	all := map[string]error{
		"silent":     fmt.Errorf("put x: %w", &SilentError{For: 15 * time.Second, Doing: "it was to store chunks"}),
		"replaced":   errors.Join(ErrNoPlace, errReplaced),
		"no place":   errors.Join(ErrNoPlace, onDisk(fs.ErrNotExist)),
		"not found":  s3Answer(404, "NoSuchKey"),
		"exists":     s3Answer(412, "PreconditionFailed"),
		"checksum":   fmt.Errorf("read back what was put: %w", ErrChecksum),
		"too large":  tooLarge("chunks/ab/abcd", 10),
		"bad key":    checkKey("../raw"),
		"timeout":    fmt.Errorf("put x: %w within 30s: %w", ErrTimeout, context.DeadlineExceeded),
		"cancelled":  fmt.Errorf("put x: %w", context.Canceled),
		"no keys":    fmt.Errorf("sign: %w", errNoCredentials),
		"gcs bucket": gcsError("list", "", storage.ErrBucketNotExist),
		"google 429": googleAnswer(429),
		"google 401": googleAnswer(401),
		"google 403": googleAnswer(403),
		"google 418": googleAnswer(418),
		"google 500": googleAnswer(500),
		"redirect":   s3Answer(301, "PermanentRedirect"),
		"size":       s3Answer(413, "EntityTooLarge"),
		"type":       s3Answer(415, "InvalidMimeType"),
		"bucket":     s3Answer(404, "NoSuchBucket"),
		"signature":  s3Answer(403, "SignatureDoesNotMatch"),
		"key id":     s3Answer(403, "InvalidAccessKeyId"),
		"expired":    s3Answer(400, "ExpiredToken"),
		"clock":      s3Answer(403, "RequestTimeTooSkewed"),
		"access":     s3Answer(403, "AccessDenied"),
		"quota":      s3Answer(507, "QuotaExceeded"),
		"slow down":  s3Answer(503, "SlowDown"),
		"digest":     s3Answer(400, "BadDigest"),
		"server":     s3Answer(500, "InternalError"),
		"teapot":     s3Answer(418, "Teapot"),
		"odd code":   s3Answer(418, "raw: a text, not a code"),
		"code alone": s3Error("put", "x", &smithy.GenericAPIError{Code: "InvalidObjectState", Message: "raw: cold"}),
		"full":       onDisk(syscall.ENOSPC),
		"read-only":  onDisk(syscall.EROFS),
		"permission": onDisk(syscall.EACCES),
		"a file":     onDisk(syscall.ENOTDIR),
		"no folder":  onDisk(syscall.ENOENT),
		"i/o":        onDisk(syscall.EIO),
		"stale":      onDisk(syscall.ESTALE),
		"files":      onDisk(syscall.EMFILE),
		"cleaning":   onDisk(syscall.EUCLEAN),
		"name":       dialing(&net.DNSError{Name: "store.example", Err: "raw: no such host"}),
		"refused":    dialing(syscall.ECONNREFUSED),
		"certificate": &url.Error{
			Op:  "Get",
			URL: "https://raw",
			Err: &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "raw"}},
		},
		"network":    dialing(syscall.ENETUNREACH),
		"reset":      dialing(syscall.ECONNRESET),
		"broken off": fmt.Errorf("read x: %w", io.ErrUnexpectedEOF),
		"slow":       dialing(os.ErrDeadlineExceeded),
		"unknown":    errors.New("raw: operation error S3: whatever"),
	}
	for name, o := range map[string]S3Options{"no bucket": {}, "half a key": {Bucket: "b", AccessKeyID: "a"}} {
		_, all["s3 "+name] = OpenS3(t.Context(), o)
	}
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd.json")
	if err := os.WriteFile(odd, []byte("raw: secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]GCSOptions{
		"no bucket": {}, "no file": {Bucket: "b", CredentialsFile: filepath.Join(dir, "none.json")},
		"odd file": {Bucket: "b", CredentialsFile: odd}} {
		_, all["gcs "+name] = OpenGCS(t.Context(), o)
	}
	_, all["file no name"] = OpenFile("")
	return all
}

var (
	wholeSentences = regexp.MustCompile(`^[A-Z][^:]*\.( [A-Z][^:]*\.)+$`)
	rawText        = regexp.MustCompile(
		`(?i)\braw\b|operation error|https response|statuscode|requestid|googleapi|dial tcp|x509|openat|chunks/|%!`)
)

// TestExplainSpeaksInWholeSentences: what happened and what it means, then what to do, with no colon, which belongs to
// the name before it, and nothing of what a library or a store says.
func TestExplainSpeaksInWholeSentences(t *testing.T) {
	t.Parallel()
	said := ""
	for name, err := range everyFailure(t) {
		if err == nil {
			t.Errorf("%s is no failure", name)
			continue
		}
		words := Explain(err)
		said += words + "\n"
		if !wholeSentences.MatchString(words) || rawText.MatchString(words) {
			t.Errorf("%s: %v\nis explained as %q", name, err, words)
		}
	}
	for _, text := range sentencesOf(t, "explain.go") {
		if begin, _, _ := strings.Cut(text, "%"); !strings.Contains(said, begin) {
			t.Errorf("no failure of the table is explained with %q", text)
		}
	}
}

// sentencesOf returns how each failure of a source file begins.
func sentencesOf(t *testing.T, name string) (texts []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		lit, is := n.(*ast.CompositeLit)
		if !is || len(lit.Elts) == 0 {
			return true
		}
		if kind, is := lit.Type.(*ast.Ident); !is || kind.Name != "failure" {
			return true
		}
		first := true
		ast.Inspect(lit.Elts[0], func(n ast.Node) bool {
			if text, is := n.(*ast.BasicLit); is && text.Kind == token.STRING && first {
				first = false
				words, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, words)
			}
			return first
		})
		return true
	})
	if len(texts) < 30 {
		t.Fatalf("%s has %d failures: this test looks for them in a way that finds them no more", name, len(texts))
	}
	return texts
}
