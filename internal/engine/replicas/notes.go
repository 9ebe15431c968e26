package replicas

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	NotePrefix = "notes/"
	MaxNote    = 4 << 20 // bytes of a sealed note
)

// Kept says which providers hold a note, and why each other does not.
type Kept struct {
	At      []string          // in order of preference
	Missing map[string]string // provider → why, in words. The next note goes there, and repair copies this one
}

// String says it in one line: "kept at disk and s3. Provider gcs has not got it yet. Its directory …".
func (k Kept) String() string {
	text := "kept at " + strings.Join(k.At, " and ")
	for _, name := range slices.Sorted(maps.Keys(k.Missing)) {
		text += ". Provider " + name + " has not got it yet. " + strings.TrimSuffix(keepsake.Sentence(k.Missing[name]), ".")
	}
	return text
}

// whyMissing says of each provider that does not hold the note why.
func (k Kept) whyMissing() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(k.Missing)) {
		all = append(all, "Provider "+name+": "+k.Missing[name])
	}
	return strings.Join(all, " ")
}

// KeepNote stores a small fact that must outlive the console database, sealed, at every provider that can be reached; of a
// topic the newest note holds. Nothing is written where the newest says the same already. It is an error only when no provider
// holds the note afterwards.
func (s *Set) KeepNote(ctx context.Context, topic string, plain []byte) (Kept, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return Kept{}, err
	}
	return s.keepNote(ctx, r, topic, plain)
}

func (s *Set) keepNote(ctx context.Context, r *Repo, topic string, plain []byte) (Kept, error) {
	key := NotePrefix + topic + "/" + repository.NewManifestID(s.Now())
	body, err := r.Keys.SealObject(repository.ObjectNote, key, plain)
	if err != nil {
		return Kept{}, err
	}
	live := r.Live()
	if len(live) == 0 {
		return Kept{}, r.NobodyWrites("nothing was noted")
	}
	there := make([]bool, len(live))
	var g errgroup.Group
	for i, p := range live {
		g.Go(func() error {
			newest, err := newestAt(ctx, r, p, topic)
			there[i] = err == nil && newest != nil && bytes.Equal(newest.Plain, plain)
			return nil
		})
	}
	_ = g.Wait()
	var lacking []Provider
	for i, p := range live {
		if !there[i] {
			lacking = append(lacking, p)
		}
	}
	_, failed := PutEverywhere(ctx, lacking, key, body)
	kept := Kept{Missing: map[string]string{}}
	for _, p := range r.Providers {
		switch err := cmp.Or(r.Down[p.Name], failed[p.Name]); {
		case err != nil:
			kept.Missing[p.Name] = Explain(err)
		case !r.Lacking[p.Name]:
			kept.At = append(kept.At, p.Name)
		}
	}
	if len(kept.At) == 0 {
		return kept, cmp.Or(ctx.Err(), error(keepsake.Errorf(keepsake.CodeUnavailable, "no provider took the note. %s", kept.whyMissing())))
	}
	return kept, nil
}

// newestAt reads the newest note of a topic that opens at one provider; nil for none.
func newestAt(ctx context.Context, r *Repo, p Provider, topic string) (*Note, error) {
	places, failed := notePlaces(ctx, []Provider{p}, topic)
	if err := failed[p.Name]; err != nil {
		return nil, err
	}
	note, _, err := newestThatOpens(ctx, r, places)
	return note, err
}

func readNote(ctx context.Context, r *Repo, p Provider, key string) ([]byte, error) {
	body, err := p.Store.Get(ctx, key, MaxNote)
	if err != nil {
		return nil, err
	}
	return r.Keys.OpenObject(repository.ObjectNote, key, body, MaxNote)
}

// StandbySecret is what the sessions of a console without its database are sealed with.
func (s *Set) StandbySecret(ctx context.Context) (keepsake.Secret, error) {
	keys, err := s.keyring(ctx)
	if err != nil {
		return "", err
	}
	return keys.StandbySecret()
}

// sealedTarget is the name under which SealTarget seals; it is stored by whoever asked, never at a provider.
const sealedTarget = NotePrefix + "restore-target"

// SealTarget seals the connection URL of a restore's target with the repository's key, so that it can wait in the console database
// and travel through a form. OpenTarget opens it.
func (s *Set) SealTarget(ctx context.Context, url keepsake.Secret) (string, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	body, err := r.Keys.SealObject(repository.ObjectNote, sealedTarget, []byte(url.Reveal()))
	return base64.RawURLEncoding.EncodeToString(body), err
}

// OpenTarget opens what SealTarget has sealed.
func (s *Set) OpenTarget(ctx context.Context, sealed string) (keepsake.Secret, error) {
	r, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	body, err := base64.RawURLEncoding.DecodeString(sealed)
	var plain []byte
	if err == nil {
		plain, err = r.Keys.OpenObject(repository.ObjectNote, sealedTarget, body, MaxNote)
	}
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "The address of the other server cannot be read any more: type it again.")
	}
	return keepsake.Secret(plain), nil
}
