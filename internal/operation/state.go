package operation

// State says where an operation stands.
type State string

// The states. Proposed, queued, running and interrupted operations are active; the other three are final.
const (
	StateProposed    State = "proposed" // another super admin must approve it
	StateQueued      State = "queued"
	StateRunning     State = "running"
	StateInterrupted State = "interrupted" // its worker went away; the next one starts it again by itself
	StateDone        State = "done"        // also what has left something to be done
	StateFailed      State = "failed"
	StateCancelled   State = "cancelled"
)

// Active reports whether the operation has not ended yet.
func (s State) Active() bool {
	return s == StateProposed || s == StateQueued || s == StateRunning || s == StateInterrupted
}
