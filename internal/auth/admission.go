package auth

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// longestWait is how long somebody should wait for their turn at most. From it, and from what judgements take here,
	// comes how many may wait: between fewestWaiting and mostWaiting.
	longestWait                = 3 * time.Second
	fewestWaiting, mostWaiting = 4, 24
	// mostFromOne is how many of one address may wait or be judged, and half of those who may wait where that is less: an
	// office shares one, and one that sends more than anybody types must not keep everybody else from signing in.
	mostFromOne = 6
	// slowestJudged is what is expected of one judgement before any was measured.
	slowestJudged = 250 * time.Millisecond
)

// admission lets few sign-ins be judged at once, and few wait for it. A judgement costs memory and processor time on
// purpose, so that whoever steals hashes gets nowhere; whoever floods the sign-in page must not make the console pay
// for it. It is safe for concurrent use.
type admission struct {
	turns chan struct{}
	now   func() time.Time

	mu      sync.Mutex
	inside  int // waiting or being judged
	from    map[string]int
	average time.Duration // of a judgement
}

func newAdmission() *admission {
	return &admission{turns: make(chan struct{}, strangers), now: time.Now, from: map[string]int{}, average: slowestJudged}
}

// enter waits for a turn; leave gives it back, once. Where too many wait already, or too many from the same address, it
// is refused at once with a Busy error, and nothing was looked at or counted.
func (a *admission) enter(ctx context.Context, address string) (leave func(), err error) {
	from := network(address)
	a.mu.Lock()
	wait := min(mostWaiting, max(fewestWaiting, int(longestWait*time.Duration(cap(a.turns))/a.average)))
	if a.inside >= wait+cap(a.turns) || from != "" && a.from[from] >= min(mostFromOne, wait/2) {
		after := time.Duration(a.inside)*a.average/time.Duration(cap(a.turns)) + time.Second
		a.mu.Unlock()
		return nil, &keepsake.Error{
			Code: keepsake.CodeUnavailable,
			Err:  keepsake.Busy{After: after.Round(time.Second)},
			Message: "More people try to sign in just now than Keepsake looks at once. Your password was not looked at, and " +
				"this try does not count. Try again in a few seconds. Who is signed in already is not affected.",
		}
	}
	a.inside++
	a.from[from]++
	a.mu.Unlock()
	out := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.inside--
		if a.from[from]--; a.from[from] == 0 {
			delete(a.from, from)
		}
	}
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		out()
		return nil, ctx.Err()
	}
	begun := a.now()
	return sync.OnceFunc(func() {
		<-a.turns
		a.mu.Lock()
		a.average = max(time.Millisecond, a.average+(a.now().Sub(begun)-a.average)/8)
		a.mu.Unlock()
		out()
	}), nil
}
