package engine_test

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// forgery is what somebody does who has a writer's key and the credentials of one provider.
type forgery struct {
	t            *testing.T
	at           engine.Provider
	writer, real *repository.Keyring // real only to see what is there, which a writer knows of its own backups
}

func newForgery(t *testing.T, at engine.Provider, key, writer keepsake.Secret) forgery {
	t.Helper()
	raw, err := at.Store.Get(t.Context(), repository.HeaderKey, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	h, err := repository.ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	f := forgery{t: t, at: at}
	if f.writer, err = h.Unlock(repository.KeySource{Writer: writer}); err != nil {
		t.Fatal(err)
	}
	if f.real, err = h.Unlock(repository.KeySource{Key: key}); err != nil {
		t.Fatal(err)
	}
	return f
}

// replace puts what is in one recovery point in the place of another.
func (f forgery) replace(point, with string) {
	f.t.Helper()
	body, err := f.at.Store.Get(f.t.Context(), repository.ManifestKey(with), 1<<20)
	if err != nil {
		f.t.Fatal(err)
	}
	m, err := f.real.OpenManifest(repository.ManifestKey(with), body)
	if err != nil {
		f.t.Fatal(err)
	}
	m.ID = point
	plain, err := json.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	name := repository.ManifestKey(point)
	sealed, err := f.writer.SealObject(repository.ObjectManifest, name, plain)
	if err == nil {
		err = f.at.Store.Put(f.t.Context(), name, sealed, sha256.Sum256(sealed), true)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestAWritersKeyReplacesNoRecoveryPoint that the repository's own key sealed: another in its place at one provider is
// passed by, named, and repaired. In the place of a writer's own nobody can tell: nothing is read until a person says
// which provider to trust.
func TestAWritersKeyReplacesNoRecoveryPoint(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	source, list, key := season(t), providers(t), repository.NewKeyFile()
	e := engineWith(t, source, list, key)
	own := backup(t, e, keepsake.BackupFull)
	writer, err := e.WriterKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(source),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Writer: writer},
	})
	written := backup(t, w, keepsake.BackupFull)
	run(t, source, "delete from guests where id > 100")
	forged := backup(t, w, keepsake.BackupFull)
	f := newForgery(t, list[0], key, writer)

	f.replace(own.Point, forged.Point)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  own.Point,
		Target: keepsake.Secret(testenv.DB(t)),
	}); r.Rows !=
		own.Rows || !r.Verified {
		t.Errorf("restored %d rows, want %d: %+v", r.Rows, own.Rows, r)
	}
	v, err := e.Verify(ctx, engine.VerifyInput{}, engine.Discard)
	if err != nil || len(v.Findings) != 1 || v.Findings[0].Provider != list[0].Name ||
		!strings.Contains(v.Findings[0].Problem, "somebody with a writer's key") {
		t.Errorf("%+v, %v", v.Findings, err)
	}
	if r, err := e.Repair(ctx, engine.VerifyInput{}, engine.Discard); err != nil || r.Copied != 1 ||
		len(r.Remaining) != 0 {
		t.Errorf("repaired: %+v, %v", r, err)
	}

	f.replace(written.Point, forged.Point)
	_, err = e.Restore(ctx, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  written.Point,
		Target: keepsake.Secret(testenv.DB(t)),
	},
		engine.Discard)
	wantError(t, err, keepsake.CodeDamaged, "not the same at every provider", "local, second, offsite", "--provider")
	if v, err = e.Verify(ctx, engine.VerifyInput{}, engine.Discard); err != nil || len(v.Findings) != 1 ||
		!strings.Contains(v.Findings[0].Problem, "nobody can tell which is right") {
		t.Errorf("%+v, %v", v.Findings, err)
	}
	if r, err := e.Repair(ctx, engine.VerifyInput{}, engine.Discard); err != nil || r.Copied != 0 ||
		len(r.Remaining) != 1 {
		t.Errorf("what nobody can tell was repaired: %+v, %v", r, err)
	}
	if r := restore(t, e, engine.RestoreInput{
		Scope:    keepsake.Everything(),
		Point:    written.Point,
		Target:   keepsake.Secret(testenv.DB(t)),
		Provider: list[1].Name,
	}); r.Rows != written.Rows {
		t.Errorf("from the provider that is trusted: %+v", r)
	}
}

// TestAWritersKeyPutsNoOtherRowsUnderAChunksName: a chunk may have been sealed by any run, but a name stands for one
// content only.
func TestAWritersKeyPutsNoOtherRowsUnderAChunksName(t *testing.T) {
	t.Parallel()
	ctx, source, w := t.Context(), village(t), newDirectories(t)
	e := engineWith(t, source, w.list, w.key)
	point := backup(t, e, keepsake.BackupFull)
	writer, err := e.WriterKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	written := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(source),
		Providers:   w.list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Writer: writer},
	})
	theirs := backup(t, written, keepsake.BackupFull)
	f := newForgery(t, w.list[0], w.key, writer)
	for _, id := range []string{point.Point, theirs.Point} { // a chunk of the repository's own key, and one of a writer's
		c := chunkOf(t, w.dirs[0], w.key, id, "organizations")
		body, err := f.writer.Seal(nil, &repository.Ref{ID: c.ID}, []byte("other rows"), repository.Fast)
		if err == nil {
			err = w.list[0].Store.Put(ctx, c.ID.Key(), body, sha256.Sum256(body), true)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, deep := range []bool{false, true} {
			v, err := e.Verify(ctx, engine.VerifyInput{Point: id, Deep: deep}, engine.Discard)
			if err != nil || len(v.Findings) != 1 || v.Findings[0].Object != c.ID.Key() || !v.Findings[0].Damage {
				t.Errorf("verified, deep %v: %+v, %v", deep, v.Findings, err)
			}
		}
		if r := restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  id,
			Target: keepsake.Secret(testenv.DB(t)),
		}); !r.Verified ||
			len(r.Damaged) != 1 {
			t.Errorf("restored: %+v", r)
		}
		if r, err := e.Repair(ctx, engine.VerifyInput{Point: id}, engine.Discard); err != nil || r.Copied != 1 ||
			len(r.Remaining) != 0 {
			t.Errorf("repaired: %+v, %v", r, err)
		}
	}
	wantProtected(t, e, 2)
}
