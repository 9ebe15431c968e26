package console_test

import (
	"crypto/sha256"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAnOperationIsStartedOncePerKey: whoever dies before the answer, or learns nothing of the commit, or comes back
// after another process has taken the key, leaves one operation, and whoever asks again is told of it.
func TestAnOperationIsStartedOncePerKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx, request := w.console(newFakeEngine()), t.Context(), sha256.Sum256([]byte("verify"))
	begin := func(key string) *console.Answer {
		t.Helper()
		a, err := c.BeginAnswer(ctx, admin, key, request)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	verify := func(key string) (console.Operation, error) {
		return c.StartVerify(console.WithAnswerKey(ctx, key), admin, console.StartVerifyInput{})
	}
	aged := func() {
		w.tamper("set keepsake.role = 'system'; update idempotency_keys set created_at = created_at - interval '2 minutes'")
	}

	if a := begin("dies"); a != nil {
		t.Fatalf("%+v", a)
	}
	o, err := verify("dies")
	if err != nil {
		t.Fatal(err)
	}
	aged()
	if a := begin("dies"); a == nil || a.Operation != o.ID {
		t.Errorf("after the process died: %+v, want %s", a, o.ID)
	}
	if err := c.EndAnswer(ctx, admin, "dies", nil); err != nil { // it learned nothing of its commit
		t.Fatal(err)
	}
	if a := begin("dies"); a == nil || a.Operation != o.ID {
		t.Errorf("after the key was given back: %+v, want %s", a, o.ID)
	}

	begin("hangs")
	aged()
	if a := begin("hangs"); a != nil { // nothing was started: another process takes the key
		t.Fatalf("%+v", a)
	}
	if _, err := verify("hangs"); err != nil {
		t.Fatal(err)
	}
	if o, err := verify("hangs"); keepsake.CodeOf(err) != keepsake.CodeConflict || o.ID != "" {
		t.Errorf("the first comes back and starts %q, %v", o.ID, err)
	}
	if n := w.count("select count(*) from backup_operations"); n != 2 {
		t.Errorf("%d operations", n)
	}
}
