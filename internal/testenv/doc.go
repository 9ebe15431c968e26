// Package testenv starts the real servers that tests and the demo talk to: PostgreSQL, an S3 gateway, a Google Cloud
// Storage emulator, an S3 store that lies, and a proxy that makes a network bad. It is never linked into the product.
//
// Servers are children of this process that the kernel ends when it dies, however it dies. DB, S3 and GCS share one
// server per test binary and give each test a fresh database or bucket. A package that uses them should say
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
// so that they are stopped in order and their folders removed. Without it nothing keeps running either, and the folders
// are removed by the next test binary that starts a server.
package testenv

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

var (
	closersMu sync.Mutex
	closers   []func()
)

// atExit registers what Main does after the last test, in reverse order.
func atExit(f func()) {
	closersMu.Lock()
	defer closersMu.Unlock()
	closers = append(closers, f)
}

// Main runs the tests, stops the shared servers, removes their folders and exits with the tests' code. Where a log or a
// page held a secret (see Secret) they have failed.
func Main(m *testing.M) {
	code := m.Run()
	for _, leak := range leaks.leaked() {
		_, _ = fmt.Fprintln(os.Stderr, "FAIL: a secret leaked: "+leak)
		code = max(code, 1)
	}
	closersMu.Lock()
	all := closers
	closers = nil
	closersMu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		all[i]()
	}
	os.Exit(code)
}

// shared is one server per test binary, started when the first test asks for it.
type shared[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (s *shared[T]) get(t testing.TB, start func(context.Context) (T, error)) T {
	t.Helper()
	// The server outlives the test that happens to ask first, so it must not end with that test's context.
	s.once.Do(func() { s.value, s.err = start(context.WithoutCancel(t.Context())) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.value
}
