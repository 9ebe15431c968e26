package console_test

import (
	"context"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// healthOf returns how the overview says that a provider stands.
func healthOf(t *testing.T, c *console.Console, provider string) (console.Health, console.ProviderState) {
	t.Helper()
	d, err := c.Dashboard(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Providers {
		if p.Name == provider {
			return p.Health(), p
		}
	}
	t.Fatalf("no provider %s", provider)
	return "", console.ProviderState{}
}

// TestCheckAgainWrites: whoever presses it wants to know now, not what was true some minutes ago. The other providers
// are only asked.
func TestCheckAgainWrites(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, s3 := healthOf(t, c, "s3")
	_, local := healthOf(t, c, "local")
	if err := c.CheckProvider(t.Context(), admin, "s3"); err != nil {
		t.Fatal(err)
	}
	if _, now := healthOf(t, c, "s3"); s3.Written.IsZero() || !now.Written.After(s3.Written) {
		t.Errorf("written %s, and after it was checked again %s", s3.Written, now.Written)
	}
	if _, now := healthOf(t, c, "local"); !now.Written.Equal(local.Written) {
		t.Errorf("another was written to, too: %s, then %s", local.Written, now.Written)
	}
}

// TestProviderHealthIsOneTruth lets a provider fail in a backup: it does not work until a later write has worked, then
// it lacks the newest recovery point, and after a repair it works. The form of a backup says the same each time, and
// stops nobody.
func TestProviderHealthIsOneTruth(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	away := storagetest.Faulty(storagetest.NewMem())
	e.stores[2].Store = away
	c := w.console(e)
	check := func() {
		t.Helper()
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantForm := func(says string) {
		t.Helper()
		estimate, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull)
		if err != nil || estimate.Blocked {
			t.Fatalf("the form is blocked: %+v, %v", estimate.Findings, err)
		}
		said := ""
		for _, f := range estimate.Findings {
			if console.Unprotects(f) {
				said += f.Area + ": " + f.Words() + "\n"
			}
		}
		if (says == "") != (said == "") || !strings.Contains(said, says) ||
			strings.Contains(said, "Configure three providers") {
			t.Errorf("the form says %q, want %q", said, says)
		}
	}
	check()
	if h, p := healthOf(t, c, "away"); h != console.HealthWorks || p.Written.IsZero() {
		t.Fatalf("before anything: %s, %+v", h, p)
	}
	wantForm("")

	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		result, err := e.succeed(in, r, "local", "s3")
		for i := range result.Copies {
			if !result.Copies[i].Confirmed {
				result.Copies[i].Error = "The disk is full, so it takes no new copies."
			}
		}
		return result, err
	}
	away.Down(true) // or the check that a worker begins with might come after the backup
	w.run(c, true)
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, o.ID, console.StateDone)
	if h, p := healthOf(t, c, "away"); h != console.HealthFails || p.Error == "" {
		t.Errorf("after a backup that failed there: %s, %+v", h, p)
	}
	wantForm("provider away: ") // of the backup, or of a check after it

	away.Down(false)
	if err := c.CheckProvider(t.Context(), admin, "away"); err != nil { // a real write works again, and is noticed at once
		t.Fatal(err)
	}
	if h, _ := healthOf(t, c, "away"); h != console.HealthBehind {
		t.Errorf("after a write that worked: %s", h)
	}
	wantForm("")

	if o, err = c.StartRepair(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	if o = await(t, c, o.ID, console.StateDone); o.Repair == nil || o.Repair.Copied == 0 || !o.OK {
		t.Errorf("the repair: %+v", o)
	}
	if h, p := healthOf(t, c, "away"); h != console.HealthWorks || p.Error != "" {
		t.Errorf("after the repair: %s, %+v", h, p)
	}
	if d, err := c.Dashboard(t.Context(), admin); err != nil || !d.Protection.Protected() {
		t.Errorf("after the repair: %+v, %v", d.Protection, err)
	}

	e.mu.Lock()
	e.remaining = []engine.VerifyFinding{{
		Provider: "away",
		Object:   "a",
		Problem:  "The disk is full, so it takes no new copies. Free some space.",
	},
		{Provider: "away", Object: "b", Problem: "x"}}
	e.mu.Unlock()
	if o, err = c.StartRepair(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	await(t, c, o.ID, console.StateDone)
	const left = "Done, but not everything could be repaired. Provider away still lacks 2 objects. The disk is full, so " +
		"it takes no new copies. Free some space. Then repair again."
	if lines, err := c.OperationLog(t.Context(), admin, o.ID, 0, 0); err != nil || len(lines) == 0 ||
		lines[len(lines)-1].Message != left {
		t.Errorf("the last words of a repair that left something are %+v, %v", lines, err)
	}

	away.Down(true)
	check()
	if h, _ := healthOf(t, c, "away"); h != console.HealthFails {
		t.Errorf("after a check that failed: %s", h)
	}
}
