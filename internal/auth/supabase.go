package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// StepSupabase is the kind of second step of people whose account is at Supabase Auth: a code of the authenticator that
// they set up there.
const StepSupabase = "supabase"

// kindLocal is an account that is kept here, with its password.
const kindLocal = "local"

// Supabase is the auth server of the platform, where its super admins have their accounts.
type Supabase struct {
	Client   *gotrue.Client
	Verifier *gotrue.Verifier
	Platform string // its name: of which the organizations are that tokens say
	// RequireMFA refuses people who have no second factor there.
	RequireMFA bool
	// Grace is how long a session goes on when the server does not answer and its token has expired; 0: 15 minutes.
	Grace  time.Duration
	Logger *slog.Logger

	standing standing
}

const defaultGrace = 15 * time.Minute

// WithSupabase returns s signing in people of the auth server too. A local account goes before one of the same e-mail
// there.
func (s *Sessions) WithSupabase(at *Supabase) *Sessions {
	if at.Logger == nil {
		at.Logger = slog.New(slog.DiscardHandler)
	}
	if at.Grace <= 0 {
		at.Grace = defaultGrace
	}
	with := *s
	with.supabase = at
	return &with
}

// misfit is a server whose tokens the configuration does not fit.
func (at *Supabase) misfit(ctx context.Context, err error) error {
	if errors.Is(err, gotrue.ErrNoKey) {
		at.Logger.ErrorContext(ctx, "a token that Supabase Auth has just issued was signed with a key that it does not "+
			"publish, or whose publication cannot be read", "err", err)
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"The keys of Supabase Auth cannot be fetched just now, so Keepsake cannot verify what it says. Nothing is wrong "+
				"with your password. Try again in a moment, or sign in with a local account.")
	}
	at.Logger.ErrorContext(ctx, "a token that Supabase Auth has just issued does not verify: auth.supabase in "+
		"keepsake.yaml does not fit the project", "err", err)
	return keepsake.Errorf(keepsake.CodeUnavailable,
		"Keepsake cannot verify what Supabase Auth says, because its configuration does not fit the project. Nothing is "+
			"wrong with your password. "+
			"Whoever runs Keepsake finds the reason in its log and with keepsake doctor; a local account still signs in.")
}

// signInElsewhere signs in somebody who has no local account. Whoever has one, and gave a wrong password, comes here as
// decoy: the server is asked all the same, with a password that is nobody's, so that neither the time nor the words of
// the refusal tell where an account is.
func (s *Sessions) signInElsewhere(ctx context.Context, actor keepsake.Actor, email string, in Credentials, tried tries,
	decoy bool) (_ Session, _ *Step, err error) {
	password := in.Password
	if decoy {
		password = keepsake.Secret(rand.Text())
	}
	begun := time.Now()
	defer func() {
		if keepsake.CodeOf(err) == keepsake.CodeForbidden && err != nil {
			level(ctx, begun)
		}
	}()
	tokens, err := s.supabase.Client.SignIn(ctx, email, password)
	switch {
	case errors.Is(err, gotrue.ErrRefused) || err == nil && decoy:
		if !decoy {
			s.noteRefusal(ctx, err)
		}
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "mismatch", keepsake.Errorf(keepsake.CodeForbidden, refusal))
	case keepsake.CodeOf(err) == keepsake.CodeUnavailable:
		s.supabase.Logger.WarnContext(ctx, "Supabase Auth could not be asked at a sign-in", "err", err)
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "auth_server_away", keepsake.Errorf(keepsake.CodeForbidden,
			"E-mail and password match no local account, and Supabase Auth does not answer, so accounts that are kept there "+
				"cannot sign in now. Try again in a minute, or use a local account."))
	case err != nil:
		return Session{}, nil, err
	}
	claims, err := s.supabase.Verifier.Verify(ctx, tokens.Access)
	if errors.Is(err, gotrue.ErrPerson) {
		s.signOut(ctx, tokens.Access)
		return Session{}, nil, s.refuseClaims(ctx, actor, claims.Subject, err)
	}
	if err != nil {
		s.signOut(ctx, tokens.Access)
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "auth_server_misfit", s.supabase.misfit(ctx, err))
	}
	user, err := s.supabase.Client.User(ctx, tokens.Access)
	if errors.Is(err, gotrue.ErrPerson) {
		s.signOut(ctx, tokens.Access)
		return Session{}, nil, s.refuseClaims(ctx, actor, claims.Subject, err)
	}
	if err != nil {
		s.signOut(ctx, tokens.Access)
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, "auth_server_away", err)
	}
	factors := user.Factors
	if reason, err := s.mayEnter(claims, user); err != nil {
		s.signOut(ctx, tokens.Access)
		if reason == reasonRole {
			if err := s.closeAccount(ctx, in.Address, claims.Subject); err != nil {
				return Session{}, nil, err
			}
		}
		return Session{}, nil, s.recordRefusedSignIn(ctx, actor, reason, err)
	}
	if len(factors) == 0 || claims.Strong {
		session, err := s.startElsewhere(ctx, claims, tokens, in, factor{tried: tried})
		return session, nil, err
	}
	step, err := s.supabaseStep(ctx, actor, email, tokens, factors, tried)
	return Session{}, step, err
}

