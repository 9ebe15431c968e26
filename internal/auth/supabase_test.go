package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/auth/gotrue/gotruetest"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	theirPassword = "a password at supabase"
	theirSecret   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

var (
	bea = gotruetest.User{
		Email:       "bea@example.org",
		Password:    theirPassword,
		AppMetadata: map[string]any{"role": "super_admin", "organization_id": "org-7"},
	}
	cleo = gotruetest.User{
		Email:       "cleo@example.org",
		Password:    theirPassword,
		AppMetadata: map[string]any{"role": "super_admin"},
		TOTP:        theirSecret,
	}
	dora = gotruetest.User{
		Email:        "dora@example.org",
		Password:     theirPassword,
		UserMetadata: map[string]any{"role": "super_admin"},
	}
)

// elsewhere is a console that also knows an auth server, over the database of setup with its local account
// amelia@example.org.
type elsewhere struct {
	t     *testing.T
	d     *db.DB
	s     *auth.Sessions
	clock *clock
	at    *gotruetest.Server
}

func withSupabase(t *testing.T, users ...gotruetest.User) *elsewhere {
	t.Helper()
	d, s, c := setup(t)
	e := &elsewhere{t: t, d: d, clock: c, at: gotruetest.New(t, true, users...)}
	e.s = e.process(s, nil)
	return e
}

// process is one more process of the console.
func (e *elsewhere) process(s *auth.Sessions, change func(*auth.Supabase)) *auth.Sessions {
	e.t.Helper()
	client, err := gotrue.NewClient(e.at.URL, gotruetest.Key)
	if err != nil {
		e.t.Fatal(err)
	}
	verifier, err := gotrue.NewVerifier(e.t.Context(), gotrue.Trust{URL: e.at.URL, Now: e.clock.now})
	if err != nil {
		e.t.Fatal(err)
	}
	at := &auth.Supabase{Client: client, Verifier: verifier, Platform: keepsake.DefaultPlatform}
	if change != nil {
		change(at)
	}
	return s.WithVault(vault("the repository's key")).WithSupabase(at)
}

func (e *elsewhere) in(u gotruetest.User) auth.Session {
	e.t.Helper()
	session, step, err := e.s.SignIn(e.t.Context(), try(u.Email, keepsake.Secret(u.Password), "192.0.2.1"))
	if err != nil || step != nil {
		e.t.Fatalf("%v, %v", step, err)
	}
	return session
}

