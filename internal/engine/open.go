package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// askTimeout bounds the first question to a provider, so that one that hangs cannot keep an operation from starting.
const askTimeout = 20 * time.Second

// repo is an unlocked repository and what its providers answered.
type repo struct {
	keys      *repository.Keyring
	header    []byte
	providers []Provider       // every configured one
	down      map[string]error // those that may not be used now, by name
	lacking   map[string]bool  // those that hold no repository, or whose place is not there
	unproven  map[string]bool  // those that hold it and do not prove to be the provider that is meant; they are in down too

	identities map[string]identityOf // of those that prove it
}

// live returns the providers that hold this repository and prove to be the ones that are meant, in order of preference.
func (r *repo) live() []Provider {
	var live []Provider
	for _, p := range r.providers {
		if r.down[p.Name] == nil && !r.lacking[p.Name] {
			live = append(live, p)
		}
	}
	return live
}

// open asks every provider for the repository's header and unlocks it. A provider that cannot be asked is left out; one that
// holds another repository is an error, because writing to it would mix two repositories up. Where no repository was found,
// the error comes with a repo that says what the providers answered.
func (e *Engine) open(ctx context.Context) (*repo, error) { return e.openAt(ctx, e.opts.Providers) }

// openAt is open for some of the providers.
func (e *Engine) openAt(ctx context.Context, providers []Provider) (*repo, error) {
	if e.WritesOnly() {
		return nil, repository.ErrWritesOnly()
	}
	return e.openToSeal(ctx, providers)
}

// openToSeal is openAt, also for a writer's key.
func (e *Engine) openToSeal(ctx context.Context, providers []Provider) (*repo, error) {
	r := &repo{providers: providers, down: map[string]error{}, lacking: map[string]bool{}, unproven: map[string]bool{},
		identities: map[string]identityOf{}}
	if len(providers) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "no storage provider is configured: add at least one under providers")
	}
	answers := askPlaces(ctx, providers)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var first repository.Header
	var owner string
	var broken error
	for i, p := range providers {
		switch err := answers[i].headerErr; {
		case errors.Is(err, storage.ErrNoPlace):
			r.lacking[p.Name], r.down[p.Name] = true, err
			continue
		case errors.Is(err, storage.ErrNotFound):
			r.lacking[p.Name] = true
			continue
		case err != nil:
			r.down[p.Name] = err
			continue
		}
		h, err := repository.ParseHeader(answers[i].header)
		if err != nil {
			broken = keepsake.Errorf(keepsake.CodeOf(err), "provider %s, %s: %w", p.Name, repository.HeaderKey, err)
			r.down[p.Name] = broken
			continue
		}
		if owner == "" {
			keys, err := h.Unlock(e.opts.Key)
			if keepsake.CodeOf(err) == keepsake.CodeDamaged {
				broken = keepsake.Errorf(keepsake.CodeDamaged, "provider %s, %s: %w", p.Name, repository.HeaderKey, err)
				r.down[p.Name] = broken
				continue
			}
			if keepsake.CodeOf(err) == keepsake.CodeWrongKey && opensElsewhere(h, answers[i+1:], e.opts.Key) {
				r.down[p.Name] = errOddHeader
				continue
			}
			if err != nil {
				return nil, err
			}
			first, owner, r.keys, r.header = h, p.Name, keys, answers[i].header
			continue
		}
		if h.Repository != first.Repository {
			return nil, keepsake.Errorf(keepsake.CodeInvalid,
				"provider %s holds another repository than %s: give it an empty place of its own", p.Name, owner)
		}
	}
	if owner == "" {
		return r, noRepository(ctx, r, broken)
	}
	r.judgeIdentities(answers)
	r.explainLacking()
	return r, nil
}

// noRepository says why there is nothing to open. Manifests without a header are a loss, and no place for a new repository.
func noRepository(ctx context.Context, r *repo, broken error) error {
	if broken != nil {
		return broken
	}
	for _, p := range r.providers {
		if !r.lacking[p.Name] {
			continue
		}
		found := errors.New("found")
		if err := p.Store.List(ctx, repository.ManifestPrefix, func(storage.Object) error { return found }); errors.Is(err, found) {
			return keepsake.Errorf(keepsake.CodeDamaged, "provider %s holds recovery points, but %s is missing there and nowhere else to be had: without it "+
				"nothing can be opened; every provider has the same file, so bring it back from any copy of any of them", p.Name, repository.HeaderKey)
		}
	}
	if len(r.lacking) == len(r.providers) {
		if missing := r.whyDown(); missing != "" {
			missing = " (" + missing + ")"
			return keepsake.Errorf(keepsake.CodeNotFound, "there is no repository at any provider%s: if there never was one, run keepsake init", missing)
		}
		return keepsake.Errorf(keepsake.CodeNotFound, "there is no repository at any provider yet: run keepsake init")
	}
	return keepsake.Errorf(keepsake.CodeUnavailable, "no provider that holds the repository can be reached: %s", r.whyDown())
}

// whyDown says of each provider that may not be used why.
func (r *repo) whyDown() string {
	var lines []string
	for _, p := range r.providers {
		if err := r.down[p.Name]; err != nil {
			lines = append(lines, p.Name+": "+explain(err))
		}
	}
	return strings.Join(lines, "; ")
}

// answer is what one place holds of the repository's header and of its own identity.
type answer struct {
	header, identity       []byte
	headerErr, identityErr error
}

// askPlaces asks all providers at once.
func askPlaces(ctx context.Context, providers []Provider) []answer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answers := make([]answer, len(providers))
	var wg sync.WaitGroup
	for i, p := range providers {
		wg.Go(func() {
			answers[i].header, answers[i].headerErr = p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize)
			// Afterwards, as it is written after the header by an init that may be running.
			answers[i].identity, answers[i].identityErr = p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
		})
	}
	wg.Wait()
	return answers
}

// errOtherHeader is what putHeader returns when somebody else put another header first.
var errOtherHeader = errors.New("another repository was made there at the same moment; give the provider an empty place, or run keepsake init again with that repository's key")

// putHeader writes the repository's header to a provider that lacks it.
func putHeader(ctx context.Context, p Provider, header []byte) error {
	err := p.Store.Put(ctx, repository.HeaderKey, header, sha256.Sum256(header), false)
	if errors.Is(err, storage.ErrExists) {
		var there []byte
		if there, err = p.Store.Get(ctx, repository.HeaderKey, repository.MaxHeaderSize); err == nil && !bytes.Equal(there, header) {
			return errOtherHeader
		}
	}
	if err != nil {
		return err
	}
	return p.Store.Sync(ctx)
}
