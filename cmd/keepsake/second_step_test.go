package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAdminSecondStepOff: who lost phone and codes is let in again from the server, in the console and in the
// repository's note.
func TestAdminSecondStepOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting)
	w.must(t, exitDone, "init")
	w.withConsole(t)
	off := []string{"admin", "second-step-off", "--email", "Ada@example.com"}
	if o := w.must(t, exitFailed, off...); !strings.Contains(o.err, "keepsake admin create") {
		t.Errorf("nobody: %s", o.err)
	}
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatal(o.err)
	}
	if o := w.must(t, exitFailed, off...); !strings.Contains(o.err, "no second step") {
		t.Errorf("not switched on: %s", o.err)
	}

	// Switched on, by a process that has the repository's key as the console has.
	a := &app{ctx: t.Context(), env: environ(w.env), io: stdio{err: &strings.Builder{}}, cli: &cli{Config: w.config}}
	e, _, err := a.engine()
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), keepsake.Secret(w.env["KEEPSAKE_CONSOLE_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := auth.NewSessions(d, nil).WithVault(e.Vault())
	credentials := auth.Credentials{Email: "ada@example.com", Password: consolePassword}
	session, _, err := s.SignIn(t.Context(), credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.BeginSecondStep(t.Context(), session.Actor); err != nil {
		t.Fatal(err)
	}
	begun, err := s.GetEnrolment(t.Context(), session.Actor)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(begun.Secret.Reveal(), " ", ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmSecondStep(t.Context(), session.Actor, keepsake.Secret(code)); err != nil {
		t.Fatal(err)
	}
	keeper := &accessKeeper{db: d, engine: e, platform: keepsake.DefaultPlatform, log: slog.New(slog.DiscardHandler)}
	if err := keeper.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := func() bool {
		t.Helper()
		_, step, err := s.SignIn(t.Context(), credentials)
		note, failed := e.ReadNote(t.Context(), accessTopic)
		if err != nil || failed != nil || strings.Contains(string(note), "second_step") != (step != nil) {
			t.Fatalf("the console asks %v, and the note says %s: %v, %v", step != nil, note, err, failed)
		}
		return step != nil
	}
	if !asked() {
		t.Error("it was switched on, and no code is asked for")
	}
	if o := w.must(t, exitDone, off...); !strings.Contains(o.out, "password alone") {
		t.Errorf("%s%s", o.out, o.err)
	}
	if asked() {
		t.Error("it was switched off, and a code is asked for")
	}
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a session of before: %v", err)
	}
	o := w.must(t, exitFailed, append(off, "--json")...)
	if f := document[failure](t, o); f.Error.Code != "conflict" {
		t.Errorf("off again: %+v", f)
	}
}
