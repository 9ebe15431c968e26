package snapshot

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/replicas"
)

// lookAtProviders reads the newest recovery point, which tells what can be taken over, and what every provider holds.
func (b *backup) lookAtProviders(ctx context.Context) error {
	for _, p := range b.repo.Providers {
		if err := b.repo.Down[p.Name]; err != nil {
			b.track.Warnf("Provider %s gets no copy now. %s", p.Name, replicas.Explain(err))
		}
	}
	live := b.repo.Live()
	if len(live) == 0 {
		return b.repo.NobodyWrites("nothing was backed up")
	}
	var err error
	if b.removals, err = b.Replicas.ReadRemovals(ctx, b.repo, live); err != nil {
		return err
	}
	b.cannotList(b.removals.Failed)
	for _, words := range b.removals.Unread {
		b.track.Warnf("%s", words)
	}
	if live = b.repo.Live(); len(live) == 0 {
		return b.repo.NobodyWrites("nothing was backed up")
	}
	if err := b.findParent(ctx, live); err != nil {
		return err
	}
	if b.in.Type == "" {
		b.in.Type = b.chooseType()
	}
	var failed map[string]error
	b.index, failed, err = replicas.BuildIndex(ctx, b.repo, live, b.was.refs)
	b.cannotList(failed)
	if err == nil && len(b.repo.Live()) == 0 {
		err = b.repo.NobodyWrites("nothing was backed up")
	}
	return err
}

// cannotList leaves providers out whose lists could not be read.
func (b *backup) cannotList(failed map[string]error) {
	for name, err := range failed {
		b.repo.Down[name] = err
		b.track.Warnf("Provider %s cannot list its objects and gets no copy now. %s", name, replicas.Explain(err))
	}
}