// refusalStep is what a refusal's time is rounded up to: a right password of somebody who may not enter takes more of
// the auth server's answers than a wrong one, and must not be told from it by that.
const refusalStep = 500 * time.Millisecond

// level waits until a refusal has taken a whole number of steps since it began.
func level(ctx context.Context, begun time.Time) {
	rest := refusalStep - time.Since(begun)%refusalStep
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}

// refuseClaims refuses somebody of whom the auth server says nothing that proves who they are here, in the words of a
// wrong password. What an account of theirs was entitled to before ends, as when the role is taken away.
func (s *Sessions) refuseClaims(ctx context.Context, actor keepsake.Actor, subject string, cause error) error {
	s.supabase.Logger.WarnContext(ctx, "somebody whose password is right is refused, because what Supabase Auth says of "+
		"them proves nothing", "subject", subject, "err", cause)
	if subject != "" {
		if err := s.closeAccount(ctx, actor.Address, subject); err != nil {
			return err
		}
	}
	return s.recordRefusedSignIn(ctx, actor, "claims", keepsake.Errorf(keepsake.CodeForbidden, refusal))
}

// reasonRole is why somebody is refused whom the auth server knows, and not as a super admin.
const reasonRole = "role"

// mayEnter judges whom the server knows. The words of the first refusal are those of a wrong password: what somebody is
// in the platform is not for whoever tries passwords.
func (s *Sessions) mayEnter(claims gotrue.Claims, user gotrue.User) (reason string, err error) {
	if keepsake.Role(claims.Role) != keepsake.RoleSuperAdmin || user.Banned {
		return reasonRole, keepsake.Errorf(keepsake.CodeForbidden, refusal)
	}
	totp, factors := false, user.Factors
	for _, f := range factors {
		totp = totp || f.Totp()
	}
	switch {
	case len(factors) > 0 && !totp && !claims.Strong:
		return "factor_kind", keepsake.Errorf(keepsake.CodeForbidden,
			"Your account has a second factor, but no authenticator, and Keepsake can ask for nothing else. Add an "+
				"authenticator app to your account first.")
	case s.supabase.RequireMFA && len(factors) == 0 && !claims.Strong:
		return "no_factor", keepsake.Errorf(keepsake.CodeForbidden,
			"Keepsake is set to let in only people with a second factor, and your account has none. Add an authenticator app "+
				"to your account first.")
	}
	return "", nil
}

// noteRefusal says in the log with which of its error codes the server refused somebody: who tries is told the same for
// a wrong password, an e-mail that was never confirmed and a project that wants a CAPTCHA solved, and whoever runs
// Keepsake must be able to tell them apart.
func (s *Sessions) noteRefusal(ctx context.Context, err error) {
	if errors.Is(err, gotrue.ErrRefused) {
		s.supabase.Logger.InfoContext(ctx, "Supabase Auth refused a sign-in", "err", err)
	}
}

