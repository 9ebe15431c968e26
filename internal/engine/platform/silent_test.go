package platform_test

import (
	"context"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// silentServer takes connections and says nothing but first.
func silentServer(t *testing.T, first string) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.CopyN(io.Discard, conn, 8)
				_, _ = io.WriteString(conn, first)
				_, _ = io.Copy(io.Discard, conn) // until the other side gives up
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// TestASilentDatabaseIsSaidToBeSilent wherever it falls silent: no fault of TLS or of the configuration is suspected,
// and no word of the driver is shown.
func TestASilentDatabaseIsSaidToBeSilent(t *testing.T) {
	t.Parallel()
	within := regexp.MustCompile(
		`^the (platform's database|database at 127\.0\.0\.1:\d+/db) did not answer within [\d.]+ s$`)
	for first, mode := range map[string]string{"": "prefer", "S": "require", "N": "prefer", "R": "disable"} {
		url := keepsake.Secret("postgres://user:pw@" + silentServer(t, first) + "/db?connect_timeout=1&sslmode=" + mode)
		q := platform.NewQuestions(url)
		t.Cleanup(q.Close)
		short, cancel := context.WithCancel(t.Context())
		for range 2 { // by the time for connecting, then by the question's own
			_, asked := ask[int](short, q, "select 1")
			_, connected := platform.Connect(short, url)
			for _, err := range []error{asked, connected} {
				if keepsake.CodeOf(err) != keepsake.CodeUnavailable || !within.MatchString(keepsake.MessageOf(err)) {
					t.Errorf("%q, %s: %v", first, mode, keepsake.MessageOf(err))
				}
			}
			cancel()
			short, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
		}
		cancel()
	}
}

// TestATLSFaultIsSaidToBeOne, without the driver's steps.
func TestATLSFaultIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	_, err := platform.Connect(t.Context(),
		keepsake.Secret("postgres://user:pw@"+silentServer(t, "SHTTP/1.1 400 Bad Request\r\n\r\n")+"/db?sslmode=require"))
	if m := keepsake.MessageOf(err); !strings.Contains(m, "the secure connection failed") ||
		strings.Contains(m, "failed to connect to") || strings.Contains(m, "user=") {
		t.Error(m)
	}
}

// TestNoTLSFaultIsSuspectedForAName: a server that is away is said to be away, also to a role or of a host that has tls
// in its name.
func TestNoTLSFaultIsSuspectedForAName(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = platform.Connect(t.Context(), keepsake.Secret("postgres://tls_reader:pw@"+away+"/db?sslmode=disable"))
	if m := keepsake.MessageOf(err); keepsake.CodeOf(err) != keepsake.CodeUnavailable ||
		!strings.Contains(m, "cannot be reached") {
		t.Error(m)
	}
}
