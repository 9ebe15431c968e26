// Command keepsake protects the database of a wedding platform: it takes encrypted backups to several storage
// providers, verifies and restores them, and serves the console. init, backup, points, verify, repair and restore need
// no console database: one storage provider and the key are enough to restore.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end; after it, signals kill as usual.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, stdio{os.Stdin, os.Stdout, os.Stderr}))
}