// supabaseState is what a step needs to go on: the refresh token, which is short where access tokens are not, and the
// authenticators.
type supabaseState struct {
	Refresh string   `json:"refresh"`
	Factors []string `json:"factors"`
}

func (s *Sessions) supabaseStep(ctx context.Context, actor keepsake.Actor, email string, tokens gotrue.Tokens,
	factors []gotrue.Factor, tried tries) (*Step, error) {
	state := supabaseState{Refresh: tokens.Refresh.Reveal()}
	for _, f := range factors {
		if f.Totp() {
			state.Factors = append(state.Factors, f.ID)
		}
	}
	step := Step{Kind: StepSupabase, Email: email, Until: s.now().Add(StepTime)}.with(state)
	return &step, s.db.InTx(ctx, system, func(tx db.Tx) error {
		for _, counted := range tried.counted {
			if err := tx.TakeBackSignIn(ctx, counted); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, actor, audit.Entry{
			Action:  audit.SessionPassword,
			Target:  email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"asked": step.Kind},
		})
	})
}

// continueSupabase finishes a sign-in whose code the auth server judges. Each try spends the step's refresh token; the
// refusal carries the step with the next one.
func (s *Sessions) continueSupabase(ctx context.Context, step Step, code keepsake.Secret, in Credentials,
	actor keepsake.Actor) (Session, error) {
	var state supabaseState
	if s.supabase == nil || json.Unmarshal([]byte(step.State), &state) != nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_unknown", stepOver())
	}
	account, tried, err := s.reserve(ctx, step.Email, in.Address)
	if err != nil {
		return Session{}, err
	}
	if tried.until.After(s.now()) {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "locked", locked(tried.until.Sub(s.now())))
	}
	if account != nil && account.Kind == kindLocal {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_over", stepOver())
	}
	weak, err := s.supabase.Client.Refresh(ctx, keepsake.Secret(state.Refresh))
	if errors.Is(err, gotrue.ErrRefused) {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "step_over", stepOver())
	}
	if err != nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "auth_server_away", err)
	}
	strong, by, err := s.verifyAny(ctx, weak.Access, state.Factors, code)
	if err != nil {
		reason := "auth_server_away"
		s.noteRefusal(ctx, err)
		if errors.Is(err, gotrue.ErrRefused) {
			reason, err = "wrong_totp", keepsake.Errorf(keepsake.CodeForbidden, wrongCode)
		}
		state.Refresh = weak.Refresh.Reveal()
		return Session{}, s.recordRefusedSignIn(ctx, actor, reason, triedStep{err, step.with(state)})
	}
	claims, err := s.supabase.Verifier.Verify(ctx, strong.Access)
	if errors.Is(err, gotrue.ErrPerson) {
		s.signOut(ctx, strong.Access)
		return Session{}, s.refuseClaims(ctx, actor, claims.Subject, err)
	}
	if err != nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, "auth_server_misfit", s.supabase.misfit(ctx, err))
	}
	if !claims.Strong { // what a code was given for, and the token does not say so, is no second step
		return Session{}, s.recordRefusedSignIn(ctx, actor, "auth_server_misfit",
			s.supabase.misfit(ctx, errors.New("a code was taken, and the token says nothing of a second factor (aal2)")))
	}
	if reason, err := s.mayEnter(claims, gotrue.User{}); err != nil {
		return Session{}, s.recordRefusedSignIn(ctx, actor, reason, err)
	}
	session, err := s.startElsewhere(ctx, claims, strong, in,
		factor{name: factorTOTP, tried: tried, take: s.takeElsewhere(ctx, by, code)})
	if errors.Is(err, errSpent) {
		s.signOut(ctx, strong.Access)
		return Session{}, s.recordRefusedSignIn(ctx, actor, "spent_"+factorTOTP,
			keepsake.Errorf(keepsake.CodeForbidden, wrongCode))
	}
	return session, err
}

