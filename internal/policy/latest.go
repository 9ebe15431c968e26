package policy

import (
	"iter"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Candidate is a recovery point that the word latest may mean.
type Candidate struct {
	ID      string
	Type    keepsake.BackupType
	Suspect string // why it is suspect, a sentence; "": it is not
	Err     error  // why nobody can read it; nothing else is known then
}

// Whole reports whether it covers every tier.
func (c Candidate) Whole() bool { return whole(c.Type) }

func whole(t keepsake.BackupType) bool {
	return t == keepsake.BackupFull || t == keepsake.BackupIncremental
}

// Latest returns the recovery point that the word latest means, of those that can be read. While there is one that
// covers every tier, that is never one of the critical tier alone; while there is one of them that is not suspect, it
// is never a suspect one. A suspect one is better than none, and whoever takes it says so.
//
// Passed are those that are not taken although they are newer and cover every tier, or might have been better and
// cannot be read. Latest asks for no more points than it needs.
func Latest(newestFirst iter.Seq[Candidate]) (found Candidate, passed []Candidate, ok bool) {
	var seen []Candidate
	at := -1
	for c := range newestFirst {
		seen = append(seen, c)
		if c.Err == nil && (at < 0 || worth(c) > worth(seen[at])) {
			at = len(seen) - 1
		}
		if at >= 0 && worth(seen[at]) == mostWorth {
			break
		}
	}
	if at >= 0 {
		found = seen[at]
	}
	for i, c := range seen {
		if c.Err != nil || c.Whole() && i < at {
			passed = append(passed, c)
		}
	}
	return found, passed, at >= 0
}

const mostWorth = 3

// worth orders those that can be read. Of equal ones the newest is taken.
func worth(c Candidate) (n int) {
	if c.Whole() {
		n += 2
	}
	if c.Suspect == "" {
		n++
	}
	return n
}