func (e *elsewhere) count(sql string) (n int) {
	e.t.Helper()
	err := e.d.InTx(e.t.Context(), keepsake.System("test"),
		func(tx db.Tx) error { return tx.PG.QueryRow(e.t.Context(), sql).Scan(&n) })
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

func TestSupabaseSignIn(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	actor, err := e.s.Resolve(t.Context(), session.Token.Reveal())
	if err != nil || actor.Name != bea.Email || actor.Role != keepsake.RoleSuperAdmin || actor.Organization != "org-7" ||
		!actor.Proven(e.clock.now()) {
		t.Errorf("%+v, %v", actor, err)
	}
	if again := e.in(bea); again.Actor.ID != actor.ID {
		t.Error("the same person has two accounts")
	}
	if n := e.count("select count(*) from audit_log where action = 'account.elsewhere'"); n != 1 {
		t.Errorf("the new account is on record %d times, want once", n)
	}
	const letIn = `select count(*) from audit_log where action = 'account.elsewhere' and security
		and actor_name = 'bea@example.org' and address = '192.0.2.1'
		and detail ->> 'before' is null and detail -> 'after' ->> 'role' = 'super_admin'
			and detail -> 'after' ->> 'organization' = 'org-7'`
	if e.count(letIn) != 1 {
		t.Error("the trail does not say who was let in, and as what")
	}
	// Nothing that keeps the session alive is in the database in the clear, and nobody is in the note of those who sign in
	// without it.
	if n := e.count("select count(*) from supabase_sessions where encode(tokens, 'escape') like '%eyJ%' or " +
		"encode(tokens, 'escape') like '%refresh%'"); n != 0 || e.count("select count(*) from supabase_sessions") != 2 {
		t.Errorf("%d tokens in the clear", n)
	}
	note, err := auth.Verifiers(t.Context(), e.d, keepsake.DefaultPlatform)
	if err != nil || strings.Contains(string(note), bea.Email) {
		t.Errorf("the note: %s, %v", note, err)
	}
	// The password again, there; a wrong one, and one after another.
	e.clock.add(6 * time.Minute)
	late, err := e.s.Resolve(t.Context(), session.Token.Reveal())
	if err != nil || late.Proven(e.clock.now()) {
		t.Errorf("%+v, %v", late, err)
	}
	if err := e.s.Prove(t.Context(), late, auth.Proof{Password: "not it at all"}); keepsake.CodeOf(
		err) != keepsake.CodeInvalid {
		t.Errorf("a wrong password proves: %v", err)
	}
	if err := e.s.Prove(t.Context(), late, auth.Proof{Password: theirPassword}); err != nil {
		t.Error(err)
	}
	if actor, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil || !actor.Proven(e.clock.now()) {
		t.Errorf("%+v, %v", actor, err)
	}
	if second, err := e.s.GetSecondStep(t.Context(), late); err != nil || second.Local {
		t.Errorf("%+v, %v", second, err)
	}
	if err := auth.SetPassword(t.Context(), e.d, keepsake.System("test"), bea.Email, password); keepsake.CodeOf(
		err) != keepsake.CodeNotFound {
		t.Errorf("a local password for an account that is elsewhere: %v", err)
	}
	// Signing out here is signing out there; the other session goes on.
	if err := e.s.End(t.Context(), session.Token.Reveal()); err != nil || e.at.SignedIn() != 1 {
		t.Errorf("%d are signed in there, %v", e.at.SignedIn(), err)
	}
}

// TestSupabaseSignInIsRefused: each reads like a wrong password, whether or not there is an account, and wherever it
// is.
func TestSupabaseSignInIsRefused(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea, dora)
	var words []string
	for _, c := range []auth.Credentials{
		try("nobody@example.org", theirPassword, "192.0.2.1"), try(bea.Email, "a wrong password", "192.0.2.2"),
		try(dora.Email, theirPassword, "192.0.2.3"),
		try("amelia@example.org", "a wrong password", "192.0.2.4"), try("amelia@example.org", theirPassword, "192.0.2.5"),
	} {
		_, step, err := e.s.SignIn(t.Context(), c)
		if keepsake.CodeOf(err) != keepsake.CodeForbidden || err == nil || step != nil {
			t.Fatalf("%s: %v", c.Email, err)
		}
		words = append(words, keepsake.MessageOf(err))
	}
	for _, w := range words {
		if w != words[0] {
			t.Errorf("%q, and elsewhere %q", w, words[0])
		}
	}
	if e.at.SignedIn() != 0 {
		t.Error("somebody who may not enter stays signed in there")
	}
	if n := e.count("select count(*) from audit_log where action = 'session.start' and outcome = " +
		"'refused' and security"); n != len(words) {
		t.Errorf("%d refusals on record, want %d", n, len(words))
	}
	// The server does not answer: whoever has no local account reads that, and so does who has one and gave a wrong
	// password.
	e.at.SetDown(true)
	words = nil
	for _, email := range []string{"nobody@example.org", bea.Email, "amelia@example.org"} {
		_, _, err := e.s.SignIn(t.Context(), try(email, "a wrong password", "192.0.2.6"))
		words = append(words, keepsake.MessageOf(err))
	}
	if words[0] != words[1] || words[1] != words[2] || !strings.Contains(words[0], "does not answer") {
		t.Errorf("%q", words)
	}
	if _, _, err := e.s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.7")); err != nil {
		t.Errorf("a local account while the auth server is away: %v", err)
	}
}

