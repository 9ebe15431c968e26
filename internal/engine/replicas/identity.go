package replicas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// placeError says in words why a provider that answers is not used. Explain gives it as it is.
type placeError string

func (e placeError) Error() string { return string(e) }

// errNoIdentity is a place that holds the repository and does not say which provider it is.
const errNoIdentity = placeError("It holds this repository and does not say which provider it is, as places made " +
	"by an earlier " +
	"version do, so nothing is written there. Run keepsake init once, if it is the place that the configuration means.")

// errMoved is a place that was another one when the operation began.
const errMoved = placeError("Its place was replaced by another one while the operation ran, so what was written may " +
	"be in either. " +
	"Bring the right one back, then run keepsake repair.")

// errNothingProves is a place with a damaged header and no identity, so that it may be another repository's.
const errNothingProves = placeError("Its header keepsake.json is damaged, and no sound identity says which provider " +
	"it is, so it may be " +
	"another repository's place. If it is the right one, copy keepsake.json there from another provider, then run " +
	"keepsake init once.")

// identityOf is what one place says about the provider that it is.
type identityOf struct {
	repository.Identity
	Body []byte
}

// judgeIdentities marks as unproven every provider whose place does not prove to be the one that the configuration
// means: an empty mount point with a header copied into it, another provider's place, a copy of one. Two providers at
// one place are one copy, so the second one is out.
func (r *Repo) judgeIdentities(answers []answer) {
	owner := map[string]string{} // by the identity's id
	for i, p := range r.Providers {
		down := r.Down[p.Name]
		headless := r.Lacking[p.Name] && down == nil // its header may be lost alone
		if down != nil && keepsake.CodeOf(down) != keepsake.CodeDamaged || errors.Is(down, storage.ErrNoPlace) {
			continue
		}
		found, err := r.identity(p, answers[i])
		if err == nil && owner[found.Provider] != "" {
			err = placeError(fmt.Sprintf("It is the same place as provider %s, or a copy of it, so the two are one "+
				"copy. Give it a "+
				"place of its own.", owner[found.Provider]))
		}
		if down != nil && !headless && (errors.Is(err, errNoIdentity) || errors.Is(err, errBlurred)) {
			err = errNothingProves
		}
		var unproven placeError
		switch {
		case headless && err != nil: // explainLacking says what that may mean
		case errors.Is(err, errBlurred):
			r.Unproven[p.Name], r.Blurred[p.Name], r.Down[p.Name] = true, true, err
		case errors.As(err, &unproven):
			r.Unproven[p.Name], r.Down[p.Name] = true, err
		case err != nil:
			r.Down[p.Name] = err
		default:
			owner[found.Provider], r.Identities[p.Name] = p.Name, found
		}
		if headless && err == nil {
			r.Down[p.Name] = keepsake.Errorf(keepsake.CodeDamaged,
				"Its header %s is missing, so nothing is written there. Run keepsake repair, which puts it back.",
				repository.HeaderKey)
		}
	}
}

// Elsewhere reports whether a provider's place is not the right one, so that only a person may decide to write there.
func (r *Repo) Elsewhere(p Provider) bool {
	var wrong placeError
	return errors.As(r.Down[p.Name], &wrong)
}

func (r *Repo) identity(p Provider, a answer) (identityOf, error) {
	if errors.Is(a.identityErr, storage.ErrNotFound) {
		return identityOf{}, errNoIdentity
	}
	if a.identityErr != nil {
		return identityOf{}, a.identityErr
	}
	found, err := r.Keys.OpenIdentity(a.identity)
	if err != nil && r.namedIn(a.identity, p, err) {
		return identityOf{}, &keepsake.Error{
			Code: keepsake.CodeDamaged,
			Err:  errBlurred,
			Message: "Its identity " + storage.IdentityKey +
				" is damaged, and still names this provider. Run keepsake repair, which puts it right.",
		}
	}
	if keepsake.CodeOf(err) == keepsake.CodeConflict {
		return identityOf{}, placeError(keepsake.Sentence(keepsake.MessageOf(err)) + " Give it an empty place of its own.")
	}
	if err != nil {
		return identityOf{}, placeError(fmt.Sprintf("%s If it is the place that the configuration means, run keepsake repo "+
			"add-provider %s.", keepsake.Sentence(keepsake.MessageOf(err)), p.Name))
	}
	if found.Name != p.Name {
		return identityOf{found, a.identity}, placeError(
			fmt.Sprintf("It is the place of provider %s, or a copy of it, so nothing is written there. Give it a place "+
				"of its own; where the provider has only been renamed, run keepsake repo add-provider %s.", found.Name, p.Name))
	}
	return identityOf{found, a.identity}, nil
}

// explainLacking says of each provider without a repository, now that others have one, what that may mean.
func (r *Repo) explainLacking() {
	for _, p := range r.Providers {
		if _, proven := r.Identities[p.Name]; !r.Lacking[p.Name] || proven {
			continue
		}
		what := "It holds no repository while others do, so it has no copy. If it held copies before, its disk is not " +
			"mounted, or its bucket was " +
			"emptied or replaced; bring that back."
		if err := r.Down[p.Name]; errors.Is(err, storage.ErrNoPlace) {
			what = storage.Explain(err)
		}
		what += " If it is new, run keepsake repo add-provider " + p.Name
		if r.Keys.WritesOnly() {
			what += " where the repository's key is"
		}
		r.Down[p.Name] = placeError(what + ".")
	}
}

// Readable returns the providers to read from: those that prove who they are, or where there are none, those that
// hold the repository all the same. Reading harms nothing, and their copies may be all that is left.
func (r *Repo) Readable() []Provider {
	if live := r.Live(); len(live) > 0 {
		return live
	}
	var left []Provider
	for _, p := range r.Providers {
		if r.Unproven[p.Name] {
			left = append(left, p)
		}
	}
	return left
}

// NobodyWrites returns the error of an operation that has no provider to write to.
func (r *Repo) NobodyWrites(what string) error {
	return keepsake.Errorf(keepsake.CodeUnavailable, "no provider can be written, so %s. %s", what, r.whyDown())
}

// StillThere asks the provider again who it is, because its place may have been replaced since the operation began.
func (r *Repo) StillThere(ctx context.Context, p Provider) error {
	body, err := p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !bytes.Equal(body, r.Identities[p.Name].Body) {
		return errMoved
	}
	return err
}

// putIdentity gives a place that has none its identity. Where two do it at once, both find the one that was first.
func (s *Set) putIdentity(ctx context.Context, r *Repo, p Provider) error {
	made, err := r.Keys.NewIdentity(p.Name, s.Now())
	if err != nil {
		return err
	}
	err = s.writeIdentity(ctx, p, made, false)
	if !errors.Is(err, storage.ErrExists) {
		return err
	}
	var a answer
	a.identity, a.identityErr = p.Store.Get(ctx, storage.IdentityKey, repository.MaxIdentitySize)
	_, err = r.identity(p, a)
	return err
}

func (s *Set) writeIdentity(ctx context.Context, p Provider, i repository.Identity, replace bool) error {
	body, err := i.Encode()
	if err != nil {
		return err
	}
	if err := p.Store.Put(ctx, storage.IdentityKey, body, sha256.Sum256(body), replace); err != nil {
		return err
	}
	return p.Store.Sync(ctx)
}
