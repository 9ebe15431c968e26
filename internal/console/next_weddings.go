package console

import (
	"context"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// nextWeddingsAge is how old the weddings on an overview may be. Overviews reload themselves in many browsers, and it
// is the platform that must not notice.
const nextWeddingsAge = 2 * time.Second

// nextKnown are the next weddings as the platform told them last, by organization. Those who ask at once share one
// question.
type nextKnown struct {
	mu    sync.Mutex
	by    map[string]FoundWeddings
	at    map[string]time.Time
	asked map[string]chan struct{} // closed when the answer is there
}

// next returns the next weddings of an actor's organization, or of all. An answer that is not the platform's own is not
// kept: the next who asks learns at once that it is back.
func (p *platform) next(ctx context.Context, actor keepsake.Actor) FoundWeddings {
	k, of := &p.weddings, actor.Organization
	if mayAct(actor, keepsake.MayRead) != nil { // what is known is not for them
		return p.finder().ahead(ctx, actor)
	}
	for {
		k.mu.Lock()
		now := p.now()
		if age := now.Sub(k.at[of]); age >= 0 && age < nextWeddingsAge && day(now).Equal(day(k.at[of])) {
			defer k.mu.Unlock()
			return k.by[of]
		}
		wait, asking := k.asked[of]
		if !asking {
			break
		}
		k.mu.Unlock()
		select {
		case <-wait:
			k.mu.Lock()
			found := k.by[of]
			k.mu.Unlock()
			return found
		case <-ctx.Done():
			return FoundWeddings{Missing: "The weddings were not waited for."}
		}
	}
	if k.by == nil {
		k.by, k.at, k.asked = map[string]FoundWeddings{}, map[string]time.Time{}, map[string]chan struct{}{}
	}
	done := make(chan struct{})
	k.asked[of] = done
	k.mu.Unlock()
	var found FoundWeddings
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.by[of] = found
		if found.Missing == "" {
			k.at[of] = p.now()
		}
		delete(k.asked, of)
		close(done)
	}()
	// Others wait for the answer too, so it does not end with the browser that happened to ask first. find has its own
	// deadlines.
	found = p.finder().ahead(context.WithoutCancel(ctx), actor)
	return found
}
