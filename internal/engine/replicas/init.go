package replicas

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
	// Begun are the providers whose place was empty, of a repository that was there at others.
	Begun []BegunProvider `json:"begun,omitempty"`
	// Unasked are the providers of which nobody knows which recovery points they hold, where others were begun with.
	Unasked []Unasked `json:"unasked,omitempty"`
}

// BegunProvider is a place that Init put into use, with what it holds of the repository.
type BegunProvider struct {
	Provider string `json:"provider"`
	Points   int    `json:"points_there"`   // recovery points that it holds
	Missing  int    `json:"points_missing"` // of those that the others were heard to hold
}

// Init makes a repository at every provider that can be reached, and gives each its identity. The engine's key and a
// new recovery key open it. Init leaves a repository alone that is there already, and completes it at providers that
// lack it. A provider that is away does not keep Init from making the repository at the others. Should that provider
// hold an older one, a later command names it, and nothing was overwritten. When several call Init at once, the first
// at the first provider wins, and the others use its repository.
func (s *Set) Init(ctx context.Context) (InitResult, error) {
	r, err := s.Open(ctx)
	if code := keepsake.CodeOf(err); err != nil && r != nil && len(r.Lacking) > 0 &&
		(code == keepsake.CodeNotFound || code == keepsake.CodeUnavailable) {
		var recovery keepsake.Secret
		if recovery, err = s.create(r); err != nil {
			return InitResult{}, err
		}
		result, err := s.begin(ctx, r)
		result.Created, result.RecoveryKey = true, recovery
		if !errors.Is(err, errOtherHeader) {
			return result, err
		}
		r, err = s.Open(ctx)
		if keepsake.CodeOf(err) == keepsake.CodeWrongKey {
			return InitResult{}, keepsake.Errorf(keepsake.CodeConflict,
				"another keepsake init made a repository there at the same moment, "+
					"with another key. Nothing of it was overwritten, and nothing of this one is left: bring that repository's key "+
					"here, or give "+
					"this one places of its own")
		}
		if err != nil {
			return InitResult{}, err
		}
		return s.join(ctx, r)
	}
	if err != nil {
		return InitResult{}, err
	}
	return s.join(ctx, r)
}

// join is begin of a repository that was there, and says what the places lack that were empty: an empty directory may
// be where a disk is to be mounted.
func (s *Set) join(ctx context.Context, r *Repo) (InitResult, error) {
	result, err := s.begin(ctx, r)
	if err != nil {
		return result, err
	}
	for i, p := range r.Providers {
		if !result.Copies[i].Confirmed {
			continue
		}
		if r.Lacking[p.Name] {
			result.Begun = append(result.Begun, BegunProvider{Provider: p.Name})
		}
		r.begun(p.Name)
	}
	if len(result.Begun) == 0 {
		return result, nil
	}
	list, err := r.listLive(ctx)
	if err != nil {
		return result, err
	}
	result.Unasked = r.Unasked(list)
	for i := range result.Begun {
		b := &result.Begun[i]
		b.Points, b.Missing = list.count(b.Provider)
	}
	return result, nil
}

// begin puts header and identity where they are missing. It is errOtherHeader when somebody else's repository was first
// at the first provider: then nothing was put anywhere.
func (s *Set) begin(ctx context.Context, r *Repo) (InitResult, error) {
	result := InitResult{Repository: r.Keys.Repository(), KeyOpens: s.keyOpens(r.Header)}
	errs, confirmed := map[string]error{}, 0
	// In one order everywhere, so that of two at once one is first at all providers that both reach.
	for _, p := range slices.SortedFunc(slices.Values(r.Providers),
		func(a, b Provider) int { return cmp.Compare(a.Name, b.Name) }) {
		err := s.beginAt(ctx, r, p)
		if errors.Is(err, errOtherHeader) && confirmed == 0 {
			return InitResult{}, err
		}
		if errs[p.Name] = err; err == nil {
			confirmed++
		}
	}
	for _, p := range r.Providers {
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: errs[p.Name] == nil}
		if !c.Confirmed {
			c.Error = Explain(errs[p.Name])
		}
		result.Copies = append(result.Copies, c)
	}
	if confirmed == 0 {
		return InitResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "no provider could be written. Provider %s: %s",
			result.Copies[0].Provider, result.Copies[0].Error)
	}
	return result, nil
}

func (s *Set) beginAt(ctx context.Context, r *Repo, p Provider) error {
	switch {
	case r.Lacking[p.Name]:
		if err := storage.MakePlace(ctx, p.Store); err != nil {
			return err
		}
		if err := PutHeader(ctx, p, r.Header); err != nil {
			return err
		}
	case errors.Is(r.Down[p.Name], errNoIdentity):
	case r.Down[p.Name] != nil:
		return r.Down[p.Name]
	default:
		return nil
	}
	return s.putIdentity(ctx, r, p)
}

// keyOpens reports whether the key file alone opens the repository.
func (s *Set) keyOpens(header []byte) bool {
	h, err := repository.ParseHeader(header)
	if err != nil || s.Key.Key == "" {
		return false
	}
	keys, err := h.Unlock(repository.KeySource{Key: s.Key.Key})
	if err != nil {
		return false
	}
	keys.Wipe()
	return true
}

// create makes the keys and the header of a new repository for r's providers.
func (s *Set) create(r *Repo) (recovery keepsake.Secret, err error) {
	recovery, recipient, err := repository.NewRecoveryKey()
	if err != nil {
		return "", err
	}
	h, keys, err := repository.Create(repository.CreateOptions{
		Key:        s.Key.Key,
		Passphrase: s.Key.Passphrase,
		Recipient:  recipient,
		Created:    s.Now(),
	})
	if err != nil {
		return "", err
	}
	r.Keys = keys
	r.Header, err = h.Encode()
	return recovery, err
}