// TestTheLogTellsRefusalsApart, as who tries cannot, and nothing of what was typed.
func TestTheLogTellsRefusalsApart(t *testing.T) {
	t.Parallel()
	banned := bea
	banned.Banned = true
	e := withSupabase(t, banned)
	var log bytes.Buffer
	s := e.process(e.s, func(at *auth.Supabase) { at.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, email := range []string{bea.Email, "nobody@example.org", "amelia@example.org"} {
		if _, _, err := s.SignIn(t.Context(), try(email, theirPassword, "192.0.2.1")); keepsake.CodeOf(
			err) != keepsake.CodeForbidden {
			t.Errorf("%s: %v", email, err)
		}
	}
	said := log.String()
	if strings.Count(said, "user_banned") != 1 || strings.Count(said, "invalid_credentials") != 1 ||
		strings.Contains(said, "example.org") || strings.Contains(said, theirPassword) {
		t.Errorf("%s", said)
	}
}

// TestLockOutsHoldForBoth: the auth server is not asked any more by whoever has guessed too often.
func TestLockOutsHoldForBoth(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	for range 6 {
		_, _, _ = e.s.SignIn(t.Context(), try(bea.Email, "a wrong password", "192.0.2.1"))
	}
	if _, _, err := e.s.SignIn(t.Context(), try(bea.Email, theirPassword, "192.0.2.9")); keepsake.CodeOf(
		err) != keepsake.CodeForbidden || !strings.Contains(keepsake.MessageOf(err), "Too many") {
		t.Errorf("%v", err)
	}
	e.clock.add(16 * time.Minute)
	e.in(bea)
}

func TestASecondFactorThereIsAskedForHere(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, cleo)
	code := func() keepsake.Secret {
		t.Helper()
		code, err := totp.GenerateCode(theirSecret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return keepsake.Secret(code)
	}
	half := func() auth.Step {
		t.Helper()
		session, step, err := e.s.SignIn(t.Context(), try(cleo.Email, theirPassword, "192.0.2.1"))
		if err != nil || step == nil || session.Token != "" || step.Recoverable() {
			t.Fatalf("%+v, %v", step, err)
		}
		return *step
	}
	in := auth.Credentials{Address: "192.0.2.1", UserAgent: "test"}
	step := half()
	_, err := e.s.Continue(t.Context(), step, "000000", in)
	next, ok := auth.NextStep(err)
	if keepsake.CodeOf(err) != keepsake.CodeForbidden || !ok {
		t.Fatalf("a wrong code: %v", err)
	}
	session, err := e.s.Continue(t.Context(), next, code(), in)
	if err != nil {
		t.Fatal(err)
	}
	if actor, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil || actor.Name != cleo.Email ||
		actor.Organization != "" {
		t.Errorf("%+v, %v", actor, err)
	}
	if _, err := e.s.Continue(t.Context(), step, code(), in); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("the step that was finished already: %v", err)
	}
	e.at.SetWeak(true)
	if session, err := e.s.Continue(t.Context(), half(), code(), in); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("a token that says nothing of the code: %+v, %v", session.Actor, err)
	}
	e.at.SetWeak(false)
	old := half()
	e.clock.add(auth.StepTime)
	if _, err := e.s.Continue(t.Context(), old, code(), in); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("five minutes later: %v", err)
	}
	// Codes that are guessed count like passwords.
	step = half()
	for range 8 {
		_, err = e.s.Continue(t.Context(), step, "000000", in)
		if after, ok := auth.NextStep(err); ok {
			step = after
		}
	}
	if !strings.Contains(keepsake.MessageOf(err), "Too many") {
		t.Errorf("the eighth guess: %v", err)
	}
	// A console that asks for a second factor refuses who has none.
	strict := withSupabase(t, bea)
	strict.s = strict.process(strict.s, func(at *auth.Supabase) { at.RequireMFA = true })
	if _, _, err := strict.s.SignIn(t.Context(), try(bea.Email, theirPassword, "192.0.2.1")); keepsake.CodeOf(
		err) != keepsake.CodeForbidden || !strings.Contains(keepsake.MessageOf(err), "second factor") {
		t.Errorf("without a factor: %v", err)
	}
}

// TestSupabaseSecondAuthenticator: whichever of them somebody has at hand.
func TestSupabaseSecondAuthenticator(t *testing.T) {
	t.Parallel()
	both := cleo
	both.Spare = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
	e := withSupabase(t, both)
	for name, secret := range map[string]string{"the first": both.TOTP, "the spare one": both.Spare,
		"somebody else's": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"} {
		_, step, err := e.s.SignIn(t.Context(), try(both.Email, theirPassword, "192.0.2.1"))
		if err != nil || step == nil {
			t.Fatalf("%+v, %v", step, err)
		}
		code, err := totp.GenerateCode(secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.s.Continue(t.Context(), *step, keepsake.Secret(code), auth.Credentials{Address: "192.0.2.1"})
		if known := secret == both.TOTP || secret == both.Spare; known != (err == nil) || !known &&
			keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestASessionIsKeptAlive: when its token ends, one request of one process exchanges it, and learns what the person is
// by now.
func TestASessionIsKeptAlive(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	e.clock.add(29 * time.Minute)
	_, _ = e.s.Resolve(t.Context(), session.Token.Reveal()) // not idle
	e.clock.add(29 * time.Minute)
	_, _ = e.s.Resolve(t.Context(), session.Token.Reveal())
	if e.at.Refreshed() != 0 {
		t.Error("a token that is good was exchanged")
	}
	moved := bea
	moved.AppMetadata = map[string]any{"role": "super_admin", "organization_id": "org-8"}
	e.at.SetUser(moved)
	e.at.SetIssued(-time.Hour) // by the clock of this test
	e.clock.add(2 * time.Minute)
	other := e.process(e.s, nil)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			s := e.s
			if i%2 == 1 {
				s = other
			}
			if actor, err := s.Resolve(t.Context(), session.Token.Reveal()); err != nil || actor.Organization != "org-8" {
				t.Errorf("%+v, %v", actor, err)
			}
		})
	}
	wg.Wait()
	if n := e.at.Refreshed(); n != 1 {
		t.Errorf("the token was exchanged %d times", n)
	}
	if n := e.count(`select count(*) from audit_log where action = 'account.elsewhere'
		and detail -> 'before' ->> 'organization' = 'org-7' and detail -> 'after' ->> 'organization' = 'org-8'`); n != 1 {
		t.Errorf("that she moved to another organization is on record %d times", n)
	}
}

