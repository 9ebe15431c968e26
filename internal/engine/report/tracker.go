package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// reportEvery is the shortest time between two calls of Reporter.Progress.
const reportEvery = 250 * time.Millisecond

// Tracker collects progress from every goroutine of an operation and passes it on, whole, at a bounded rate. Each
// counter changes once for a chunk or table, never for a row, so one mutex is enough.
type Tracker struct {
	now      func() time.Time
	reporter Reporter

	mu      sync.Mutex
	state   Progress
	dirty   bool
	awaited []Awaited
	out     sync.Mutex // one call of the Reporter at a time
	quit    chan struct{}
	done    chan struct{}
}

// NewTracker starts reporting. The caller must call Close.
func NewTracker(reporter Reporter, now func() time.Time) *Tracker {
	if reporter == nil {
		reporter = Discard
	}
	t := &Tracker{now: now, reporter: reporter, quit: make(chan struct{}), done: make(chan struct{})}
	t.state.StartedAt = now()
	go t.run()
	return t
}

func (t *Tracker) run() {
	defer close(t.done)
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush()
		case <-t.quit:
			return
		}
	}
}

// flush reports the current state if anything changed.
func (t *Tracker) flush() {
	t.out.Lock()
	defer t.out.Unlock()
	t.mu.Lock()
	t.lookForSilence()
	if !t.dirty {
		t.mu.Unlock()
		return
	}
	t.dirty = false
	t.state.UpdatedAt = t.now()
	p := t.state
	p.Tables, p.Providers = slices.Clone(p.Tables), slices.Clone(p.Providers)
	t.mu.Unlock()
	t.reporter.Progress(p)
}

// silentFrom is how long a provider must be silent before that is said.
const silentFrom = 3 * time.Second

// Awaited is a provider that has not answered yet, and for how long.
type Awaited struct {
	Provider string
	Waiting  func() time.Duration
}

// Await makes the progress name the operation's providers that do not answer.
func (t *Tracker) Await(providers []Awaited) {
	t.mu.Lock()
	t.awaited = providers
	t.mu.Unlock()
}

// lookForSilence writes down for how long each provider has been silent. The lock is held.
func (t *Tracker) lookForSilence() {
	for _, p := range t.awaited {
		silent := p.Waiting()
		if silent < silentFrom {
			silent = 0
		}
		for i := range t.state.Providers {
			if prov := &t.state.Providers[i]; prov.Name == p.Provider && prov.Silent != int64(silent.Seconds()) {
				prov.Silent, t.dirty = int64(silent.Seconds()), true
			}
		}
	}
}

// Close reports once more, and then no longer.
func (t *Tracker) Close() {
	close(t.quit)
	<-t.done
	t.flush()
}

// Update lets fn change the state. fn must not block.
func (t *Tracker) Update(fn func(p *Progress)) {
	t.mu.Lock()
	fn(&t.state)
	t.dirty = true
	t.mu.Unlock()
}

// Stage enters a stage and reports it at once.
func (t *Tracker) Stage(s Stage) {
	t.Update(func(p *Progress) { p.Stage = s })
	t.flush()
}

// State returns the current state.
func (t *Tracker) State() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// Infof adds a line to the operation's log.
func (t *Tracker) Infof(format string, args ...any) { t.logf("info", format, args...) }

// Warnf adds a warning to the operation's log.
func (t *Tracker) Warnf(format string, args ...any) { t.logf("warn", format, args...) }

func (t *Tracker) errorf(format string, args ...any) { t.logf("error", format, args...) }

// Broke says in the log that what was begun did not end: somebody stopped it, or it failed with err.
func (t *Tracker) Broke(ctx context.Context, what string, err error) {
	if errors.Is(ctx.Err(), context.Canceled) { // whatever err says: a program that was stopped fails in words of its own
		t.Warnf("The %s was stopped before it was done.", what)
		return
	}
	t.errorf("The %s failed: %s", what, keepsake.MessageOf(err))
}

func (t *Tracker) logf(level, format string, args ...any) {
	t.log(LogLine{Level: level, Message: fmt.Sprintf(format, args...)})
}

// Reportedf adds a warning to the log about something that the result names as well.
func (t *Tracker) Reportedf(format string, args ...any) {
	t.log(LogLine{Level: "warn", Message: fmt.Sprintf(format, args...), Reported: true})
}

func (t *Tracker) log(l LogLine) {
	t.out.Lock()
	defer t.out.Unlock()
	l.Time = t.now()
	t.reporter.Log(l)
}

// Provider lets fn change the progress of one provider.
func (t *Tracker) Provider(name string, fn func(p *ProviderProgress)) {
	t.Update(func(s *Progress) {
		for i := range s.Providers {
			if s.Providers[i].Name == name {
				fn(&s.Providers[i])
				return
			}
		}
	})
}

// Writing begins the stage of a restore that changes rows of the live platform.
func (t *Tracker) Writing(rows int64) {
	t.Stage(StageWriting)
	t.Update(func(p *Progress) { p.RowsTotal, p.RowsDone = rows, 0 })
}

// Wrote adds to the number of rows that were changed.
func (t *Tracker) Wrote(rows int64) { t.Update(func(p *Progress) { p.RowsDone += rows }) }
