package engine

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// What callers ask of the repository at its providers, each in words of the room that answers.

// WritesOnly reports whether the engine's key is a writer's: it takes backups and can do nothing
// else.
func (e *Engine) WritesOnly() bool { return e.replicas.WritesOnly() }

// WriterKey returns the key with which another machine backs up into the repository and reads
// nothing of it.
func (e *Engine) WriterKey(ctx context.Context) (keepsake.Secret, error) {
	return e.replicas.WriterKey(ctx)
}

// Init makes a repository at every provider that can be reached, and gives each its identity. The engine's key and a
// new recovery key open it.
func (e *Engine) Init(ctx context.Context) (replicas.InitResult, error) { return e.replicas.Init(ctx) }

// AddProvider begins to use a configured provider. It makes the provider's place where that is a directory, and puts
// the repository's header and a new identity there.
func (e *Engine) AddProvider(ctx context.Context, name string) (replicas.AddProviderResult, error) {
	return e.replicas.AddProvider(ctx, name)
}

// Health asks every provider at once who it is. Where write returns true for a provider, it also puts a small object
// there, reads it back, compares it, and removes it where the credentials allow that.
func (e *Engine) Health(ctx context.Context, write func(provider string) bool) ([]replicas.ProviderHealth, error) {
	return e.replicas.Health(ctx, write)
}

// Points returns the recovery points, newest first, as the named provider holds them, or all providers together.
func (e *Engine) Points(ctx context.Context, provider string) ([]report.Point, error) {
	return e.replicas.Points(ctx, provider)
}

// ListPoints does the same as Points, and also returns which providers could not be asked.
func (e *Engine) ListPoints(ctx context.Context, provider string) (replicas.PointList, error) {
	return e.replicas.ListPoints(ctx, provider)
}

// NewestPoint returns the id of the newest recovery point that any provider lists, or "" when there is none.
func (e *Engine) NewestPoint(ctx context.Context) (string, error) { return e.replicas.NewestPoint(ctx) }

// PointIDs returns the ids of all recovery points that any provider lists, newest first.
func (e *Engine) PointIDs(ctx context.Context) ([]string, error) { return e.replicas.PointIDs(ctx) }

// NewestPointsTo returns the newest recovery points from one on, or without one the newest of all. most bounds how
// many.
func (e *Engine) NewestPointsTo(ctx context.Context, id string, most int) ([]report.Point, error) {
	return e.replicas.NewestPointsTo(ctx, id, most)
}

// NewestPoints returns the newest recovery points of all providers together. most bounds how many.
func (e *Engine) NewestPoints(ctx context.Context, most int) ([]report.Point, error) {
	return e.replicas.NewestPoints(ctx, most)
}

// Point opens one recovery point, by id or "latest".
func (e *Engine) Point(ctx context.Context, id string) (report.PointDetail, error) {
	return e.replicas.Point(ctx, id)
}

// MarkPoint replaces what people wrote to a recovery point.
func (e *Engine) MarkPoint(ctx context.Context, id string, m replicas.PointMark) (replicas.Kept, error) {
	return e.replicas.MarkPoint(ctx, id, m)
}

// KeepNote seals a small fact that must outlive the console database, and stores it at every provider that can be
// reached. Of each topic the newest note is valid.
func (e *Engine) KeepNote(ctx context.Context, topic string, plain []byte) (replicas.Kept, error) {
	return e.replicas.KeepNote(ctx, topic, plain)
}

// StandbySecret returns the secret that seals the sessions of a console without its database.
func (e *Engine) StandbySecret(ctx context.Context) (keepsake.Secret, error) {
	return e.replicas.StandbySecret(ctx)
}

// SealTarget seals the connection URL of a restore's target with the repository's key, so that it can wait in the
// console database and go through a form.
func (e *Engine) SealTarget(ctx context.Context, url keepsake.Secret) (string, error) {
	return e.replicas.SealTarget(ctx, url)
}

// OpenTarget opens what SealTarget sealed.
func (e *Engine) OpenTarget(ctx context.Context, sealed string) (keepsake.Secret, error) {
	return e.replicas.OpenTarget(ctx, sealed)
}

// ListNotes reads every note of a topic that any provider has.
func (e *Engine) ListNotes(ctx context.Context, topic string) (replicas.Notes, error) {
	return e.replicas.ListNotes(ctx, topic)
}

// ReadNote returns the newest note of a topic that opens, or CodeNotFound when no provider has one.
func (e *Engine) ReadNote(ctx context.Context, topic string) ([]byte, error) {
	return e.replicas.ReadNote(ctx, topic)
}

// NoteTime returns when the newest note of a topic that opens was written, or the zero time where there is none.
func (e *Engine) NoteTime(ctx context.Context, topic string) (time.Time, error) {
	return e.replicas.NoteTime(ctx, topic)
}

// HasNote reports whether any provider gives a note of the topic that opens.
func (e *Engine) HasNote(ctx context.Context, topic string) bool {
	return e.replicas.HasNote(ctx, topic)
}

// Vault returns a vault under the repository's key.
func (e *Engine) Vault() *replicas.Vault { return e.replicas.Vault() }
