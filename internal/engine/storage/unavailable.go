package storage

import (
	"context"
	"crypto/sha256"
)

// Unavailable returns a provider that could not be opened. Every call fails with err, so that the provider counts as
// down and the others go on.
func Unavailable(err error) Provider { return unavailable{err} }

type unavailable struct{ err error }

func (u unavailable) Put(context.Context, string, []byte, [sha256.Size]byte, bool) error {
	return u.err
}
func (u unavailable) Get(context.Context, string, int64) ([]byte, error)     { return nil, u.err }
func (u unavailable) Stat(context.Context, string) (Object, error)           { return Object{}, u.err }
func (u unavailable) List(context.Context, string, func(Object) error) error { return u.err }
func (u unavailable) Delete(context.Context, string) error                   { return u.err }
func (u unavailable) Sync(context.Context) error                             { return u.err }
