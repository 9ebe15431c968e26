package console_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// restorable is a console with one recovery point and one server to restore to.
func restorable(t *testing.T) (*world, *fakeEngine, *console.Console, string) {
	t.Helper()
	w, e := newWorld(t), newFakeEngine()
	server := testenv.DB(t)
	e.points = append(e.points, fakePoint("20261123T070000Z-aa", time.Now(), "local", "s3", "away"))
	c := w.console(e, func(d *console.Deps) {
		d.Platforms[0].Targets = []console.Target{{Name: "platform server", URL: keepsake.Secret(server)},
			{Name: "dead", URL: "postgres://x:secret-word@127.0.0.1:1/x"}}
	})
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, e, c, server
}

func TestRestoreRefusals(t *testing.T) {
	t.Parallel()
	w, _, c, server := restorable(t)
	conn, err := pgx.Connect(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "create table guests ()"); err != nil {
		t.Fatal(err)
	}
	late := admin
	late.Session, late.ProvenAt = "a session", time.Now().Add(-6*time.Minute)
	u, _ := url.Parse(server)
	occupied := u.Path[1:]
	good := console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        "latest",
		Database:     "fresh_one",
		Confirmation: "fresh_one",
	}
	for _, x := range []struct {
		name   string
		actor  keepsake.Actor
		change func(*console.StartRestoreInput)
		code   keepsake.Code
		words  string
	}{
		{"not empty", admin, func(in *console.StartRestoreInput) { in.Database, in.Confirmation = occupied, occupied },
			keepsake.CodeConflict, "not empty"},
		{"a template", admin, func(in *console.StartRestoreInput) { in.Database, in.Confirmation = "template1", "template1" },
			keepsake.CodeConflict, "template"},
		{"a template that takes no sessions", admin,
			func(in *console.StartRestoreInput) { in.Database, in.Confirmation = "template0", "template0" },
			keepsake.CodeConflict, "template"},
		{"the server's own database", admin, func(in *console.StartRestoreInput) {
			in.Database, in.Confirmation = "postgres",
				"postgres"
		}, keepsake.CodeConflict, "server's own"},
		{"not confirmed", admin, func(in *console.StartRestoreInput) { in.Confirmation = "" },
			keepsake.CodeInvalid, "fresh_one"},
		{"no name", admin, func(in *console.StartRestoreInput) { in.Database, in.Confirmation = "", "" },
			keepsake.CodeInvalid, "name"},
		{"unknown point", admin, func(in *console.StartRestoreInput) { in.Point = "20200101T000000Z-zz" },
			keepsake.CodeNotFound, "no such"},
		{"unknown server", admin, func(in *console.StartRestoreInput) { in.Target = "elsewhere" },
			keepsake.CodeInvalid, "elsewhere"},
		{"unreachable server", admin, func(in *console.StartRestoreInput) { in.Target = "dead" },
			keepsake.CodeUnavailable, "dead"},
		{"an old password", late, func(*console.StartRestoreInput) {}, keepsake.CodeProof, "again"},
		{"no scope", admin, func(in *console.StartRestoreInput) { in.Scope = keepsake.Scope{} },
			keepsake.CodeInvalid, "one scope"},
		{"unknown provider", admin, func(in *console.StartRestoreInput) { in.Provider = "moon" },
			keepsake.CodeInvalid, "moon"},
		{"bound to an organization", bound, func(*console.StartRestoreInput) {}, keepsake.CodeForbidden, "organization"},
	} {
		in := good
		x.change(&in)
		_, err := c.StartRestore(t.Context(), x.actor, in)
		if keepsake.CodeOf(err) != x.code || !strings.Contains(keepsake.MessageOf(err), x.words) ||
			strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v, want %s and %q", x.name, err, x.code, x.words)
		}
	}
	if n := w.count("select count(*) from backup_operations where kind = 'restore'"); n != 0 {
		t.Errorf("%d operations were enqueued", n)
	}
	if n := w.count("select count(*) from audit_log where action = 'restore.start' and outcome <> 'allowed'"); n != 13 {
		t.Errorf("%d refusals on record, want 13", n)
	}
	if n := w.count("select count(*) from audit_log where detail::text like '%secret-word%'"); n != 0 {
		t.Error("a password is in the audit trail")
	}
}

func TestRestoreIsRunAndCountsAsProof(t *testing.T) {
	t.Parallel()
	w, e, c, server := restorable(t)
	w.run(c, true)
	o, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
		Point:        "latest",
		Database:     "Fresh one/2",
		Confirmation: "Fresh one/2",
		Scope:        theTiers(keepsake.TierCritical),
		Provider:     "away",
	})
	if err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateDone)
	if !o.OK || o.Restore == nil || o.Target != "platform server" || o.Database != "Fresh one/2" ||
		o.Asked.Scope != theTiers(keepsake.TierCritical) {
		t.Errorf("%+v", o)
	}
	in := e.restores[0]
	got, err := pgx.ParseConfig(in.Target.Reveal())
	if err != nil || got.Database != "Fresh one/2" || !in.Create || in.Provider != "away" || in.Point != o.Point ||
		in.Scope != o.Asked.Scope {
		t.Errorf("the engine was asked for %+v (database %q), %v", in, got.Database, err)
	}
	if base, _ := pgx.ParseConfig(server); got.Port != base.Port || got.Password != base.Password {
		t.Error("the engine was sent to another server")
	}
	p, err := c.GetPoint(t.Context(), admin, o.Point)
	if err != nil || p.Point.LastTest == nil || p.Point.LastTest.Kind != "partial_restore" || !p.Point.LastTest.OK ||
		p.Point.LastTest.Operation != o.ID {
		t.Errorf("the point's proof: %+v, %v", p.Point.LastTest, err)
	}
	if n := w.count("select count(*) from disaster_recovery_events where outcome = 'done' and rto_seconds = 3 and "+
		"operation_id = $1", o.ID); n != 1 {
		t.Errorf("%d recovery events, want 1", n)
	}
}

