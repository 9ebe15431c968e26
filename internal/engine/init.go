package engine

import (
	"context"
	"errors"

	"github.com/wedsync/keepsake/internal/engine/repository"
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
// repository that is already there is left alone, and completed at providers that lack it. A provider that is away does not
// keep it from being made at the others: should it turn out to hold an older one, that is an error by its name, and no harm.
func (e *Engine) Init(ctx context.Context) (InitResult, error) {
	var result InitResult
	r, err := e.open(ctx)
	if code := keepsake.CodeOf(err); err != nil && r != nil && len(r.lacking) > 0 && (code == keepsake.CodeNotFound || code == keepsake.CodeUnavailable) {
		result.RecoveryKey, err = e.create(r)
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
		switch {
		case errors.Is(err, errOtherHeader):
			c.Error = err.Error()
		case err != nil:
			c.Error = explain(err)
		default:
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
