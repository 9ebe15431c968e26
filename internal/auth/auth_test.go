package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const password = keepsake.Secret("correct horse battery")

// clock is a clock that only the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func setup(t *testing.T) (*db.DB, *auth.Sessions, *clock) {
	t.Helper()
	d := dbtest.Open(t, dbtest.URL(t))
	c := &clock{at: time.Now()}
	err := auth.CreateAccount(t.Context(), d, keepsake.System("test"),
		" Amelia@Example.org ", password, keepsake.RoleSuperAdmin)
	if err != nil {
		t.Fatal(err)
	}
	return d, auth.NewSessions(d, c.now), c
}

func try(email string, p keepsake.Secret, address string) auth.Credentials {
	return auth.Credentials{Email: email, Password: p, Address: address, UserAgent: "test"}
}

func TestSignInAndSession(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	session, _, err := s.SignIn(t.Context(), try("AMELIA@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	actor, err := s.Resolve(t.Context(), session.Token.Reveal())
	if err != nil || actor.Name != "amelia@example.org" || actor.Role != keepsake.RoleSuperAdmin ||
		actor.Session != session.ID || actor.ID == "" {
		t.Errorf("resolve: %+v, %v", actor, err)
	}
	again, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil || again.Token == session.Token {
		t.Errorf("the token of a second sign-in: %v, must be new", err)
	}
	if err := s.End(t.Context(), session.Token.Reveal()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("resolve an ended session: %v", err)
	}
	if err := s.End(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("end it again: %v", err)
	}
	if _, err := s.Resolve(t.Context(), again.Token.Reveal()); err != nil {
		t.Errorf("the other session: %v", err)
	}
	if r, err := audit.Verify(t.Context(), d); err != nil || !r.Intact || r.Rows != 5 {
		t.Errorf("audit: %+v, %v, want account, two sign-ins, a sign-out and a use after it", r, err)
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	_, s, c := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	token := session.Token.Reveal()
	for range int(auth.AbsoluteTime/(auth.IdleTime-time.Minute)) - 1 {
		c.add(auth.IdleTime - time.Minute)
		if _, err := s.Resolve(t.Context(), token); err != nil {
			t.Fatalf("a session in use ended before its time: %v", err)
		}
	}
	c.add(auth.IdleTime)
	if _, err := s.Resolve(t.Context(), token); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("an idle session: %v", err)
	}

	session, _, err = s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	for left := auth.AbsoluteTime; left > 0; left -= 20 * time.Minute {
		if _, err := s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
			t.Fatalf("%s before the end: %v", left, err)
		}
		c.add(20 * time.Minute)
	}
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a session that was always in use, after %s: %v", auth.AbsoluteTime, err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}

	// What was used in a time to come was used by a clock that was wrong: nobody knows how long ago.
	c.add(time.Hour)
	session, _, err = s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	c.add(-keepsake.ClockSlack)
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); err != nil {
		t.Errorf("a clock that is a little ahead: %v", err)
	}
	c.add(keepsake.ClockSlack - time.Hour)
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("after a clock that was an hour ahead: %v", err)
	}

	// A page that asks by itself is nobody.
	session, _, err = s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.add(auth.IdleTime / 2)
		_, err = s.Resolve(auth.ByItself(t.Context()), session.Token.Reveal())
	}
	if keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a page that was left open: %v", err)
	}
}

func TestNewPasswordEndsSessionsAndLocks(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		_, _, _ = s.SignIn(t.Context(), try("amelia@example.org", "wrong password 1", ""))
	}
	const fresh = keepsake.Secret("another horse battery")
	if err := auth.SetPassword(t.Context(), d, keepsake.System("test"), "amelia@example.org", fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), session.Token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("a session from before: %v", err)
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "")); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("the old password: %v", err)
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", fresh, "")); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// somebodyWaits returns when another session waits for a lock of the transaction's, or when done holds something. It
// asks for no pg_stat_activity, of which a transaction sees a session that began later nothing.
func somebodyWaits[T any](t *testing.T, tx db.Tx, done <-chan T) error {
	t.Helper()
	for waits := false; !waits && len(done) == 0; {
		if err := tx.PG.QueryRow(t.Context(), "select exists (select from pg_locks where not granted and "+
			"pg_backend_pid() = any (pg_blocking_pids(pid))) from pg_sleep(0.01)").Scan(&waits); err != nil {
			return err
		}
	}
	return nil
}