// TestOnlyARestoreOfEverythingIsADrill: what brings a wedding, a tier or a critical point back says nothing of how long
// the platform takes, and of a tier only where it was all of it.
func TestOnlyARestoreOfEverythingIsADrill(t *testing.T) {
	t.Parallel()
	w, e, c, _ := restorable(t)
	e.points = append(e.points, critical(fakePoint("20261123T080000Z-bb", time.Now(), "local", "s3", "away")))
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	restore := func(point string, s keepsake.Scope) console.Compliance {
		t.Helper()
		o, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{Point: point, Scope: s, Database: "copy",
			Confirmation: "copy"})
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
		stands, err := w.console(e).Compliance(t.Context(), admin) // which has kept nothing of before
		if err != nil {
			t.Fatal(err)
		}
		return stands
	}
	whole := e.points[0].ID
	if stands := restore(whole, theWedding("w1")); stands.Drill != nil || stands.Tiers[0].Restored != 0 {
		t.Errorf("a wedding: %+v, %+v", stands.Drill, stands.Tiers)
	}
	if stands := restore(whole, theTiers(keepsake.TierHigh)); stands.Drill != nil || stands.Tiers[0].Restored != 0 {
		t.Errorf("another tier: %+v, %+v", stands.Drill, stands.Tiers)
	}
	if stands := restore(whole, theTiers(keepsake.TierCritical)); stands.Drill != nil ||
		stands.Tiers[0].Restored != time.Second {
		t.Errorf("the critical tier: %+v, %+v", stands.Drill, stands.Tiers)
	}
	if stands := restore(e.points[1].ID, keepsake.Everything()); stands.Drill != nil {
		t.Errorf("everything of a point that holds one tier: %+v", stands.Drill)
	}
	if stands := restore(whole, keepsake.Everything()); stands.Drill == nil || stands.Drill.Kind != "restore" {
		t.Errorf("everything: %+v", stands.Drill)
	}
}

// TestARestoreLiftsNoVerdict: what a verification found bad at a provider stays bad when a restore has read the point
// from another one, until a verification asks that provider again.
func TestARestoreLiftsNoVerdict(t *testing.T) {
	t.Parallel()
	w, e, c, _ := restorable(t)
	w.run(c, true)
	point := e.points[0].ID
	protected := func() bool {
		t.Helper()
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := c.GetPoint(t.Context(), admin, point)
		if err != nil {
			t.Fatal(err)
		}
		return p.Point.Protected
	}
	done := func(o console.Operation, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
	}
	e.verify = func(engine.VerifyInput) (engine.VerifyResult, error) {
		return engine.VerifyResult{
			Findings: []engine.VerifyFinding{{Provider: "s3", Object: "chunks/aa", Problem: "missing", Damage: true}},
			Copies:   map[string][]keepsake.Copy{point: copies("local", "away")},
		}, nil
	}
	done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: point}))
	done(c.StartRestore(t.Context(), admin, console.StartRestoreInput{Point: point, Scope: keepsake.Everything(),
		Database: "copy", Confirmation: "copy"}))
	if protected() {
		t.Error("a restore lifted what a verification found")
	}
	e.verify = nil
	done(c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: point}))
	if !protected() {
		t.Error("a verification that found nothing wrong did not lift it")
	}
}

// TestWhoMayStartItMayStopIt: a token stops what it may start, and nothing else, whoever has started it.
func TestWhoMayStartItMayStopIt(t *testing.T) {
	t.Parallel()
	_, _, c, _ := restorable(t)
	restore, err := c.StartRestore(t.Context(), admin, console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        "latest",
		Database:     "fresh_one",
		Confirmation: "fresh_one",
	})
	if err != nil {
		t.Fatal(err)
	}
	backup := startFull(t, c)
	with := func(p ...keepsake.Permission) keepsake.Actor {
		token := admin
		token.Permissions = p
		return token
	}
	for _, x := range []struct {
		id    string
		token keepsake.Actor
		may   bool
	}{
		{restore.ID, with(keepsake.MayRead, keepsake.MayBackup), false},
		{backup.ID, with(keepsake.MayRead, keepsake.MayRestore), false},
		{restore.ID, with(keepsake.MayRestore), true}, {backup.ID, with(keepsake.MayBackup), true},
	} {
		err := c.CancelOperation(t.Context(), x.token, x.id)
		if x.may && err != nil || !x.may && (err == nil || keepsake.CodeOf(err) != keepsake.CodeForbidden) {
			t.Errorf("%v: %v", x.token.Permissions, err)
		}
	}
}
