package testenv

import (
	"syscall"
	"testing"
)

// Signal sends the server a signal and waits for its end.
func (p *Postgres) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.child.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	<-p.child.done
}
