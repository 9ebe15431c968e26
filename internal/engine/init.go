package engine

import (
	"context"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// InitResult says what Init did.
type InitResult struct {
	Repository  string          `json:"repository"`
	Created     bool            `json:"created"` // false: it was there; providers that lacked the header have it now
	RecoveryKey keepsake.Secret `json:"-"`       // only when created: shown once, kept nowhere
	Copies      []keepsake.Copy `json:"copies"`
}

// Init makes a repository at every provider that can be reached, opened by the engine's key and by a new recovery key. A
// repository that is already there is left alone, and completed at providers that lack it.
func (e *Engine) Init(ctx context.Context) (InitResult, error) {
	var result InitResult
	r, err := e.open(ctx)
	if keepsake.CodeOf(err) == keepsake.CodeNotFound {
		r, result.RecoveryKey, err = e.create(ctx)
		result.Created = true
	}
	if err != nil {
		return InitResult{}, err
	}
	result.Repository = r.keys.Repository()
	confirmed := 0
	for _, p := range r.providers {
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite}
		err := r.down[p.Name]
		if err == nil && r.lacking[p.Name] {
			err = putHeader(ctx, p, r.header)
		}
		if err != nil {
			c.Error = storage.Explain(err)
		} else {
			c.Confirmed = true
			confirmed++
		}
		result.Copies = append(result.Copies, c)
	}
	if confirmed == 0 {
		return InitResult{}, keepsake.Errorf(keepsake.CodeUnavailable, "no provider could be written: %s: %s",
			result.Copies[0].Provider, result.Copies[0].Error)
	}
	return result, nil
}

func (e *Engine) create(ctx context.Context) (*repo, keepsake.Secret, error) {
	recovery, recipient, err := repository.NewRecoveryKey()
	if err != nil {
		return nil, "", err
	}
	h, keys, err := repository.Create(repository.CreateOptions{Key: e.opts.Key.Key, Passphrase: e.opts.Key.Passphrase,
		Recipient: recipient, Created: e.opts.Now()})
	if err != nil {
		return nil, "", err
	}
	header, err := h.Encode()
	if err != nil {
		return nil, "", err
	}
	r := &repo{keys: keys, header: header, providers: e.opts.Providers, down: map[string]error{}, lacking: map[string]bool{}}
	for _, p := range r.providers {
		r.lacking[p.Name] = true
	}
	return r, recovery, ctx.Err()
}
