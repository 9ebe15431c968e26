package operation

import (
	"cmp"
	"context"
	"time"

	"github.com/wedsync/keepsake/db/sqlcgen"
)

// Who says which processes do a duty.
type Who string

// The two of them.
const (
	EachProcess Who = "each_process" // every working process, at once when it starts and then again and again
	OneHolder   Who = "one_holder"   // one process at a time, when the duty's row says that it is due
)

// Duty is work that nobody asks for, done again and again. One more run of it never does any harm.
type Duty struct {
	Name  string        // its row
	Does  string        // what it does, in words that follow "could not"
	Every time.Duration // between two runs
	Who   Who
	// Within is how long one run may take; 0: ten minutes. A run that hangs would keep everybody from the next one.
	Within time.Duration
	// Wake, where each process does the duty, is what has it done at once. May be nil.
	Wake <-chan struct{}
	Run  func(context.Context) error
}

// longestRun bounds a run of a duty that says nothing else.
const longestRun = 10 * time.Minute

func (d Duty) within() time.Duration { return cmp.Or(d.Within, longestRun) }

// longestRetry bounds how long a duty that failed waits for its next run.
const longestRetry = 5 * time.Minute

// due reports whether it is time for a duty. A wall clock that was set back since must not make it wait. So a duty is
// also due when its next run lies further away than one interval, and when a process has seen it rest for one interval
// by its own clock.
func (d Duty) due(next, now time.Time, rested time.Duration) bool {
	return !next.After(now) || next.After(now.Add(d.Every)) || rested >= d.Every
}

// following is when a duty that ended now runs next. It is reckoned from now, so that what was missed is done once.
func (d Duty) following(now time.Time, failed bool) time.Time {
	if failed {
		return now.Add(min(d.Every, longestRetry))
	}
	return now.Add(d.Every)
}

// times are those of a duty's lease, and how late a duty may begin. Whoever holds it must have counted within hold, or
// stops; others take it over when they have seen it stand still for take. Between the two lies what one beat may take.
type times struct{ look, beat, hold, take time.Duration }

// DutyExpiry is for how long a duty's holder may not be seen to count before others take the duty over.
const DutyExpiry = 12 * time.Second

func defaultTimes() times {
	return times{look: 5 * time.Second, beat: 2 * time.Second, hold: 8 * time.Second, take: DutyExpiry}
}

// sight is what one process has seen of a duty's lease, and since when by its own clock, which only runs forward.
type sight struct {
	known        bool
	fence, beats int64
	since        time.Duration // the count has not moved
	resting      time.Duration // since when nobody has done it
}

// look takes note of the row and reports whether nobody holds the duty any more.
func (s *sight) look(row sqlcgen.Duty, steady, take time.Duration) (free bool) {
	if !s.known || s.fence != row.Fence || row.Holder != "" {
		s.resting = steady
	}
	if !s.known || s.fence != row.Fence || s.beats != row.Beats {
		s.since = steady
	}
	s.known, s.fence, s.beats = true, row.Fence, row.Beats
	return row.Holder == "" || steady-s.since >= take
}
