package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// InitResult says what Init did.
type InitResult struct {
	Repository  string          `json:"repository"`
	Created     bool            `json:"created"` // false: it was there; providers that lacked the header have it now
	RecoveryKey keepsake.Secret `json:"-"`       // only when created: shown once, kept nowhere
	KeyOpens    bool            `json:"-"`       // the engine's key file opens it, and not only what else was given
	Copies      []keepsake.Copy `json:"copies"`
}

// Init makes a repository at every provider that can be reached, opened by the engine's key and by a new recovery key, and gives
// each its identity. A repository that is already there is left alone, and completed at providers that lack it. A provider that
// is away does not keep it from being made at the others: should it turn out to hold an older one, that is an error by its name,
// and no harm. Of several at once the first one at the first provider wins, and the others use its repository.
func (e *Engine) Init(ctx context.Context) (InitResult, error) {
	r, err := e.open(ctx)
	if code := keepsake.CodeOf(err); err != nil && r != nil && len(r.lacking) > 0 && (code == keepsake.CodeNotFound || code == keepsake.CodeUnavailable) {
		var recovery keepsake.Secret
		if recovery, err = e.create(r); err != nil {
			return InitResult{}, err
		}
		result, err := e.begin(ctx, r)
		result.Created, result.RecoveryKey = true, recovery
		if !errors.Is(err, errOtherHeader) {
			return result, err
		}
		r, err = e.open(ctx)
		if keepsake.CodeOf(err) == keepsake.CodeWrongKey {
			return InitResult{}, keepsake.Errorf(keepsake.CodeConflict, "another keepsake init made a repository there at the same moment, "+
				"with another key. Nothing of it was overwritten, and nothing of this one is left: bring that repository's key here, or give "+
				"this one places of its own")
		}
		if err != nil {
			return InitResult{}, err
		}
		return e.begin(ctx, r)
	}
	if err != nil {
		return InitResult{}, err
	}
	return e.begin(ctx, r)
}

// begin puts header and identity where they are missing. It is errOtherHeader when somebody else's repository was first at the
// first provider: then nothing was put anywhere.
func (e *Engine) begin(ctx context.Context, r *repo) (InitResult, error) {
	result := InitResult{Repository: r.keys.Repository(), KeyOpens: e.keyOpens(r.header)}
	errs, confirmed := map[string]error{}, 0
	// In one order everywhere, so that of two at once one is first at all providers that both reach.
	for _, p := range slices.SortedFunc(slices.Values(r.providers), func(a, b Provider) int { return cmp.Compare(a.Name, b.Name) }) {
		err := e.beginAt(ctx, r, p)
		if errors.Is(err, errOtherHeader) && confirmed == 0 {
			return InitResult{}, err
		}
		if errs[p.Name] = err; err == nil {
			confirmed++
		}
	}
	for _, p := range r.providers {
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: errs[p.Name] == nil}
		if !c.Confirmed {
			c.Error = explain(errs[p.Name])
		}
		result.Copies = append(result.Copies, c)
	}
	if confirmed == 0 {
		return InitResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "no provider could be written. Provider %s: %s",
			result.Copies[0].Provider, result.Copies[0].Error)
	}
	return result, nil
}

func (e *Engine) beginAt(ctx context.Context, r *repo, p Provider) error {
	switch {
	case r.lacking[p.Name]:
		if err := storage.MakePlace(ctx, p.Store); err != nil {
			return err
		}
		if err := putHeader(ctx, p, r.header); err != nil {
			return err
		}
	case errors.Is(r.down[p.Name], errNoIdentity):
	case r.down[p.Name] != nil:
		return r.down[p.Name]
	default:
		return nil
	}
	return e.putIdentity(ctx, r, p)
}

// keyOpens reports whether the key file alone opens the repository.
func (e *Engine) keyOpens(header []byte) bool {
	h, err := repository.ParseHeader(header)
	if err != nil || e.opts.Key.Key == "" {
		return false
	}
	keys, err := h.Unlock(repository.KeySource{Key: e.opts.Key.Key})
	if err != nil {
		return false
	}
	keys.Wipe()
	return true
}

// create makes the keys and the header of a new repository for r's providers.
func (e *Engine) create(r *repo) (recovery keepsake.Secret, err error) {
	recovery, recipient, err := repository.NewRecoveryKey()
	if err != nil {
		return "", err
	}
	h, keys, err := repository.Create(repository.CreateOptions{Key: e.opts.Key.Key, Passphrase: e.opts.Key.Passphrase,
		Recipient: recipient, Created: e.opts.Now()})
	if err != nil {
		return "", err
	}
	r.keys = keys
	r.header, err = h.Encode()
	return recovery, err
}
