// Command demo runs a whole world to try Keepsake in: a private PostgreSQL with a platform database like WedSync's and
// the console's own, a real S3 server, a GCS emulator, and the console itself. Everything lives below one folder.
// Ctrl-C stops it, a second run continues where the first was, and nothing of it is ever part of the product's binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", ".demo", "folder of the demo's world")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(),
			"demo runs a world to try Keepsake in. WEDDINGS (2000), SIZE (large) and PORT (8080) come from the environment.")
		flag.PrintDefaults()
	}
	flag.Parse()
	weddings, err := fromEnv("WEDDINGS", 2000)
	if err == nil && (weddings < 50 || weddings > 1_000_000) {
		err = fmt.Errorf("WEDDINGS is %d: choose between 50 and 1,000,000", weddings)
	}
	if err != nil {
		return err
	}
	port, err := fromEnv("PORT", 8080)
	if err == nil && (port < 1 || port > 65535) {
		err = fmt.Errorf("PORT is %d: choose between 1 and 65535", port)
	}
	if err != nil {
		return err
	}
	size := os.Getenv("SIZE")
	if size != "" && size != "large" {
		return fmt.Errorf("SIZE is %q: it may be large, or be left out", size)
	}
	root, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	unlock, err := lock(root)
	if err != nil {
		return err
	}
	defer unlock()
	w := &world{dir: root, say: newNarrator(os.Stderr)}
	defer w.stop()
	started := time.Now()
	if err := w.start(ctx, weddings, size == "large", port); err != nil {
		if ctx.Err() != nil {
			w.say.line("Stopped before everything was there; the next run goes on from here.")
			return context.Canceled
		}
		return err
	}
	w.introduce(time.Since(started))
	select {
	case <-ctx.Done():
		w.say.line("Stopping …")
		return nil
	case <-w.console.Done():
		return fmt.Errorf("the console ended by itself; its last words, from %s:\n%s",
			w.path("log", "console.log"), w.console.LastWords())
	}
}

// fromEnv is a number from the environment.
func fromEnv(name string, otherwise int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s is %q: it must be a number", name, text)
	}
	return n, nil
}

// lock keeps two demos out of one folder.
func lock(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("the demo is already running: stop it with Ctrl-C where it runs, or open the " +
				"address it shows")
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}