// TestANewPasswordEndsSignInsOnTheirWay: one whose password was right when it was looked at does not begin a session
// after all of them have ended.
func TestANewPasswordEndsSignInsOnTheirWay(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	type outcome struct {
		session auth.Session
		err     error
	}
	done := make(chan outcome, 1)
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error { // what SetPassword does, with a pause in it
		if _, err := tx.PG.Exec(t.Context(), "update accounts set password_hash = password_hash || 'A' where email = "+
			"'amelia@example.org'"); err != nil {
			return err
		}
		go func() {
			session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, ""))
			done <- outcome{session, err}
		}()
		if err := somebodyWaits(t, tx, done); err != nil {
			return err
		}
		if _, err := tx.PG.Exec(t.Context(), "update sessions set ended_at = now(), end_reason = 'revoked' where "+
			"ended_at is null"); err != nil {
			return err
		}
		return audit.Record(t.Context(), tx, keepsake.System("test"),
			audit.Entry{Action: "account.password", Target: "amelia@example.org", Outcome: audit.Allowed})
	})
	if err != nil {
		t.Fatal(err)
	}
	o := <-done
	if keepsake.CodeOf(o.err) != keepsake.CodeForbidden || o.err == nil {
		t.Errorf("a session of the password of before: %+v, %v", o.session.Actor, o.err)
	}
}

func TestLockOutGrowsAndLooksTheSame(t *testing.T) {
	t.Parallel()
	_, s, c := setup(t)
	messages := map[string][]string{}
	for i, email := range []string{"amelia@example.org", "nobody@example.org"} {
		for range 7 {
			_, _, err := s.SignIn(t.Context(), try(email, "wrong password 1", fmt.Sprintf("192.0.2.%d", i)))
			if keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Fatalf("%s: %v", email, err)
			}
			messages[email] = append(messages[email], err.Error())
		}
	}
	known, unknown := messages["amelia@example.org"], messages["nobody@example.org"]
	for i := range known {
		if known[i] != unknown[i] {
			t.Errorf("try %d tells whether the account exists: %q and %q", i+1, known[i], unknown[i])
		}
	}
	if known[4] != known[0] || !strings.Contains(known[5], "Too many") {
		t.Errorf("the lock begins at the wrong try: %q", known)
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "198.51.100.1")); err == nil {
		t.Error("the right password passes a locked account from another address")
	}
	c.add(31 * time.Second)
	_, _, err := s.SignIn(t.Context(), try("amelia@example.org", "wrong password 1", "192.0.2.0"))
	if err == nil || strings.Contains(err.Error(), "Too many") {
		t.Errorf("after the first lock: %v, want another try", err)
	}
	c.add(31 * time.Second)
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.0")); err == nil {
		t.Error("the second lock is not longer than the first")
	}
	c.add(30 * time.Second)
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.0")); err != nil {
		t.Errorf("after the second lock: %v", err)
	}
}

func TestParallelGuessesAllCount(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	judged := make(chan bool, 20)
	var wg sync.WaitGroup
	for range cap(judged) {
		wg.Go(func() {
			_, _, err := s.SignIn(t.Context(), try("amelia@example.org", "wrong password 1", ""))
			// the former was not looked at
			judged <- keepsake.CodeOf(err) != keepsake.CodeUnavailable && !strings.Contains(err.Error(), "Too many")
		})
	}
	wg.Wait()
	close(judged)
	n := 0
	for j := range judged {
		if j {
			n++
		}
	}
	if n > 5 {
		t.Errorf("%d of 20 parallel guesses were judged, want at most 5", n)
	}
}

func TestAddressLocks(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	for i := range 20 {
		_, _, _ = s.SignIn(t.Context(), try(fmt.Sprintf("guess%d@example.org", i), "wrong password 1",
			fmt.Sprintf("2001:db8::%d", i+1)))
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "2001:db8::ffff")); err == nil {
		t.Error("the network that guessed at twenty accounts may go on")
	}
	if _, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "2001:db8:1::1")); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// TestRefusedChangesOfAccountsAreOnRecord: who tries to close somebody's account, or to make one that is there, has
// tried.
func TestRefusedChangesOfAccountsAreOnRecord(t *testing.T) {
	t.Parallel()
	d, _, _ := setup(t)
	by := keepsake.System("command line")
	by.UserAgent = "keepsake, run by anna"
	const nobody = "nobody@example.org"
	for _, c := range []struct {
		action, email string
		try           func(email string) error
		target        string
		code          keepsake.Code
	}{
		{"account.create", "amelia@example.org", func(e string) error {
			return auth.CreateAccount(t.Context(), d, by, e, "a password of theirs", keepsake.RoleSuperAdmin)
		}, "amelia@example.org", keepsake.CodeConflict},
		{"account.create", nobody, func(e string) error {
			return auth.CreateAccount(t.Context(), d, by, e, "short", keepsake.RoleSuperAdmin)
		}, nobody, keepsake.CodeInvalid},
		{"account.password", nobody, func(e string) error {
			return auth.SetPassword(t.Context(),
				d, by, e, "a password of theirs")
		}, nobody, keepsake.CodeNotFound},
		{"account.close", nobody, func(e string) error { _, err := auth.CloseAccount(t.Context(), d, by, e); return err },
			nobody, keepsake.CodeNotFound},
		{"account.unlock", "a password in the wrong place",
			func(e string) error { return auth.Unlock(t.Context(), d, by, e) }, "", keepsake.CodeInvalid},
		{"second_step.off", "amelia@example.org",
			func(e string) error { return auth.SwitchSecondStepOff(t.Context(), d, by, e) }, "amelia@example.org",
			keepsake.CodeConflict},
	} {
		if err := c.try(c.email); err == nil || keepsake.CodeOf(err) != c.code {
			t.Errorf("%s of %s: %v, want %s", c.action, c.email, err, c.code)
		}
		rows, err := audit.List(t.Context(), d, keepsake.System("test"), audit.Filter{Most: 1})
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		if r := rows[0]; r.Action != c.action || r.Target != c.target || r.Outcome != audit.Refused || !r.Security ||
			r.UserAgent != by.UserAgent || !strings.Contains(string(r.Detail), string(c.code)) {
			t.Errorf("%s of %s is on record as %+v", c.action, c.email, r)
		}
	}
}

