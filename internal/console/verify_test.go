package console_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/testenv"
)

// verified is a console with a real engine, of whose last provider a test may switch faults on, and one recovery point.
func verified(t *testing.T) (*console.Console, *engine.Engine, *storagetest.FaultyProvider, string) {
	t.Helper()
	w, platform := newWorld(t), testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), platform)
	if err == nil {
		_, err = conn.Exec(t.Context(), "create table users (id int primary key); insert into users values (1)")
		_ = conn.Close(context.WithoutCancel(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	var faults *storagetest.FaultyProvider
	e := realEngine(t, platform, func(p storage.Provider) storage.Provider {
		faults = storagetest.Faulty(p)
		return faults
	})
	c := w.console(e, func(d *console.Deps) { d.Lease = console.LeaseTimes{} })
	w.run(c, true)
	return c, e, faults, await(t, c, startFull(t, c).ID, console.StateDone).Point
}

func verifyAll(t *testing.T, c *console.Console, deep bool) console.Operation {
	t.Helper()
	o, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Deep: deep})
	if err != nil {
		t.Fatal(err)
	}
	return await(t, c, o.ID, console.StateDone)
}

// wantConfirmed fails unless the list says that these providers have the recovery point, and no others.
func wantConfirmed(t *testing.T, c *console.Console, point string, providers ...string) console.PointDetail {
	t.Helper()
	p, err := c.GetPoint(t.Context(), admin, point)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, cp := range p.Point.Copies {
		if cp.Confirmed {
			have = append(have, cp.Provider)
		}
	}
	if !slices.Equal(have, providers) {
		t.Errorf("confirmed at %v, want %v: %+v", have, providers, p.Point.Copies)
	}
	return p
}

// TestAPointThatOpensNowhereIsNotProtected: a verification and a repair of a recovery point whose manifest is damaged
// at every provider leave it unconfirmed in the list.
func TestAPointThatOpensNowhereIsNotProtected(t *testing.T) {
	t.Parallel()
	c, e, _, point := verified(t)
	for _, p := range e.Providers() {
		body := []byte("no manifest")
		err := p.Store.Put(t.Context(), repository.ManifestKey(point), body, sha256.Sum256(body), true)
		if err != nil {
			t.Fatal(err)
		}
	}
	if o := verifyAll(t, c, false); o.OK {
		t.Errorf("verified: %+v", o.Verify)
	}
	if p := wantConfirmed(t, c, point); p.Point.Protected || p.Point.Proof == nil || p.Point.Proof.Score() != 0 {
		t.Errorf("after the verification: %+v", p.Point)
	}
	o, err := c.StartRepair(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	if o = await(t, c, o.ID, console.StateDone); o.OK || len(o.Repair.Repaired) != 0 {
		t.Errorf("the repair says that it healed the point: %+v", o.Repair)
	}
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantConfirmed(t, c, point)
}

// TestACopyThatIsNotGivenIsNotConfirmed: a provider that answers and refuses one object of a recovery point does not
// count for it. One that cannot be asked at all proves nothing either way.
func TestACopyThatIsNotGivenIsNotConfirmed(t *testing.T) {
	t.Parallel()
	c, _, faults, point := verified(t)
	faults.Down(true)
	if o := verifyAll(t, c, true); o.OK {
		t.Errorf("verified while a provider is down: %+v", o.Verify)
	}
	wantConfirmed(t, c, point, "a", "b", "c")
	faults.Down(false)
	faults.FailGetOf(func(key string) error {
		if _, is := replicas.ParseKey(key); is {
			return errors.New("input/output error")
		}
		return nil
	})
	if o := verifyAll(t, c, true); o.OK {
		t.Errorf("verified while a provider gives no chunk: %+v", o.Verify)
	}
	wantConfirmed(t, c, point, "a", "b")
	faults.FailGet(nil)
	if o := verifyAll(t, c, true); !o.OK {
		t.Errorf("verified when all is given again: %+v", o.Verify)
	}
	wantConfirmed(t, c, point, "a", "b", "c")
}