// spentTime is how long a code that the auth server took is remembered. It takes one for a minute and a half; clocks
// may differ.
const spentTime = 10 * time.Minute

// takeElsewhere takes a code of an authenticator at the auth server, which itself takes it again as long as its time
// lasts. All processes of a console remember it together.
func (s *Sessions) takeElsewhere(ctx context.Context, authenticator string, code keepsake.Secret) func(db.Tx) error {
	_, digits := readCode(code)
	return func(tx db.Tx) error {
		sum := sha256.Sum256([]byte("keepsake code elsewhere v1\x00" + authenticator + "\x00" + digits))
		return once(tx.TakeCodeElsewhere(ctx, sqlcgen.TakeCodeElsewhereParams{
			CodeHash: sum[:],
			Now:      s.now(),
			Before:   s.now().Add(-spentTime),
		}))
	}
}

// verifyAny gives a code to each authenticator, until one takes it, and returns which: people have a spare one, and
// nobody says which of them they read it from.
func (s *Sessions) verifyAny(ctx context.Context, access keepsake.Secret, factors []string, code keepsake.Secret) (
	strong gotrue.Tokens, by string, err error) {
	err = gotrue.ErrRefused
	for _, id := range factors {
		if strong, err = s.supabase.Client.VerifyFactor(ctx, access, id, code); !errors.Is(err, gotrue.ErrRefused) {
			return strong, id, err
		}
	}
	return strong, "", err
}

// with returns the step with another state.
func (s Step) with(state supabaseState) Step {
	text, err := json.Marshal(state)
	if err != nil {
		panic(err) // strings
	}
	s.State = string(text)
	return s
}

// startElsewhere starts the session of somebody whom the auth server has let in.
func (s *Sessions) startElsewhere(ctx context.Context, claims gotrue.Claims, tokens gotrue.Tokens, in Credentials,
	given factor) (Session, error) {
	actor := keepsake.Actor{Name: claims.Email, Address: in.Address, UserAgent: in.UserAgent}
	account, err := s.known(ctx, claims, actor)
	if err != nil {
		s.signOut(ctx, tokens.Access)
		return Session{}, s.recordRefusedSignIn(ctx, actor, string(keepsake.CodeOf(err)), err)
	}
	given.keep = func(tx db.Tx, session string) error { return s.keepTokens(ctx, tx, session, tokens, claims.Expires) }
	return s.start(ctx, account, in, given)
}

// known returns the account of somebody whom a valid token is about, as the token says they are. from is where they
// come from.
func (s *Sessions) known(ctx context.Context, claims gotrue.Claims, from keepsake.Actor) (account sqlcgen.Account,
	err error) {
	err = s.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		var learned []audit.Entry
		if account, learned, err = s.supabase.knownIn(ctx, tx, claims); err != nil {
			return err
		}
		by := actorOf(account.ID, account.Email, account.Role, account.Platform,
			account.Organization, "", from.Address, from.UserAgent)
		return recordLearned(ctx, tx, by, learned)
	})
	return account, err
}