// TestSupabaseSessionEnds: each on record, each with words; and what the account's own tokens may do ends where the
// person was refused.
func TestSupabaseSessionEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(e *elsewhere)
		reason string
		closed bool
	}{
		"banned": {func(e *elsewhere) { u := bea; u.Banned = true; e.at.SetUser(u) }, "refused_elsewhere", true},
		"no admin any more": {func(e *elsewhere) {
			u := bea
			u.AppMetadata = nil
			e.at.SetUser(u)
			e.at.SetIssued(
				-time.Hour)
		}, "refused_elsewhere", true},
		"another key": {func(e *elsewhere) { e.s = e.s.WithVault(vault("another repository's key")) },
			"not_confirmed", false},
		"not configured": {func(e *elsewhere) { e.s = auth.NewSessions(e.d, e.clock.now) }, "not_confirmed", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := withSupabase(t, bea)
			session := e.in(bea)
			_, token, err := e.s.CreateToken(t.Context(), session.Actor,
				auth.TokenInput{Name: "a script", Permissions: []keepsake.Permission{keepsake.MayRead}, Lifetime: time.Hour * 24})
			if err != nil {
				t.Fatal(err)
			}
			c.change(e)
			for range 3 { // never idle
				e.clock.add(20 * time.Minute)
				_, err = e.s.Resolve(t.Context(), session.Token.Reveal())
			}
			if keepsake.CodeOf(err) != keepsake.CodeForbidden || !strings.Contains(keepsake.MessageOf(err), "Supabase Auth") {
				t.Errorf("%v", err)
			}
			if n := e.count("select count(*) from audit_log where action = 'session.end' and outcome = 'failed' and security " +
				"and detail ->> 'reason' = '" + c.reason + "'"); n != 1 {
				t.Errorf("%d ends on record", n)
			}
			if _, err := e.s.ResolveToken(t.Context(), token.Reveal(), "192.0.2.1"); (err != nil) != c.closed {
				t.Errorf("the account's token: %v", err)
			}
		})
	}
}

// TestSupabaseSessionWhileAuthServerIsAway: sessions go on for a quarter of an hour, and are confirmed when it is back.
func TestSupabaseSessionWhileAuthServerIsAway(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	lives := func(session auth.Session, want bool) {
		t.Helper()
		if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); (err == nil) != want {
			t.Errorf("%s: %v", e.clock.now(), err)
		}
	}
	back, gone := e.in(bea), e.in(bea)
	e.at.SetDown(true)
	for range 6 { // until ten minutes after the token's end
		e.clock.add(12 * time.Minute)
		lives(back, true)
		lives(gone, true)
	}
	e.at.SetDown(false)
	e.at.SetIssued(-70 * time.Minute)
	e.clock.add(time.Minute)
	lives(back, true)
	e.at.SetDown(true)
	e.clock.add(6 * time.Minute)
	lives(gone, false)
	e.clock.add(10 * time.Minute)
	lives(back, true)
}

// TestSupabaseSessionOutlivesALostAnswer: the server has exchanged the token and nobody has heard of it. Asked again,
// it says so again.
func TestSupabaseSessionOutlivesALostAnswer(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	lives := func() {
		t.Helper()
		if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		e.clock.add(29 * time.Minute)
		lives()
	}
	e.at.SetLost(true)
	e.clock.add(90 * time.Second)
	lives()
	e.at.SetLost(false)
	e.at.SetIssued(-time.Hour)
	for range 4 { // longer than it may go on without the server's word
		e.clock.add(10 * time.Minute)
		lives()
	}
	if n := e.at.Refreshed(); n != 1 {
		t.Errorf("the token was exchanged %d times", n)
	}
}

