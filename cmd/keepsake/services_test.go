package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestWorkerRemovesOldSessions proves that working processes remove sessions that ended long ago, and leave the others.
func TestWorkerRemovesOldSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	const email, password = "ada@example.com", "a long enough passphrase"
	if o := w.runWith(t, password+"\n", "admin", "create", "--email", email, "--password-stdin"); o.code != exitDone {
		t.Fatal(o.err)
	}
	d, err := db.Open(t.Context(), keepsake.Secret(w.env["KEEPSAKE_CONSOLE_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, age := range []time.Duration{0, 400 * 24 * time.Hour} {
		s := auth.NewSessions(d, func() time.Time { return time.Now().Add(-age) })
		if _, _, err := s.SignIn(t.Context(), auth.Credentials{Email: email, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	sessions := func() (n int) {
		t.Helper()
		err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			return tx.PG.QueryRow(t.Context(), "select count(*) from sessions").Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sessions(); n != 2 {
		t.Fatalf("%d sessions before the worker starts, want 2", n)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--config", w.config, "worker"}, environ(w.env),
			stdio{strings.NewReader(""), io.Discard, testenv.Log("a worker's log", nil)})
	}()
	for deadline := time.Now().Add(30 * time.Second); sessions() != 1; { // a round trip to the server instead of a sleep
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions are left, want the new one alone", sessions())
		}
	}
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("the worker ended with %d", code)
	}
}

// TestConsoleInThePlatformIsRefused proves that no command writes the console's tables into the platform.
func TestConsoleInThePlatformIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.env["KEEPSAKE_CONSOLE_URL"] = w.platform + "&application_name=console"
	for _, command := range [][]string{{"doctor"}, {"serve"}, {"worker"}, {"repo", "rebuild"}} {
		if o := w.must(t, exitUsage, command...); !strings.Contains(o.err,
			"KEEPSAKE_CONSOLE_URL: it names the platform's own database: give the console one of its own") {
			t.Errorf("%v: %s", command, o.err)
		}
	}
	if n := query[int](t, w.platform, "select count(*)::int from pg_class where relnamespace = "+
		"'public'::regnamespace"); n != 0 {
		t.Errorf("the platform has %d new objects", n)
	}
}
