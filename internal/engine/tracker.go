package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// reportEvery is the shortest time between two calls of Reporter.Progress.
const reportEvery = 250 * time.Millisecond

// tracker collects progress from every goroutine of an operation and passes it on, whole, at a bounded rate. All counters
// are touched once per chunk or table, never per row, so one mutex is enough.
type tracker struct {
	now      func() time.Time
	reporter Reporter

	mu       sync.Mutex
	state    Progress
	dirty    bool
	attended []Provider
	out      sync.Mutex // one call of the Reporter at a time
	quit     chan struct{}
	done     chan struct{}
}

// newTracker starts reporting. The caller must call close.
func newTracker(reporter Reporter, now func() time.Time) *tracker {
	if reporter == nil {
		reporter = Discard
	}
	t := &tracker{now: now, reporter: reporter, quit: make(chan struct{}), done: make(chan struct{})}
	t.state.StartedAt = now()
	go t.run()
	return t
}

func (t *tracker) run() {
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
func (t *tracker) flush() {
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

// attend makes the progress say which of an operation's providers are being waited for.
func (t *tracker) attend(providers []Provider) {
	t.mu.Lock()
	t.attended = providers
	t.mu.Unlock()
}

// lookForSilence writes down for how long each provider has been silent. The lock is held.
func (t *tracker) lookForSilence() {
	for _, p := range t.attended {
		a, ok := p.Store.(*storage.Attended)
		if !ok {
			continue
		}
		silent := a.Waiting()
		if silent < silentFrom {
			silent = 0
		}
		for i := range t.state.Providers {
			if prov := &t.state.Providers[i]; prov.Name == p.Name && prov.Silent != int64(silent.Seconds()) {
				prov.Silent, t.dirty = int64(silent.Seconds()), true
			}
		}
	}
}

// close stops reporting after one last report.
func (t *tracker) close() {
	close(t.quit)
	<-t.done
	t.flush()
}

// update changes the state; fn must not block.
func (t *tracker) update(fn func(p *Progress)) {
	t.mu.Lock()
	fn(&t.state)
	t.dirty = true
	t.mu.Unlock()
}

// stage enters a stage and reports it at once.
func (t *tracker) stage(s Stage) {
	t.update(func(p *Progress) { p.Stage = s })
	t.flush()
}

// snapshot returns the current state.
func (t *tracker) snapshot() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

func (t *tracker) infof(format string, args ...any)  { t.logf("info", format, args...) }
func (t *tracker) warnf(format string, args ...any)  { t.logf("warn", format, args...) }
func (t *tracker) errorf(format string, args ...any) { t.logf("error", format, args...) }

// broke says that what was begun did not end: it was stopped by whoever asked for it, or it failed with err.
func (t *tracker) broke(ctx context.Context, what string, err error) {
	if errors.Is(ctx.Err(), context.Canceled) { // whatever err says: a program that was stopped fails in words of its own
		t.warnf("The %s was stopped before it was done.", what)
		return
	}
	t.errorf("The %s failed: %s", what, keepsake.MessageOf(err))
}

func (t *tracker) logf(level, format string, args ...any) {
	t.log(LogLine{Level: level, Message: fmt.Sprintf(format, args...)})
}

// reportedf warns of what the result names as well.
func (t *tracker) reportedf(format string, args ...any) {
	t.log(LogLine{Level: "warn", Message: fmt.Sprintf(format, args...), Reported: true})
}

func (t *tracker) log(l LogLine) {
	t.out.Lock()
	defer t.out.Unlock()
	l.Time = t.now()
	t.reporter.Log(l)
}

// provider changes the progress of one provider.
func (t *tracker) provider(name string, fn func(p *ProviderProgress)) {
	t.update(func(s *Progress) {
		for i := range s.Providers {
			if s.Providers[i].Name == name {
				fn(&s.Providers[i])
				return
			}
		}
	})
}
