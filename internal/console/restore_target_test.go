package console_test

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTypedTargets: the proof comes before anything of a typed address is looked at, and where it leads is decided by
// the configuration, when it is typed and again when it is used.
func TestTypedTargets(t *testing.T) {
	t.Parallel()
	w, e, c, server := restorable(t)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	late := admin
	late.Session, late.ProvenAt = "a session", time.Now().Add(-6*time.Minute)
	for _, x := range []struct {
		name  string
		actor keepsake.Actor
		typed string
		code  keepsake.Code
	}{
		{"an old password", late, server, keepsake.CodeProof},
		{"an old password and no address", late, "nonsense", keepsake.CodeProof},
		{"bound to an organization", bound, server, keepsake.CodeForbidden},
		{"a file of this machine", admin, server + "&sslrootcert=/dev/zero", keepsake.CodeInvalid},
		{"another port of this machine", admin, "postgres://a:b@127.0.0.1:2/x", keepsake.CodeInvalid},
		{"a cloud's metadata", admin, "postgres://a:b@169.254.169.254:80/x", keepsake.CodeInvalid},
	} {
		if _, err := c.SealTarget(t.Context(), x.actor, keepsake.Secret(x.typed)); keepsake.CodeOf(err) != x.code ||
			err == nil {
			t.Errorf("%s: %v, want %s", x.name, err, x.code)
		}
	}
	if n := w.count("select count(*) from audit_log where action = 'restore.target' and outcome = 'refused'"); n != 6 {
		t.Errorf("%d refusals on record, want 6", n)
	}
	sealed, err := c.SealTarget(t.Context(), admin, keepsake.Secret(server)) // the platform's own, typed
	if err != nil {
		t.Fatal(err)
	}
	in := console.StartRestoreInput{
		Scope:        keepsake.Everything(),
		Point:        "latest",
		Database:     "fresh_one",
		Confirmation: "fresh_one",
		TargetURL:    sealed,
	}
	o, err := c.StartRestore(t.Context(), admin, in)
	if err != nil || o.Target != u.Host {
		t.Fatalf("%+v, %v", o, err)
	}
	// What an earlier version has sealed, or a policy that has changed since: read and checked again.
	elsewhere, _ := e.SealTarget(t.Context(), keepsake.Secret(server+"&passfile=/etc/hostname"))
	loopback, _ := e.SealTarget(t.Context(), "postgres://a:b@127.0.0.1:2/x")
	for _, old := range []string{elsewhere, loopback} {
		in.TargetURL = old
		if _, err := c.StartRestore(t.Context(), admin, in); keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil {
			t.Errorf("%v", err)
		}
	}
}

// TestTypedTargetsAllAnswerAlike: a closed port, one that says nothing and one that speaks something else are the same
// to whoever typed them, and none of them is said to stand in the configuration.
func TestTypedTargetsAllAnswerAlike(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = append(e.points, fakePoint("20261123T070000Z-aa", time.Now(), "local", "s3", "away"))
	c := w.console(e, func(d *console.Deps) { d.Typed = address.Policy{Allow: []string{"127.0.0.1"}} })
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	speaks, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer speaks.Close()
	go func() {
		for {
			conn, err := speaks.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example.org ESMTP\r\n"))
			_ = conn.Close()
		}
	}()
	said := map[string]bool{}
	for _, at := range []string{"127.0.0.1:1", speaks.Addr().String()} {
		sealed, err := c.SealTarget(t.Context(), admin, keepsake.Secret("postgres://a:b@"+at+"/x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.StartRestore(t.Context(), admin, console.StartRestoreInput{
			Scope:        keepsake.Everything(),
			Point:        "latest",
			Database:     "fresh_one",
			Confirmation: "fresh_one",
			TargetURL:    sealed,
		})
		text := keepsake.MessageOf(err)
		if keepsake.CodeOf(err) != keepsake.CodeUnavailable || strings.Contains(text, "configuration") {
			t.Errorf("%s: %v", at, err)
		}
		said[strings.ReplaceAll(text, at, "AT")] = true
	}
	if len(said) != 1 {
		t.Errorf("what listens there can be told: %v", said)
	}
}