// TestHungAuthServerKeepsNobodyElse: the browser of the request that asks goes away, and what the server gives after
// that is not lost. The session's other requests, more than the console has connections for, wait without one.
func TestHungAuthServerKeepsNobodyElse(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	local, _, err := e.s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e.clock.add(29 * time.Minute)
		for _, s := range []auth.Session{session, local} {
			if _, err := e.s.Resolve(t.Context(), s.Token.Reveal()); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.clock.add(2 * time.Minute)
	e.at.SetIssued(-time.Hour)
	asked, goOn := e.at.Hang()
	defer goOn()
	browser, goAway := context.WithCancel(t.Context())
	defer goAway()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _, _ = e.s.Resolve(browser, session.Token.Reveal()) })
	<-asked
	goAway()
	for range 20 {
		wg.Go(func() {
			if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
				t.Errorf("a request that waited: %v", err)
			}
		})
	}
	for range 20 {
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := e.s.Resolve(soon, local.Token.Reveal()); err != nil {
			t.Errorf("somebody of a local account: %v", err)
		}
		cancel()
	}
	goOn()
	wg.Wait()
	if n := e.at.Refreshed(); n != 1 {
		t.Errorf("the token was exchanged %d times", n)
	}
	e.clock.add(20 * time.Minute)
	if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
		t.Errorf("later: %v", err)
	}
}

// TestAKeyThatCannotBeFetchedEndsNoSession: the server signs with a new one, which it cannot publish for a while.
func TestAKeyThatCannotBeFetchedEndsNoSession(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	e.at.SetKeysDown(true)
	e.at.Rotate(t)
	e.at.SetIssued(-time.Hour)
	resolve := func(want bool) {
		t.Helper()
		if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); (err == nil) != want {
			t.Errorf("%s: %v", e.clock.now(), err)
		}
	}
	for range 3 {
		e.clock.add(20 * time.Minute)
		resolve(true)
	}
	if _, _, err := e.s.SignIn(t.Context(), try(bea.Email, theirPassword, "192.0.2.1")); keepsake.CodeOf(
		err) != keepsake.CodeUnavailable || !strings.Contains(keepsake.MessageOf(err), "keys") {
		t.Errorf("at sign-in: %v", err)
	}
	e.at.SetKeysDown(false)
	e.clock.add(time.Minute)
	e.s = e.process(e.s, nil) // this one has read the keys; the other is told to wait with asking again
	resolve(true)
	if n := e.at.Refreshed(); n != 2 {
		t.Errorf("the token was exchanged %d times, want once without and once with the key", n)
	}
	e.at.SetKeysDown(true)
	e.at.Rotate(t)
	for range 6 {
		e.clock.add(15 * time.Minute)
		_, _ = e.s.Resolve(t.Context(), session.Token.Reveal())
	}
	resolve(false)
}

// TestABearerOfTheAuthServersToken acts for its person, as long as the sign-in stands there.
func TestABearerOfTheAuthServersToken(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea, cleo, dora)
	client, err := gotrue.NewClient(e.at.URL, gotruetest.Key)
	if err != nil {
		t.Fatal(err)
	}
	bearer := func(u gotruetest.User) gotrue.Tokens {
		t.Helper()
		tokens, err := client.SignIn(t.Context(), u.Email, keepsake.Secret(u.Password))
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	resolve := func(token keepsake.Secret) (keepsake.Actor, error) {
		return e.s.ResolveToken(t.Context(), token.Reveal(), "192.0.2.1")
	}
	tokens := bearer(bea)
	actor, err := resolve(tokens.Access)
	if err != nil || actor.Name != bea.Email || actor.Organization != "org-7" || actor.Permissions != nil ||
		actor.Session == "" || !actor.Proven(e.clock.now()) || actor.Proven(e.clock.now().Add(6*time.Minute)) {
		t.Fatalf("%+v, %v", actor, err)
	}
	if page := e.in(bea); page.Actor.ID != actor.ID {
		t.Error("one person, two accounts")
	}
	if err := client.SignOut(t.Context(), tokens.Access); err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(tokens.Access); err != nil {
		t.Errorf("within a minute: %v", err)
	}
	e.clock.add(61 * time.Second)
	if _, err := resolve(tokens.Access); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("signed out there a minute ago: %v", err)
	}
	for name, token := range map[string]keepsake.Secret{"who gave themselves the role": bearer(dora).Access,
		"who has a second factor and gave none": bearer(cleo).Access, "forged": "eyJhbGciOiJub25lIn0.e30.",
		"nobody": "a.b.c"} {
		if actor, err := resolve(token); keepsake.CodeOf(err) != keepsake.CodeForbidden || err == nil {
			t.Errorf("%s: %+v, %v", name, actor, err)
		}
	}
	strong, err := func() (gotrue.Tokens, error) {
		weak := bearer(cleo)
		user, err := client.User(t.Context(), weak.Access)
		if err != nil {
			return weak, err
		}
		code, err := totp.GenerateCode(theirSecret, time.Now())
		if err != nil {
			return weak, err
		}
		return client.VerifyFactor(t.Context(), weak.Access, user.Factors[0].ID, keepsake.Secret(code))
	}()
	if err != nil {
		t.Fatal(err)
	}
	if actor, err := resolve(strong.Access); err != nil || actor.Name != cleo.Email {
		t.Errorf("%+v, %v", actor, err)
	}
	e.at.SetDown(true)
	e.clock.add(61 * time.Second)
	if _, err := resolve(strong.Access); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("nobody can say whether it stands: %v", err)
	}
}