// knownIn is known in a transaction that goes on: where the token says something new, learned is for the caller to put
// on record.
func (at *Supabase) knownIn(ctx context.Context, tx db.Tx, claims gotrue.Claims) (account sqlcgen.Account,
	learned []audit.Entry, err error) {
	email, err := normalize(claims.Email)
	if err != nil {
		return account, nil, keepsake.Errorf(keepsake.CodeForbidden, refusal)
	}
	platform := ""
	if claims.Organization != "" {
		platform = at.Platform
	}
	account, err = tx.GetAccountBySubject(ctx, claims.Subject)
	if err == nil && account.Email == email && account.Role == claims.Role &&
		deref(account.Platform) == platform && deref(account.Organization) == claims.Organization {
		return account, nil, nil
	}
	var before any // it is new here, or was closed
	switch {
	case err == nil:
		before = standingOfAccount(account)
	case !db.IsNoRows(err):
		return account, nil, fmt.Errorf("look up the account: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return account, nil, fmt.Errorf("make an account id: %w", err)
	}
	p := sqlcgen.SaveSupabaseAccountParams{ID: id.String(), Email: email, Role: claims.Role, Subject: claims.Subject}
	if claims.Organization != "" {
		p.Platform, p.Organization = &platform, &claims.Organization
	}
	replaced, err := tx.ListReplaced(ctx, sqlcgen.ListReplacedParams{Email: email, Subject: claims.Subject})
	if err != nil {
		return account, nil, fmt.Errorf("look up who had the e-mail: %w", err)
	}
	for _, id := range replaced {
		if err := closeElsewhere(ctx, tx, id); err != nil {
			return account, nil, fmt.Errorf("close the account of before: %w", err)
		}
		entry := audit.Entry{
			Action:  audit.AccountClose,
			Target:  email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"reason": "replaced_elsewhere", "account": id},
		}
		learned = append(learned, entry)
	}
	account, err = tx.SaveSupabaseAccount(ctx, p)
	if db.IsConstraint(err, "accounts_email_is_unique") {
		return account, nil, keepsake.Errorf(keepsake.CodeForbidden,
			"There is another account with this e-mail here: sign in with its password, or have it closed with keepsake admin "+
				"close. Two accounts of one person could approve each other's restores.")
	}
	if err != nil {
		return account, nil, fmt.Errorf("store the account: %w", err)
	}
	return account, append(learned, audit.Entry{
		Action:  audit.AccountElsewhere,
		Target:  email,
		Outcome: audit.Allowed,
		Detail:  audit.Change(before, standingOfAccount(account)),
	}), nil
}

// recordLearned is the last thing of a transaction that learned something: the last entry is by whom it is about, those
// before by Keepsake.
func recordLearned(ctx context.Context, tx db.Tx, by keepsake.Actor, learned []audit.Entry) error {
	for i, e := range learned {
		actor := system
		if i == len(learned)-1 {
			actor = by
		}
		if err := audit.Record(ctx, tx, actor, e); err != nil {
			return err
		}
	}
	return nil
}

// standingOfAccount is what the trail says of who somebody is.
func standingOfAccount(a sqlcgen.Account) map[string]any {
	return map[string]any{"email": a.Email, "role": a.Role, "platform": deref(a.Platform),
		"organization": deref(a.Organization)}
}

// closeAccount closes the account of somebody who is seen to be no super admin any more, on record: what their tokens
// may do was theirs to give.
func (s *Sessions) closeAccount(ctx context.Context, address, subject string) error {
	by := system
	by.Address = address
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		account, err := tx.GetAccountBySubject(ctx, subject)
		if db.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := closeElsewhere(ctx, tx, account.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action:  audit.AccountClose,
			Target:  account.Email,
			Outcome: audit.Allowed,
			Detail:  map[string]any{"reason": endRefused},
		})
	})
	if err != nil {
		return fmt.Errorf("close the account: %w", err)
	}
	return nil
}

// isOpen reports whether somebody of the auth server has an account here that is not closed.
func (s *Sessions) isOpen(ctx context.Context, subject string) (bool, error) {
	err := s.db.InTx(ctx, system, func(tx db.Tx) error {
		_, err := tx.GetAccountBySubject(ctx, subject)
		return err
	})
	if db.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the account: %w", err)
	}
	return true, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// signOut ends a sign-in at the server that nothing here needs. That it cannot be told is no reason to keep anybody
// waiting: the token expires by itself.
func (s *Sessions) signOut(ctx context.Context, access keepsake.Secret) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.supabase.Client.SignOut(ctx, access); err != nil && !errors.Is(err, gotrue.ErrRefused) {
		s.supabase.Logger.WarnContext(ctx, "Supabase Auth could not be told that a sign-in has ended", "err", err)
	}
}
