package verify

import (
	"errors"

	"github.com/wedsync/keepsake/internal/engine/replicas"
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