// TestARoleThatWasTakenAwayIsGone: whatever an older token says, neither it nor the tokens of Keepsake that its person
// has made may do anything, wherever that is seen first.
func TestARoleThatWasTakenAwayIsGone(t *testing.T) {
	t.Parallel()
	demoted, moved := bea, bea
	demoted.AppMetadata = map[string]any{"role": "photographer"}
	moved.AppMetadata = map[string]any{"role": "super_admin", "organization_id": "org-8"}
	type world struct {
		*elsewhere
		session auth.Session
		bearer  string
	}
	bearer := func(w world) (keepsake.Actor, error) { return w.s.ResolveToken(t.Context(), w.bearer, "192.0.2.1") }
	prove := func(w world) error {
		return w.s.Prove(t.Context(), w.session.Actor, auth.Proof{Password: theirPassword})
	}
	for name, seen := range map[string]func(t *testing.T, w world){
		"by a bearer's request": func(t *testing.T, w world) {
			w.clock.add(61 * time.Second)
			if actor, err := bearer(w); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Errorf("%+v, %v", actor, err)
			}
		},
		// their token of before is refused nowhere else
		"by the request of a bearer who is banned": func(t *testing.T, w world) {
			banned := bea
			banned.Banned = true
			w.at.SetUser(banned)
			w.clock.add(61 * time.Second)
			if actor, err := bearer(w); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Errorf("%+v, %v", actor, err)
			}
		},
		"at sign-in": func(t *testing.T, w world) {
			if _, _, err := w.s.SignIn(t.Context(), try(bea.Email, theirPassword, "192.0.2.1")); keepsake.CodeOf(
				err) != keepsake.CodeForbidden {
				t.Errorf("%v", err)
			}
		},
		"when the password is asked for again": func(t *testing.T, w world) {
			if err := prove(w); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Errorf("%v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{elsewhere: withSupabase(t, bea)}
			w.session = w.in(bea)
			client, err := gotrue.NewClient(w.at.URL, gotruetest.Key)
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := client.SignIn(t.Context(), bea.Email, theirPassword)
			if err != nil {
				t.Fatal(err)
			}
			w.bearer = tokens.Access.Reveal()
			_, token, err := w.s.CreateToken(t.Context(), w.session.Actor,
				auth.TokenInput{
					Name:        "a script",
					Permissions: []keepsake.Permission{keepsake.MayRestore},
					Lifetime:    time.Hour * 24,
				})
			if err != nil {
				t.Fatal(err)
			}
			w.at.SetUser(moved)
			if err := prove(w); err != nil {
				t.Error(err)
			}
			for what, resolve := range map[string]func() (keepsake.Actor, error){
				"session": func() (keepsake.Actor, error) { return w.s.Resolve(t.Context(), w.session.Token.Reveal()) },
				"bearer":  func() (keepsake.Actor, error) { return bearer(w) },
			} {
				if actor, err := resolve(); err != nil || actor.Organization != "org-8" {
					t.Errorf("%s: %+v, %v, want the organization of now", what, actor, err)
				}
			}
			w.at.SetUser(demoted)
			seen(t, w)
			if n := w.count("select count(*) from audit_log where security and action = 'account.close'"); n != 1 {
				t.Errorf("%d ends on record", n)
			}
			for range 2 { // what is remembered of the bearer's token opens nothing again
				if actor, err := bearer(w); keepsake.CodeOf(err) != keepsake.CodeForbidden {
					t.Errorf("the bearer's token: %+v, %v", actor, err)
				}
				if actor, err := w.s.ResolveToken(t.Context(), token.Reveal(), "192.0.2.1"); keepsake.CodeOf(
					err) != keepsake.CodeForbidden {
					t.Errorf("the account's token: %+v, %v", actor, err)
				}
				if actor, err := w.s.Resolve(t.Context(), w.session.Token.Reveal()); keepsake.CodeOf(
					err) != keepsake.CodeForbidden {
					t.Errorf("the session: %+v, %v", actor, err)
				}
			}
			// Given back, it opens what is begun then; a session of before may be somebody else's.
			w.at.SetUser(bea)
			w.in(bea)
			if actor, err := w.s.Resolve(t.Context(), w.session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Errorf("the session of before: %+v, %v", actor, err)
			}
		})
	}
}