func TestAccountsRefuseBadInput(t *testing.T) {
	t.Parallel()
	d, _, _ := setup(t)
	for _, c := range []struct {
		name, email string
		password    keepsake.Secret
		role        keepsake.Role
		code        keepsake.Code
	}{
		{"twice", "AMELIA@example.org", password, keepsake.RoleSuperAdmin, keepsake.CodeConflict},
		{"no address", "amelia", password, keepsake.RoleSuperAdmin, keepsake.CodeInvalid},
		{"a name in it", "Amelia <a@example.org>", password, keepsake.RoleSuperAdmin, keepsake.CodeInvalid},
		{"short password", "b@example.org", "short", keepsake.RoleSuperAdmin, keepsake.CodeInvalid},
		{"endless password", "b@example.org", keepsake.Secret(strings.Repeat("x", 1000)),
			keepsake.RoleSuperAdmin, keepsake.CodeInvalid},
		{"unknown role", "b@example.org", password, "root", keepsake.CodeInvalid},
	} {
		err := auth.CreateAccount(t.Context(), d, keepsake.System("test"), c.email, c.password, c.role)
		if keepsake.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if n, err := auth.CountAccounts(t.Context(), d); err != nil || n != 1 {
		t.Errorf("accounts: %d, %v", n, err)
	}
}

func TestSessionSecretIsShared(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t))
	secrets := make([]keepsake.Secret, 8)
	var wg sync.WaitGroup
	for i := range secrets {
		wg.Go(func() {
			var err error
			if secrets[i], err = auth.SessionSecret(t.Context(), d, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if s != secrets[0] || len(s.Reveal()) < 32 {
			t.Fatal("processes that start together have different secrets, or none")
		}
	}
	if _, err := auth.SessionSecret(t.Context(), d, "short"); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("a short secret: %v", err)
	}
}

// TestOwnSignInsLiftNoLockOfOthers: whoever owns one account and guesses at others from the same address gains nothing
// by signing in to it in between: an attempt that was counted before another one locked the address does not lift that
// lock when it turns out right.
func TestOwnSignInsLiftNoLockOfOthers(t *testing.T) {
	t.Parallel()
	d, _, clock := setup(t)
	who, kind := []byte(strings.Repeat("x", 32)), "address"
	count := func() sqlcgen.ReserveSignInRow {
		t.Helper()
		clock.add(time.Second)
		var row sqlcgen.ReserveSignInRow
		err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) (err error) {
			row, err = tx.ReserveSignIn(t.Context(), sqlcgen.ReserveSignInParams{Kind: kind, Subject: who, Now: clock.now()})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	lock := func() {
		t.Helper()
		err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			return tx.LockSignIn(t.Context(), sqlcgen.LockSignInParams{
				Kind:        kind,
				Subject:     who,
				LockedUntil: clock.now().Add(time.Minute),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	giveBack := func(row sqlcgen.ReserveSignInRow, at time.Time) {
		t.Helper()
		err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
			if err := tx.ReturnSignIn(t.Context(), sqlcgen.ReturnSignInParams{
				Kind:      kind,
				Subject:   who,
				Counted:   row.Failures,
				CountedAt: at,
				Now:       clock.now(),
			}); err != nil {
				return err
			}
			return audit.Record(t.Context(), tx, keepsake.System("test"),
				audit.Entry{Action: "session.start", Outcome: audit.Allowed})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	own := count()
	at := clock.now()
	guess := count()
	lock()
	giveBack(own, at)
	if row := count(); !row.LockedUntil.After(clock.now()) || row.Failures != guess.Failures-1 {
		t.Errorf("the lock of a guess was lifted: %+v", row)
	}
	clock.add(2 * time.Minute)
	own = count()
	at = clock.now()
	lock()
	giveBack(own, at)
	if row := count(); row.LockedUntil.After(clock.now()) {
		t.Errorf("a right password is held up by its own lock: %+v", row)
	}
}
