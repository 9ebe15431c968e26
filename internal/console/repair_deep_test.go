package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestOnlyAHealedCopyCountsAgain flips a byte at one provider, which only reading finds. A look at names and sizes, or
// a restore from another provider, does not make the point protected again; the repair that is offered finds the byte
// and heals it, also in a note.
func TestOnlyAHealedCopyCountsAgain(t *testing.T) {
	t.Parallel()
	w, platform := newWorld(t), testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), "create table users (id int primary key, email text); insert into users values "+
		"(1, 'zoe@example.org')"); err != nil {
		t.Fatal(err)
	}
	e := realEngine(t, platform)
	c := w.console(e, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(platform)}}
		d.Lease = console.LeaseTimes{}
	})
	w.run(c, true)
	point := await(t, c, startFull(t, c).ID, console.StateDone).Point

	store := e.Providers()[1].Store
	// flip damages an object of a folder as only reading finds.
	flip := func(folder string) (key string, sound []byte) {
		t.Helper()
		err := store.List(t.Context(), folder, func(o storage.Object) error { key = o.Key; return nil })
		if err == nil {
			sound, err = store.Get(t.Context(), key, 1<<20)
		}
		flipped := bytes.Clone(sound)
		if err == nil {
			flipped[len(flipped)-1] ^= 1
			err = store.Put(t.Context(), key, flipped, sha256.Sum256(flipped), true)
		}
		if err != nil {
			t.Fatal(err)
		}
		return key, sound
	}
	key, sound := flip("chunks/")
	done := func(o console.Operation, err error) console.Operation {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return await(t, c, o.ID, console.StateDone)
	}
	unprotected := func(after string) {
		t.Helper()
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := c.GetPoint(t.Context(), admin, point)
		if err != nil || p.Point.Protected {
			t.Errorf("after %s the point counts as protected: %+v, %v", after, p.Point.Copies, err)
		}
	}
	done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: true}))
	unprotected("a verification that read everything")
	done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{}))
	unprotected("one that looked at names and sizes")
	const restored = "restored_from_elsewhere"
	t.Cleanup(func() {
		_, _ = conn.Exec(context.WithoutCancel(t.Context()), "drop database if exists "+restored+" with (force)")
	})
	if o := done(c.StartRestore(t.Context(), admin,
		console.StartRestoreInput{
			Scope:        keepsake.Everything(),
			Point:        point,
			Database:     restored,
			Confirmation: restored,
			Provider:     "a",
		})); !o.OK {
		t.Fatalf("%+v", o.Restore)
	}
	unprotected("a restore from another provider")

	if o := done(c.StartRepair(t.Context(), admin)); !o.OK || o.Repair.Copied != 1 {
		t.Errorf("the repair: %+v", o.Repair)
	}
	if healed, err := store.Get(t.Context(), key, 1<<20); err != nil || !bytes.Equal(healed, sound) {
		t.Errorf("the copy is not healed: %v", err)
	}
	if p, err := c.GetPoint(t.Context(), admin, point); err != nil || !p.Point.Protected {
		t.Errorf("after the repair: %+v, %v", p.Point.Copies, err)
	}
	if o := done(c.StartRepair(t.Context(), admin)); o.Deep {
		t.Error("a repair reads everything although nothing is in doubt")
	}

	// What lies beside recovery points is in no point's copies.
	note := "before the new invoice module"
	if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: point, Note: &note}); err != nil {
		t.Fatal(err)
	}
	flip("notes/")
	if o := done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: true})); o.OK {
		t.Errorf("a note with a flipped bit was not found: %+v", o.Verify)
	}
	if o := done(c.StartRepair(t.Context(), admin)); !o.OK || !o.Deep {
		t.Errorf("the repair after it: deep %v, %+v", o.Deep, o.Repair)
	}
	if o := done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: true})); !o.OK {
		t.Errorf("the note is not healed: %+v", o.Verify)
	}
}