// TestOneEMailIsOnePerson: somebody of the platform whose e-mail is that of a local account is not another account,
// which could approve what the first has asked for.
func TestOneEMailIsOnePerson(t *testing.T) {
	t.Parallel()
	amelia := gotruetest.User{
		Email:       "amelia@example.org",
		Password:    theirPassword,
		AppMetadata: map[string]any{"role": "super_admin"},
	}
	e := withSupabase(t, amelia)
	client, err := gotrue.NewClient(e.at.URL, gotruetest.Key)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := client.SignIn(t.Context(), amelia.Email, theirPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.s.ResolveToken(t.Context(), tokens.Access.Reveal(), "192.0.2.1"); keepsake.CodeOf(
		err) != keepsake.CodeForbidden || !strings.Contains(keepsake.MessageOf(err), "another account") {
		t.Errorf("%v", err)
	}
	if n := e.count("select count(*) from accounts"); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

// TestSomebodyIsMadeAnewThere: after they were removed, with the same e-mail. They come in, and what the account of
// before had is over.
func TestSomebodyIsMadeAnewThere(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	before := e.in(bea)
	_, token, err := e.s.CreateToken(t.Context(), before.Actor,
		auth.TokenInput{Name: "a script", Permissions: []keepsake.Permission{keepsake.MayRead}, Lifetime: time.Hour * 24})
	if err != nil {
		t.Fatal(err)
	}
	anew := bea
	anew.ID = "00000000-0000-4000-8000-00000000abcd"
	e.at.SetUser(anew)
	if after := e.in(anew); after.Actor.ID == before.Actor.ID || after.Actor.Name != bea.Email {
		t.Errorf("%+v", after.Actor)
	}
	if actor, err := e.s.Resolve(t.Context(), before.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("the session of before: %+v, %v", actor, err)
	}
	if actor, err := e.s.ResolveToken(t.Context(), token.Reveal(), "192.0.2.1"); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("the token of before: %+v, %v", actor, err)
	}
	if n := e.count("select count(*) from audit_log where action = 'account.close' and target = 'bea@example.org'"); n !=
		1 {
		t.Errorf("%d on record", n)
	}
	if closed, err := auth.CloseAccount(t.Context(), e.d, keepsake.System("test"), bea.Email); err != nil ||
		!closed.Elsewhere || closed.Sessions != 1 {
		t.Errorf("%+v, %v", closed, err)
	}
}

// TestASessionIsNotTakenOver by somebody else whom its token is about later: it ends, and nothing is learned of them.
func TestASessionIsNotTakenOver(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, bea)
	session := e.in(bea)
	another := bea
	another.ID = "00000000-0000-4000-8000-00000000abcd"
	e.at.SetUser(another)
	for range 2 { // no idle time, and its token ends
		e.clock.add(29 * time.Minute)
		if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	e.clock.add(2 * time.Minute)
	if actor, err := e.s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("%+v, %v", actor, err)
	}
	if n := e.count("select count(*) from accounts where kind = 'supabase'"); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if n := e.count("select count(*) from sessions where end_reason = 'refused_elsewhere'"); n != 1 {
		t.Errorf("%d sessions ended", n)
	}
}

// TestAnEmailThatMovedWaitsForNobodyWithTheTrail: who takes over somebody's e-mail comes in while another request of
// theirs is about to be put on record. The end of the trail is taken last, so neither waits for the other.
func TestAnEmailThatMovedWaitsForNobodyWithTheTrail(t *testing.T) {
	t.Parallel()
	heir := gotruetest.User{
		ID:          "00000000-0000-4000-8000-00000000abcd",
		Email:       "bee@example.org",
		Password:    theirPassword,
		AppMetadata: bea.AppMetadata,
	}
	e := withSupabase(t, bea, heir)
	e.in(bea)
	account := e.in(heir).Actor.ID
	heir.Email = bea.Email
	e.at.SetUser(heir)
	in := make(chan error, 1)
	err := e.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		if _, err := tx.HoldAccount(t.Context(), account); err != nil {
			return err
		}
		go func() {
			_, _, err := e.s.SignIn(t.Context(), try(heir.Email, theirPassword, "192.0.2.1"))
			in <- err
		}()
		if err := somebodyWaits(t, tx, in); err != nil {
			return err
		}
		return audit.Record(t.Context(), tx, keepsake.System("test"),
			audit.Entry{Action: "session.prove", Outcome: audit.Allowed})
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-in; err != nil {
		t.Error(err)
	}
	if n := e.count("select count(*) from audit_log where action = 'account.close' and target = 'bea@example.org' and " +
		"actor_role = 'system'"); n != 1 {
		t.Errorf("%d on record", n)
	}
}

