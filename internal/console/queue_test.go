package console_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
)

// TestVerificationsKeepNoBackupWaiting, however many of them run.
func TestVerificationsKeepNoBackupWaiting(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	const many = 6
	started, ends := make(chan struct{}, many), make(chan struct{})
	e.verify = func(engine.VerifyInput) (engine.VerifyResult, error) {
		started <- struct{}{}
		<-ends
		return engine.VerifyResult{OK: true, Findings: []engine.VerifyFinding{}}, nil
	}
	c := w.console(e)
	w.run(c, true)
	defer close(ends)
	for range many {
		if _, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		<-started
	}
	await(t, c, startFull(t, c).ID, console.StateDone)
}
