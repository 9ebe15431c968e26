package replicas

import (
	"context"
	"errors"
	"slices"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// AddProviderResult says what AddProvider did.
type AddProviderResult struct {
	Repository string `json:"repository"`
	Provider   string `json:"provider"`
	Added      bool   `json:"added"`          // false: it was there already, and proves to be the provider of that name
	Renamed    string `json:"renamed_from"`   // the name that its place had before; "" where it had none, or that one
	Points     int    `json:"points_there"`   // recovery points that it holds
	Missing    int    `json:"points_missing"` // of those that the others were heard to hold
	// Unasked are the providers of which nobody knows which recovery points they hold.
	Unasked []Unasked `json:"unasked,omitempty"`
}

// AddProvider begins to use a configured provider. It makes the provider's place where that is a directory, and puts
// the repository's header and a new identity there. It refuses a place that holds another repository, other things,
// or another provider's copies.
func (s *Set) AddProvider(ctx context.Context, name string) (AddProviderResult, error) {
	i := slices.IndexFunc(s.Providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return AddProviderResult{}, keepsake.Errorf(keepsake.CodeInvalid,
			"no provider is called %q: the configuration names %s",
			name, names(s.Providers))
	}
	r, err := s.Open(ctx)
	if err != nil {
		return AddProviderResult{}, err
	}
	p := r.Providers[i]
	result := AddProviderResult{Repository: r.Keys.Repository(), Provider: name}
	switch {
	case r.Lacking[name]:
		result.Added, err = true, s.addEmpty(ctx, r, p)
	case r.Unproven[name] && !errors.Is(r.Down[name], errNothingProves):
		result.Added = true
		result.Renamed, err = s.adopt(ctx, r, p)
	default:
		err = r.Down[name]
	}
	if err != nil {
		return AddProviderResult{}, keepsake.Errorf(codeOfPlace(err), "provider %s was not added. %s", name, Explain(err))
	}
	r.begun(name)
	list, err := r.listLive(ctx)
	if err != nil {
		return result, err
	}
	result.Unasked = r.Unasked(list)
	result.Points, result.Missing = list.count(name)
	return result, nil
}

// begun notes that a provider belongs to the repository now, and is asked like the others.
func (r *Repo) begun(provider string) {
	delete(r.Down, provider)
	delete(r.Lacking, provider)
}

// listLive asks every live provider for its recovery points. That none answers is no error: all of them are in Failed.
func (r *Repo) listLive(ctx context.Context) (Listing, error) {
	list, err := ListManifests(ctx, r.Live())
	if ctx.Err() != nil {
		return list, err
	}
	return list, nil
}

// count says how many of the listed recovery points a provider holds, and how many it lacks. Of one whose list could
// not be read nobody knows either.
func (l Listing) count(provider string) (there, missing int) {
	if l.Failed[provider] != nil {
		return 0, 0
	}
	for _, at := range l.At {
		if at[provider] {
			there++
		} else {
			missing++
		}
	}
	return there, missing
}

// codeOfPlace tells a place that a person chose wrongly from one that cannot be reached.
func codeOfPlace(err error) keepsake.Code {
	var wrong placeError
	if errors.As(err, &wrong) || errors.Is(err, errOtherHeader) {
		return keepsake.CodeConflict
	}
	return keepsake.CodeUnavailable
}

// addEmpty begins to use a place without a header.
func (s *Set) addEmpty(ctx context.Context, r *Repo, p Provider) error {
	if err := storage.MakePlace(ctx, p.Store); err != nil {
		return err
	}
	if err := holdsNothingElse(ctx, r, p); err != nil {
		return err
	}
	if err := PutHeader(ctx, p, r.Header); err != nil {
		return err
	}
	return s.putIdentity(ctx, r, p)
}

// holdsNothingElse refuses a place with objects that are not this repository's.
func holdsNothingElse(ctx context.Context, r *Repo, p Provider) error {
	list, err := ListManifests(ctx, []Provider{p})
	if err != nil {
		return err
	}
	for id := range list.At {
		if _, _, err := ReadManifestAt(ctx, r, p, id); err == nil {
			return nil // it has lost its header only
		}
	}
	found := errors.New("found")
	name := ""
	err = p.Store.List(ctx, "", func(o storage.Object) error { name = o.Key; return found })
	if errors.Is(err, found) {
		return placeError("Its place is not empty, it holds " + name +
			" and no recovery point of this repository. Give it an empty " +
			"directory, bucket or prefix.")
	}
	return err
}

// adopt gives a place that holds this repository the provider's identity, and says which name it had.
func (s *Set) adopt(ctx context.Context, r *Repo, p Provider) (renamed string, err error) {
	body, err := p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
	if errors.Is(err, storage.ErrNotFound) {
		return "", s.putIdentity(ctx, r, p)
	}
	if err != nil {
		return "", err
	}
	found, err := r.Keys.OpenIdentity(body)
	if keepsake.CodeOf(err) == keepsake.CodeConflict {
		return "", placeError(keepsake.Sentence(keepsake.MessageOf(err)) + " Give it an empty place of its own.")
	}
	if err != nil { // damaged
		made, err := r.Keys.NewIdentity(p.Name, s.Now())
		if err != nil {
			return "", err
		}
		return "", s.writeIdentity(ctx, p, made, true)
	}
	for other, i := range r.Identities {
		if i.Provider == found.Provider {
			return "", placeError("It is the same place as provider " + other +
				", or a copy of it, so the two are one copy. Give it a place of its own.")
		}
	}
	named, err := r.Keys.Rename(found, p.Name)
	if err != nil {
		return "", err
	}
	return found.Name, s.writeIdentity(ctx, p, named, true)
}