// TestACodeThereWorksOnce: the auth server takes a code again as long as its time lasts. Of those who come with the
// same one, at whatever process, one gets in, and what the others were given there ends.
func TestACodeThereWorksOnce(t *testing.T) {
	t.Parallel()
	e := withSupabase(t, cleo)
	code, err := totp.GenerateCode(theirSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const together = 4
	processes, steps := make([]*auth.Sessions, together), make([]auth.Step, together)
	for i := range together {
		processes[i] = e.process(e.s, nil)
		_, step, err := processes[i].SignIn(t.Context(), try(cleo.Email, theirPassword, "192.0.2.1"))
		if err != nil || step == nil {
			t.Fatalf("%v, %v", step, err)
		}
		steps[i] = *step
	}
	var wg sync.WaitGroup
	errs := make([]error, together)
	for i := range together {
		wg.Go(func() {
			_, errs[i] = processes[i].Continue(t.Context(), steps[i], keepsake.Secret(code),
				auth.Credentials{Address: "192.0.2.1"})
		})
	}
	wg.Wait()
	in := 0
	for _, err := range errs {
		if err == nil {
			in++
		} else if keepsake.CodeOf(err) != keepsake.CodeForbidden ||
			!strings.Contains(keepsake.MessageOf(err), "was used already") {
			t.Errorf("%v", err)
		}
	}
	if in != 1 || e.at.SignedIn() != 1 {
		t.Errorf("%d got in with one code, and %d are signed in there", in, e.at.SignedIn())
	}
	if n := e.count("select count(*) from audit_log where action = 'session.start' and detail->>'reason' " +
		"= 'spent_totp'"); n != together-1 {
		t.Errorf("%d on record, want %d", n, together-1)
	}
	past := e.d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error { // an hour later
		if _, err := tx.PG.Exec(t.Context(), "update used_codes set used_at = used_at - interval '1 hour'"); err != nil {
			return err
		}
		return audit.Record(t.Context(), tx, keepsake.System("test"),
			audit.Entry{Action: "session.start", Outcome: audit.Allowed})
	})
	if err := errors.Join(past, e.s.Sweep(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := e.count("select count(*) from used_codes"); n != 0 {
		t.Errorf("%d codes are remembered for ever", n)
	}
}

// TestClaimsThatProveNothingAreRefusedLikeAWrongPassword, at sign-in in words and time, in a session that goes on, and
// as bearer tokens. What an account was entitled to before ends.
func TestClaimsThatProveNothingAreRefusedLikeAWrongPassword(t *testing.T) {
	t.Parallel()
	for name, metadata := range map[string]map[string]any{
		"an organization that is a list":    {"role": "super_admin", "organization_id": []string{"org-7"}},
		"an organization that is an object": {"role": "super_admin", "organization_id": map[string]any{"id": "org-7"}},
		"an empty organization":             {"role": "super_admin", "organization_id": ""},
		"a blank organization":              {"role": "super_admin", "organization_id": " \t"},
		"no organization, said":             {"role": "super_admin", "organization_id": nil},
		"an organization with a NUL":        {"role": "super_admin", "organization_id": "org\x007"},
		"an organization of any length":     {"role": "super_admin", "organization_id": strings.Repeat("7", 5000)},
		"a role that is a list":             {"role": []string{"super_admin"}},
		"a role that is an object":          {"role": map[string]any{"super_admin": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := withSupabase(t, bea)
			session := e.in(bea)
			odd := bea
			odd.AppMetadata = metadata
			e.at.SetUser(odd)
			var words []string
			for _, password := range []string{theirPassword, "a wrong password"} {
				from := time.Now()
				_, step, err := e.s.SignIn(t.Context(), try(bea.Email, keepsake.Secret(password), "192.0.2.9"))
				if took := time.Since(from); keepsake.CodeOf(err) != keepsake.CodeForbidden || err == nil || step != nil ||
					took < 500*time.Millisecond {
					t.Errorf("%s: %v after %s", password, err, took)
				}
				words = append(words, keepsake.MessageOf(err))
			}
			if words[0] != words[1] {
				t.Errorf("%q", words)
			}
			if _, err := e.s.ResolveToken(t.Context(), e.at.Sign(t, odd, nil), "192.0.2.9"); keepsake.CodeOf(
				err) != keepsake.CodeForbidden || err == nil {
				t.Errorf("a bearer token: %v", err)
			}
			if _, err := e.s.Resolve(t.Context(), session.Token.Reveal()); err == nil {
				t.Error("the session goes on")
			}
			if n := e.count("select count(*) from accounts where email = 'bea@example.org' and disabled_at is null"); n != 0 {
				t.Error("the account is open as it was")
			}
			if n := e.at.SignedIn(); n > 1 { // the session's own is ended by the sweep
				t.Errorf("%d stay signed in there", n)
			}
		})
	}
}
