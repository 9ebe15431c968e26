package operation

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/db/sqlcgen"
)

// TestDutyIsDue is when a duty is due, by its row and the wall clock alone.
func TestDutyIsDue(t *testing.T) {
	t.Parallel()
	d, now := Duty{Every: time.Hour}, time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		next   time.Time
		rested time.Duration
		want   bool
	}{
		"its time has come":                  {now, 0, true},
		"missed for a day":                   {now.Add(-24 * time.Hour), 0, true},
		"not yet":                            {now.Add(time.Minute), time.Hour - 1, false},
		"a whole interval away":              {now.Add(time.Hour), 0, false},
		"further, as the clock was set back": {now.Add(time.Hour + time.Second), 0, true},
		"set back again and again":           {now.Add(time.Minute), time.Hour, true},
	} {
		if got := d.due(c.next, now, c.rested); got != c.want {
			t.Errorf("%s: due is %v", name, got)
		}
	}
	if next := d.following(now, false); next != now.Add(time.Hour) {
		t.Errorf("what was missed is not done once: %s", next)
	}
	if next := d.following(now, true); next != now.Add(longestRetry) {
		t.Errorf("what failed is tried again at %s", next)
	}
}

// simulated is one process in the artificial world: what it has seen, and what it does.
type simulated struct {
	alive, cutOff bool
	seen          sight
	fence         int64         // it holds the duty by; 0: it does not
	until         time.Duration // its run ends then
	counted       time.Duration // when it last counted
}

// TestDutyWithAClockThatJumps lets the wall clock be set forward and back by up to years, while processes die, start,
// and lose the database for a while. Two processes never do a duty at once, and while one of them is alive it is done
// at least once in an interval of true time, however the clock jumps.
func TestDutyWithAClockThatJumps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const step = 500 * time.Millisecond
		tm := defaultTimes()
		d := Duty{Every: time.Duration(rapid.IntRange(20, 7200).Draw(t, "seconds between two runs")) * time.Second}
		took := time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds that a run takes")) * time.Second
		wall := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
		row := sqlcgen.Duty{NextAt: wall}
		processes := make([]simulated, 3)
		for i := range processes {
			processes[i].alive = true
		}
		// of true time: when it was last done, and since when nothing has kept it from being done
		var lastDone, quiet time.Duration
		runs := 0
		events := rapid.SliceOfN(rapid.IntRange(0, 9), 5, 60).Draw(t, "what happens")
		var steady time.Duration
		advance := func(how time.Duration) {
			for end := steady + how; steady < end; steady, wall = steady+step, wall.Add(step) {
				for i := range processes {
					p := &processes[i]
					if !p.alive {
						continue
					}
					if p.fence > 0 { // it runs
						if !p.cutOff && p.fence == row.Fence && (steady-p.counted) >= tm.beat {
							row.Beats++
							p.counted = steady
						}
						if steady-p.counted >= tm.hold {
							p.fence = 0 // it stops: another may do it
							continue
						}
						if steady >= p.until && !p.cutOff {
							if p.fence != row.Fence {
								t.Fatalf("process %d ends what process %q holds", i, row.Holder)
							}
							row.Holder, row.NextAt, p.fence = "", d.following(wall, false), 0
							row.Beats++
							lastDone, runs = steady, runs+1
						}
						continue
					}
					if p.cutOff || steady%tm.look != 0 || !p.seen.look(row, steady, tm.take) ||
						!d.due(row.NextAt, wall, steady-p.seen.resting) {
						continue
					}
					for j, other := range processes {
						if j != i && other.alive && other.fence > 0 {
							t.Fatalf("processes %d and %d do it at once", i, j)
						}
					}
					row.Holder, row.Fence, row.Beats = "somebody", row.Fence+1, row.Beats+1
					p.fence, p.until, p.counted = row.Fence, steady+took, steady
				}
				longest := d.Every + took + tm.take + 2*tm.look + 2*step
				if steady-max(lastDone, quiet) > longest {
					t.Fatalf("it was not done for %s of true time, and its interval is %s", steady-max(lastDone, quiet), d.Every)
				}
			}
		}
		for i, what := range events {
			p := &processes[i%len(processes)]
			switch what {
			case 0, 1:
				wall = wall.Add(time.Duration(rapid.Int64Range(0, 3*365*24*3600).Draw(t, "forward")) * time.Second)
			case 2, 3:
				wall = wall.Add(-time.Duration(rapid.Int64Range(0, 3*365*24*3600).Draw(t, "back")) * time.Second)
			case 4:
				wall = wall.Add(time.Duration(rapid.Int64Range(-7200, 7200).Draw(t, "a little")) * time.Second)
			case 5: // it dies; the next one starts with nothing in its memory, and has a clock of its own
				*p = simulated{alive: true}
				quiet = steady
			case 6:
				p.cutOff = !p.cutOff
				quiet = steady
			}
			if processes[0].cutOff && processes[1].cutOff && processes[2].cutOff {
				processes[0].cutOff = false
				quiet = steady
			}
			if what == 7 {
				advance(d.Every)
			}
			advance(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
		}
		if steady > 2*d.Every+took+time.Minute && runs == 0 {
			t.Fatalf("it was never done in %s", steady)
		}
	})
}
