package pgtool

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestAToolOutlivesOtherThreads: the thread that started a tool must not end while it runs, since the kernel would kill
// the tool then. Threads end with goroutines that locked them.
func TestAToolOutlivesOtherThreads(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nread line <&3\necho \"$line\"\n"
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	for range 20 {
		in, say, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var out, stderr bytes.Buffer
		done := make(chan error, 1)
		go func() {
			done <- Tools{Dir: dir}.command(t.Context(), "tool", []string{"PATH=/usr/bin:/bin"}, &out, &stderr, []*os.File{in})
		}()
		for range 200 {
			ended := make(chan struct{})
			go func() {
				runtime.LockOSThread() // and never unlocks: its thread ends with it
				close(ended)
			}()
			<-ended
		}
		_, _ = say.WriteString("alive\n")
		if err := <-done; err != nil {
			t.Fatalf("%v, %s", err, &stderr)
		}
		_, _ = in.Close(), say.Close()
	}
}
