package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// short are timeouts that a test can wait for.
var short = clientTimeouts{
	headers: 100 * time.Millisecond,
	request: 100 * time.Millisecond,
	answer:  100 * time.Millisecond,
	idle:    time.Second,
}

// long are timeouts that no test waits for, however slow the machine is.
var long = clientTimeouts{headers: time.Minute, request: time.Minute, answer: time.Minute, idle: time.Minute}

// listening serves the handler until the test ends; stop begins to end it and returns what it ended with.
func listening(t *testing.T, handler http.Handler, p clientTimeouts) (address string, stop func() chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serving(t, listener, handler, p)
}

// serving is listening on a listener.
func serving(t *testing.T, listener net.Listener, handler http.Handler, p clientTimeouts) (address string,
	stop func() chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener, handler, slog.New(slog.DiscardHandler), p) }()
	t.Cleanup(cancel)
	return listener.Addr().String(), func() chan error { cancel(); return done }
}

// call opens a connection and writes text to it. Nothing waits on it for more than half a minute.
func call(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestReadDeadlineEndsSlowClients: half a head, or half a body, holds a connection for a moment only.
func TestReadDeadlineEndsSlowClients(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	address, _ := listening(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}), short)
	for name, text := range map[string]string{"head": "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a",
		"body": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"} {
		conn := call(t, address, text)
		if _, err := io.Copy(io.Discard, conn); err != nil { // to its end, which the server makes
			t.Errorf("half a %s: %v", name, err)
		}
	}
	var timeout net.Error
	if err := <-read; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the handler read half a body: %v", err)
	}
}

// TestReadDeadlineEndsSlowClientsByTLS: those that do not begin, break off in the handshake, or dawdle behind it.
func TestReadDeadlineEndsSlowClientsByTLS(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	certified.Close()
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address,
		_ := serving(t, tls.NewListener(plain,
		&tls.Config{
			Certificates: certified.TLS.Certificates,
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"h2", "http/1.1"},
		}), http.NotFoundHandler(), short)
	for name, text := range map[string]string{"nothing": "", "half a greeting": "\x16\x03\x01\x02\x00\x01"} {
		if _, err := io.Copy(io.Discard, call(t, address, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	//nolint:gosec // the test's own server
	behind := tls.Client(call(t, address, ""), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if _, err := io.WriteString(behind, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, behind); err != nil {
		t.Errorf("half a head: %v", err)
	}
}

// TestWriteDeadlineEndsClientsThatTakeNothing, also in the middle of a download; one that takes what it gets may take
// its time.
func TestWriteDeadlineEndsClientsThatTakeNothing(t *testing.T) {
	t.Parallel()
	e := echo.New()
	wrote := make(chan error, 1)
	endless := func(c echo.Context) error {
		piece := make([]byte, 1<<20)
		for {
			if _, err := c.Response().Write(piece); err != nil {
				wrote <- err
				return nil
			}
		}
	}
	pieces := func(c echo.Context) error {
		for range 3 { // an export from a slow database: longer than any whole answer may take
			<-time.After(short.answer)
			if _, err := io.WriteString(c.Response(), "piece\n"); err != nil {
				return err
			}
			c.Response().Flush()
		}
		return nil
	}
	e.GET("/page", endless)
	e.GET("/download", endless, deadlinePerPiece(short.answer))
	e.GET("/slow-page", pieces)
	e.GET("/slow-download", pieces, deadlinePerPiece(short.answer))
	address, _ := listening(t, e, short)
	for _, path := range []string{"/page", "/download"} {
		call(t, address, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		select {
		case err := <-wrote:
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s writes for ever to who takes nothing", path)
		}
	}
	for path, want := range map[string]int{"/slow-page": 0, "/slow-download": 3} {
		conn := call(t, address, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		got, _ := io.ReadAll(conn)
		if n := strings.Count(string(got), "piece\n"); n != want {
			t.Errorf("%s: %d pieces came, want %d", path, n, want)
		}
	}
}

func TestEndlessHeadersAreRefused(t *testing.T) {
	t.Parallel()
	address, _ := listening(t, http.NotFoundHandler(), long)
	const head = "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
	conn := call(t, address, head)
	// net/http reads 4 KiB more. Of what it would leave unread the kernel may make a reset, which takes the answer away.
	go func() { _, _ = io.WriteString(conn, strings.Repeat("a", maxHeaders+4<<10-len(head))) }()
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(status, "431") {
		t.Errorf("%q, %v", status, err)
	}
}

// TestRunningRequestsFinishWhenTheServerStops, and nobody new comes in.
func TestRunningRequestsFinishWhenTheServerStops(t *testing.T) {
	t.Parallel()
	began, finish := make(chan struct{}), make(chan struct{})
	address, stop := listening(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}), long)
	conn := call(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	ended := stop()
	for { // the listener closes at once, in its own time
		late, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		_ = late.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("the server ended before its request: %v", err)
	default:
	}
	close(finish)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "whole") {
		t.Errorf("%q, %v", answer, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
}
