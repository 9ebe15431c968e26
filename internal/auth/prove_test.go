package auth_test

import (
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestProvingAgain(t *testing.T) {
	t.Parallel()
	_, s, clock := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	resolve := func() keepsake.Actor {
		t.Helper()
		a, err := s.Resolve(t.Context(), session.Token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := resolve(); clock.now().Sub(a.ProvenAt).Abs() > time.Second {
		t.Errorf("signing in proves nothing: %s", a.ProvenAt)
	}
	clock.add(20 * time.Minute)
	if a := resolve(); clock.now().Sub(a.ProvenAt) < 19*time.Minute {
		t.Errorf("a proof lasts for ever: %s", a.ProvenAt)
	}
	if err := s.Prove(t.Context(), resolve(), auth.Proof{Password: "not the password"}); keepsake.CodeOf(
		err) != keepsake.CodeInvalid {
		t.Errorf("a wrong password: %v", err)
	}
	if err := s.Prove(t.Context(), resolve(), auth.Proof{Password: password}); err != nil {
		t.Fatal(err)
	}
	if a := resolve(); clock.now().Sub(a.ProvenAt).Abs() > time.Second {
		t.Errorf("the proof is not noted: %s", a.ProvenAt)
	}
	if err := s.Prove(t.Context(), keepsake.Actor{
		ID:          resolve().ID,
		Session:     "x",
		Permissions: []keepsake.Permission{keepsake.MayRestore},
	}, auth.Proof{Password: password}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("a token proves itself: %v", err)
	}
	// Somebody who knows no more than the e-mail locks who wants to sign in with it, and not its owner, who is signed in.
	for range 8 {
		_, _, _ = s.SignIn(t.Context(), try("amelia@example.org", "a guess at random", "198.51.100.7"))
	}
	if err := s.Prove(t.Context(), resolve(), auth.Proof{Password: password}); err != nil {
		t.Errorf("while somebody else guesses: %v", err)
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "198.51.100.8")); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("a proof has lifted the lock of those who guess: %v", err)
	}
	// Whoever found an open browser cannot guess on.
	var last error
	for range 8 {
		last = s.Prove(t.Context(), resolve(), auth.Proof{Password: "a guess at random"})
	}
	if keepsake.CodeOf(last) != keepsake.CodeForbidden {
		t.Errorf("the eighth guess: %v", last)
	}
	if err := s.Prove(t.Context(), resolve(), auth.Proof{Password: password}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("while it is locked: %v", err)
	}
}

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	d, s, clock := setup(t)
	if err := auth.CreateAccount(t.Context(), d, keepsake.System("test"),
		"ben@example.org", password, keepsake.RoleSuperAdmin); err != nil {
		t.Fatal(err)
	}
	signIn := func(email, agent string) auth.Session {
		t.Helper()
		in := try(email, password, "192.0.2.1")
		in.UserAgent = agent
		clock.add(time.Minute)
		session, _, err := s.SignIn(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	first, phone, other, ben := signIn("amelia@example.org", "Firefox"), signIn("amelia@example.org", "iPhone"),
		signIn("amelia@example.org", "Firefox"), signIn("ben@example.org", "Firefox")
	list, err := s.ListSessions(t.Context(), first.Actor)
	if err != nil || len(list) != 3 || !list[2].Current || list[0].Current {
		t.Fatalf("%+v, %v", list, err)
	}
	var fresh int
	err = d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		return tx.PG.QueryRow(t.Context(), "select count(*) from audit_log where detail ->> 'new_device' = 'true'").Scan(
			&fresh)
	})
	if err != nil || fresh != 3 {
		t.Errorf("%d new devices on record, want each account's first and the telephone: %v", fresh, err)
	}
	if err := s.EndSession(t.Context(), first.Actor, ben.ID); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("somebody else's session: %v", err)
	}
	if err := s.EndSession(t.Context(), first.Actor, phone.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.EndSession(t.Context(), first.Actor, ""); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		session auth.Session
		lives   bool
	}{"this one": {first, true}, "the telephone": {phone, false}, "the other browser": {other, false},
		"Ben's": {ben, true}} {
		if _, err := s.Resolve(t.Context(), x.session.Token.Reveal()); (err == nil) != x.lives {
			t.Errorf("%s: %v", name, err)
		}
	}
}
