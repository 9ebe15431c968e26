package engine_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// A machine with a writer's key takes whole backups that somebody with the repository's key restores, uploads only what
// changed, and reads nothing.
func TestAWriterBacksUpWhatItCannotRead(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	source, dirs := season(t), newDirectories(t)
	awaitOlder(t, source) // or the incremental would read all anew, whose chunks have other ids by the repository's key
	list := dirs.list
	e := engineWith(t, source, list, dirs.key)
	key, err := e.WriterKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(source),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Writer: key},
	})
	first := backup(t, w, keepsake.BackupFull)
	if !first.Protected || first.ChunksNew != first.ChunksTotal {
		t.Errorf("the first: %+v", first)
	}
	second := backup(t, w, keepsake.BackupFull)
	if !second.Protected || second.ChunksNew > 0 {
		t.Errorf("nothing had changed: %+v", second)
	}

	// A copy that was changed since is found by reading it back, and replaced by the very bytes that earlier points name.
	victim := chunkOf(t, dirs.dirs[1], dirs.key, first.Point, "guests")
	damage(t, list[1], victim.ID.Key())
	backup(t, w, keepsake.BackupFull)
	v, err := e.Verify(ctx, engine.VerifyInput{Deep: true}, engine.Discard)
	if err != nil || len(v.Findings) != 0 || v.Points != 3 {
		t.Errorf("verified: %+v, %v", v, err)
	}

	target := testenv.DB(t)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  first.Point,
		Target: keepsake.Secret(target),
	}); !r.Verified ||
		r.Rows != first.Rows {
		t.Errorf("restored: %+v", r)
	}
	same(t, source, target)

	// The repository's key builds upon what a writer stored.
	// the schema, whose id with a writer's key is another
	if next := backup(t, e, keepsake.BackupIncremental); next.ChunksNew > 1 {
		t.Errorf("an incremental upon it: %+v", next)
	}

	_, err = w.Backup(ctx, engine.BackupInput{Type: keepsake.BackupIncremental}, engine.Discard)
	wantError(t, err, keepsake.CodeInvalid, "nothing was backed up", "take a full backup")
	for name, read := range map[string]func() error{
		"restore": func() error {
			_, err := w.Restore(ctx, engine.RestoreInput{
				Scope:  keepsake.Everything(),
				Point:  "latest",
				Target: keepsake.Secret(testenv.DB(t)),
			},
				engine.Discard)
			return err
		},
		"verify":     func() error { _, err := w.Verify(ctx, engine.VerifyInput{}, engine.Discard); return err },
		"writer key": func() error { _, err := w.WriterKey(ctx); return err },
		"init":       func() error { _, err := w.Init(ctx); return err },
		"vault":      func() error { _, err := w.Vault().Seal(ctx, "a name", nil); return err },
	} {
		if err := read(); keepsake.CodeOf(err) != keepsake.CodeWrongKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A provider without a repository gets none from a writer, which is told who can begin to use it.
func TestAWriterBeginsNoRepository(t *testing.T) {
	t.Parallel()
	source, list := season(t), providers(t)
	e := newEngine(t, source, list[:2])
	key, err := e.WriterKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(source),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Writer: key},
	})
	r := backup(t, w, keepsake.BackupFull)
	if c := copyOf(t, r.Copies, list[2].Name); c.Confirmed ||
		!strings.HasSuffix(c.Error, "run keepsake repo add-provider offsite where the repository's key is.") || r.Protected {
		t.Errorf("%+v", r)
	}
}

// damage replaces the last byte of an object at a provider.
func damage(t *testing.T, p engine.Provider, key string) {
	t.Helper()
	body, err := p.Store.Get(t.Context(), key, repository.MaxChunkSealed)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1
	if err := p.Store.Put(t.Context(), key, body, sha256.Sum256(body), true); err != nil {
		t.Fatal(err)
	}
}
