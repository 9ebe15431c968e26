package auth_test

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// from is a request from an address.
func from(t *testing.T, address, what string) context.Context {
	t.Helper()
	return keepsake.WithRequest(t.Context(), keepsake.Request{ID: "REQ1", UserAgent: "test", Address: address, What: what})
}

// onRecord compares the entries of an action, oldest first: who, session, target, address, outcome, whether it is a
// security event, and the detail.
func onRecord(t *testing.T, d *db.DB, action string, want ...string) {
	t.Helper()
	rows, err := audit.List(t.Context(), d, keepsake.System("test"), audit.Filter{Action: action, Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range slices.Backward(rows) {
		mark := ""
		if r.Security {
			mark = " security"
		}
		got = append(got,
			strings.TrimSpace(strings.Join([]string{r.ActorName, r.Session,
				r.Target, r.Address, string(r.Outcome) + mark, string(r.Detail)}, " ")))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s on record:\n%s\nwant:\n%s", action, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSessionsThatAreOverAreOnRecord: each that is known once an hour with whose it was and what it was tried for, what
// nobody knows once an hour for an address, and what a page asks by itself not at all. One that its owner has ended
// elsewhere is a security event.
func TestSessionsThatAreOverAreOnRecord(t *testing.T) {
	t.Parallel()
	d, s, clock := setup(t)
	start := func() auth.Session {
		t.Helper()
		session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	use := func(ctx context.Context, token keepsake.Secret, times int) {
		t.Helper()
		for range times {
			if _, err := s.Resolve(ctx, token.Reveal()); keepsake.CodeOf(err) != keepsake.CodeForbidden {
				t.Fatal(err)
			}
		}
		if !keepsake.RequestOf(ctx).Settled() {
			t.Error("the request counts as not on record")
		}
	}
	left, stolen, idle := start(), start(), start()
	if err := s.End(t.Context(), left.Token.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := s.EndSession(t.Context(), idle.Actor, stolen.ID); err != nil {
		t.Fatal(err)
	}
	use(auth.ByItself(from(t, "192.0.2.1", "GET /operations")), left.Token, 3)
	use(from(t, "192.0.2.1", "GET /weddings"), left.Token, 3)
	use(auth.ByItself(from(t, "203.0.113.9", "POST /backups")), stolen.Token, 3) // anybody can say so
	use(from(t, "203.0.113.9", "POST /backups"), "nonsense", 3)
	clock.add(time.Hour)
	use(from(t, "192.0.2.1", "POST /weddings/w1/restore"), idle.Token, 2)
	use(from(t, "203.0.113.9", "POST /points/verify"), stolen.Token, 2)
	who := "amelia@example.org "
	onRecord(t, d, "session.use",
		who+left.ID+` GET /weddings 192.0.2.1 refused {"reason":"signed_out"}`,
		who+stolen.ID+` POST /backups 203.0.113.9 refused security {"code":"forbidden","reason":"ended_elsewhere"}`,
		`POST /backups 203.0.113.9 refused {"reason":"unknown"}`,
		who+idle.ID+` POST /weddings/w1/restore 192.0.2.1 refused {"reason":"expired"}`,
		who+stolen.ID+` POST /points/verify 203.0.113.9 refused security {"code":"forbidden","reason":"ended_elsewhere"}`)
}

// TestASessionFromElsewhereIsOnRecord: each move to another address than before, once an hour for each,
// however little is done from there.
func TestASessionFromElsewhereIsOnRecord(t *testing.T) {
	t.Parallel()
	d, s, clock := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := auth.ByItself(from(t, "203.0.113.9", "GET /weddings")) // anybody can say so
	if _, err := s.Resolve(ctx, session.Token.Reveal()); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"203.0.113.9", "203.0.113.9", "192.0.2.1", "203.0.113.9", "192.0.2.1", "192.0.2.1"} {
		if actor, err := s.Resolve(from(t, address, "GET /weddings"), session.Token.Reveal()); err != nil ||
			actor.Session != session.ID {
			t.Fatal(err)
		}
	}
	there := "amelia@example.org " + session.ID +
		` GET /weddings 203.0.113.9 allowed {"after":"203.0.113.9","before":"192.0.2.1"}`
	back := "amelia@example.org " + session.ID +
		` GET /weddings 192.0.2.1 allowed {"after":"192.0.2.1","before":"203.0.113.9"}`
	onRecord(t, d, "session.use", there, back)
	// a session that is used lives on
	for _, address := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "203.0.113.9"} {
		clock.add(20 * time.Minute)
		if _, err := s.Resolve(from(t, address, "GET /weddings"), session.Token.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	onRecord(t, d, "session.use", there, back, there)
}

// TestATokensUseIsOnRecord: once an hour for each address, however often it is used.
func TestATokensUseIsOnRecord(t *testing.T) {
	t.Parallel()
	d, s, clock := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	token, secret, err := s.CreateToken(t.Context(), session.Actor,
		auth.TokenInput{
			Name:        "deploy script",
			Permissions: []keepsake.Permission{keepsake.MayRead},
			Lifetime:    24 * time.Hour,
		})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7"} {
		clock.add(5 * time.Minute)
		if _, err := s.ResolveToken(t.Context(), secret.Reveal(), address); err != nil {
			t.Fatal(err)
		}
	}
	clock.add(time.Hour)
	if _, err := s.ResolveToken(t.Context(), secret.Reveal(), "192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	entry := "amelia@example.org  " + token.ID + " 192.0.2.7 allowed {}"
	onRecord(t, d, "token.use", entry, strings.Replace(entry, "2.7", "2.8", 1), entry)
}

// TestRefusedRequestsAreOnRecord: each of somebody who is known, and of nobody, or of who asks too often, once an hour
// for an address and a reason.
func TestRefusedRequestsAreOnRecord(t *testing.T) {
	t.Parallel()
	d, s, _ := setup(t)
	known := keepsake.Actor{
		ID:      "1",
		Name:    "amelia@example.org",
		Role:    keepsake.RoleSuperAdmin,
		Session: "s1",
		Address: "192.0.2.1",
	}
	for _, r := range []struct {
		actor   keepsake.Actor
		address string
		refusal auth.Refusal
	}{
		{known, "192.0.2.1", auth.Refusal{Status: http.StatusUnprocessableEntity}},
		{known, "192.0.2.1", auth.Refusal{Status: http.StatusInternalServerError}},
		{known, "192.0.2.1", auth.Refusal{Status: http.StatusTooManyRequests}},
		{known, "192.0.2.1", auth.Refusal{Status: http.StatusTooManyRequests}},
		{keepsake.Actor{}, "2001:db8::1", auth.Refusal{
			Status: http.StatusForbidden,
			Reason: "another site",
			Origin: "https://evil.example\x00",
		}},
		{keepsake.Actor{}, "2001:db8::2", auth.Refusal{Status: http.StatusForbidden, Reason: "another site"}},
		{keepsake.Actor{}, "2001:db8::2", auth.Refusal{Status: http.StatusUnauthorized, Reason: "no token"}},
	} {
		ctx := from(t, r.address, "POST /backups")
		if err := s.RecordRequest(ctx, r.actor, r.refusal); err != nil {
			t.Fatal(err)
		}
		if !keepsake.RequestOf(ctx).Settled() {
			t.Errorf("%+v counts as not on record", r)
		}
	}
	onRecord(t, d, "request.send",
		`amelia@example.org s1 POST /backups 192.0.2.1 refused {"status":422}`,
		`amelia@example.org s1 POST /backups 192.0.2.1 failed {"status":500}`,
		`amelia@example.org s1 POST /backups 192.0.2.1 refused security {"code":"limited","status":429}`,
		`POST /backups 2001:db8::1 refused security `+
			`{"code":"forbidden","origin":"https://evil.example?","reason":"another site","status":403}`,
		`POST /backups 2001:db8::2 refused {"reason":"no token","status":401}`)
}

// uses are the use cases of sign-in that are carried out for an actor.
func uses(s *auth.Sessions) map[string]func(context.Context, keepsake.Actor) error {
	return map[string]func(context.Context, keepsake.Actor) error{
		"BeginSecondStep": s.BeginSecondStep,
		"ConfirmSecondStep": func(ctx context.Context, a keepsake.Actor) error {
			_, err := s.ConfirmSecondStep(ctx, a, "123456")
			return err
		},
		"CreateToken": func(ctx context.Context, a keepsake.Actor) error {
			_, _, err := s.CreateToken(ctx, a, auth.TokenInput{
				Name:        "a script",
				Permissions: []keepsake.Permission{keepsake.MayRead},
				Lifetime:    time.Hour,
			})
			return err
		},
		"EndSecondStep": func(ctx context.Context, a keepsake.Actor) error {
			return s.EndSecondStep(ctx, a, auth.Proof{Password: "wrong"})
		},
		"EndSession":    func(ctx context.Context, a keepsake.Actor) error { return s.EndSession(ctx, a, "nothing") },
		"GetEnrolment":  func(ctx context.Context, a keepsake.Actor) error { _, err := s.GetEnrolment(ctx, a); return err },
		"GetSecondStep": func(ctx context.Context, a keepsake.Actor) error { _, err := s.GetSecondStep(ctx, a); return err },
		"ListSessions":  func(ctx context.Context, a keepsake.Actor) error { _, err := s.ListSessions(ctx, a); return err },
		"ListTokens":    func(ctx context.Context, a keepsake.Actor) error { _, err := s.ListTokens(ctx, a); return err },
		"Prove": func(ctx context.Context, a keepsake.Actor) error {
			return s.Prove(ctx, a, auth.Proof{Password: "wrong"})
		},
		"RenewRecoveryCodes": func(ctx context.Context, a keepsake.Actor) error {
			_, err := s.RenewRecoveryCodes(ctx, a, time.Time{})
			return err
		},
		"RevokeToken": func(ctx context.Context, a keepsake.Actor) error { return s.RevokeToken(ctx, a, "nothing") },
	}
}

// TestEveryAttemptIsOnRecord carries out every use case of sign-in that has an actor for a token, for a person, for one
// who was asked for the password long ago, and for one who has given up: what was not done is on record with its
// request. A use case that is added is missing in uses, and fails it.
func TestEveryAttemptIsOnRecord(t *testing.T) {
	t.Parallel()
	d, s, clock := setup(t)
	session, _, err := s.SignIn(t.Context(), try("amelia@example.org", password, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	token, late := session.Actor, session.Actor
	token.Permissions = []keepsake.Permission{keepsake.MayRead, keepsake.MayBackup, keepsake.MayRestore}
	late.ProvenAt = clock.now().Add(-time.Hour)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	looks := []string{"GetEnrolment", "GetSecondStep", "ListSessions", "ListTokens"}
	for _, as := range []struct {
		name  string
		ctx   context.Context
		actor keepsake.Actor
	}{{"a token", t.Context(), token}, {"a person", t.Context(), session.Actor}, {"a person, long ago", t.Context(), late},
		{"somebody who has given up", gone, session.Actor}} {
		kind, cases := reflect.TypeFor[*auth.Sessions](), uses(s)
		for i := range kind.NumMethod() {
			m := kind.Method(i)
			if m.Type.NumIn() < 3 || m.Type.In(2) != reflect.TypeFor[keepsake.Actor]() || m.Name == "RecordRequest" {
				continue
			}
			use := cases[m.Name]
			if use == nil {
				t.Errorf("%s is a use case: say how it is carried out", m.Name)
				continue
			}
			request := m.Name + " by " + as.name
			err := use(keepsake.WithRequest(as.ctx, keepsake.Request{ID: request}), as.actor)
			if as.actor.Permissions != nil && (err == nil || keepsake.CodeOf(err) != keepsake.CodeForbidden) {
				t.Errorf("%s: %v, want it refused", request, err)
			}
			var entries int
			failed := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
				return tx.PG.QueryRow(t.Context(), "select count(*) from audit_log where request_id = $1 and actor_name = $2 and "+
					"(outcome = 'allowed') = $3", request, as.actor.Name, err == nil).Scan(&entries)
			})
			if failed != nil {
				t.Fatal(failed)
			}
			if look := slices.Contains(looks, m.Name); entries == 0 &&
				(!look || err != nil && keepsake.CodeOf(err) == keepsake.CodeForbidden) {
				t.Errorf("%s: %v, and nothing is on record", request, err)
			}
		}
	}
}
