package verify

import (
	"errors"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
)

// found names what a repair heals: it is missing, damaged, or not given by its provider. That a provider hangs is said
// once, and not for each object that it is not asked for any more.
func (v *verification) found(provider, object string, err error) {
	if errors.Is(err, storage.ErrTimeout) {
		v.away(provider, object, err)
		return
	}
	v.mu.Lock()
	v.result.Repair = v.command
	v.mu.Unlock()
	v.add(replicas.FindingOf(provider, object, err, v.command))
}

// away names what could not be looked at, because the provider does not answer at all: once, where it hangs.
func (v *verification) away(provider, object string, err error) {
	if errors.Is(err, storage.ErrTimeout) {
		v.mu.Lock()
		known := v.hung[provider]
		v.hung[provider] = true
		v.mu.Unlock()
		if known {
			return
		}
	}
	v.add(replicas.FindingOf(provider, object, err, ""))
}

// never is away of a provider that is not asked about any recovery point then.
func (v *verification) never(provider, object string, err error) {
	v.unasked[provider] = true
	v.away(provider, object, err)
}

// awayFrom names the providers that could not be asked for all of a recovery point, and where nothing is wrong with
// what could be asked for.
func (v *verification) awayFrom(point string, refs []*repository.Ref) (away []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, copy := range v.result.Copies[point] {
		name := copy.Provider
		if copy.Confirmed || !v.unasked[name] && !v.hung[name] ||
			v.wrong[copyAt{name, repository.ManifestKey(point)}] ||
			slices.ContainsFunc(refs, func(c *repository.Ref) bool { return v.wrong[copyAt{name, c.Key()}] }) {
			continue
		}
		away = append(away, name)
	}
	return away
}
