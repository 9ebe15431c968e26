package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	notePrefix = "notes/"
	maxNote    = 4 << 20 // bytes of a sealed note
)

// KeepNote stores a small fact that must outlive the console database, sealed, at every provider that can be reached; of a
// topic the newest note holds. Nothing is written where the newest says the same already.
func (e *Engine) KeepNote(ctx context.Context, topic string, plain []byte) error {
	r, err := e.open(ctx)
	if err != nil {
		return err
	}
	return e.keepNote(ctx, r, topic, plain)
}

func (e *Engine) keepNote(ctx context.Context, r *repo, topic string, plain []byte) error {
	key := notePrefix + topic + "/" + repository.NewManifestID(e.opts.Now())
	body, err := r.keys.SealObject(repository.ObjectNote, key, plain)
	if err != nil {
		return err
	}
	if len(r.live()) == 0 {
		return r.nobodyWrites("nothing was noted")
	}
	var mu sync.Mutex
	var lacking []Provider
	var g errgroup.Group
	for _, p := range r.live() {
		g.Go(func() error {
			if there, err := newestAt(ctx, r, p, topic); err == nil && there != nil && bytes.Equal(there.Plain, plain) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			lacking = append(lacking, p)
			return nil
		})
	}
	_ = g.Wait()
	_, failed := putEverywhere(ctx, lacking, key, body)
	return joined(failed)
}

// newestAt reads the newest note of a topic that opens at one provider; nil for none.
func newestAt(ctx context.Context, r *repo, p Provider, topic string) (*Note, error) {
	places, failed := notePlaces(ctx, []Provider{p}, topic)
	if err := failed[p.Name]; err != nil {
		return nil, err
	}
	note, _, err := newestThatOpens(ctx, r, places)
	return note, err
}

func readNote(ctx context.Context, r *repo, p Provider, key string) ([]byte, error) {
	body, err := p.Store.Get(ctx, key, maxNote)
	if err != nil {
		return nil, err
	}
	return r.keys.OpenObject(repository.ObjectNote, key, body, maxNote)
}

// StandbySecret is what the sessions of a console without its database are sealed with.
func (e *Engine) StandbySecret(ctx context.Context) (keepsake.Secret, error) {
	r, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	return r.keys.StandbySecret()
}

// sealedTarget is the name under which SealTarget seals; it is stored by whoever asked, never at a provider.
const sealedTarget = notePrefix + "restore-target"

// SealTarget seals the connection URL of a restore's target with the repository's key, so that it can wait in the console database
// and travel through a form. OpenTarget opens it.
func (e *Engine) SealTarget(ctx context.Context, url keepsake.Secret) (string, error) {
	r, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	body, err := r.keys.SealObject(repository.ObjectNote, sealedTarget, []byte(url.Reveal()))
	return base64.RawURLEncoding.EncodeToString(body), err
}

// OpenTarget opens what SealTarget has sealed.
func (e *Engine) OpenTarget(ctx context.Context, sealed string) (keepsake.Secret, error) {
	r, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	body, err := base64.RawURLEncoding.DecodeString(sealed)
	var plain []byte
	if err == nil {
		plain, err = r.keys.OpenObject(repository.ObjectNote, sealedTarget, body, maxNote)
	}
	if err != nil {
		return "", keepsake.Errorf(keepsake.CodeInvalid, "The address of the other server cannot be read any more: type it again.")
	}
	return keepsake.Secret(plain), nil
}
