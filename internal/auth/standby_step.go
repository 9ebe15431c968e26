package auth

import (
	"bytes"
	"context"
	"slices"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Continue finishes a sign-in like Sessions.Continue. What was used is remembered by this process only: another one,
// and the console database when it is back, would take the same code once more.
func (s *Standby) Continue(ctx context.Context, step Step, typed keepsake.Secret, in Credentials) (Session, error) {
	refuse := func(reason string, err error) (Session, error) {
		return Session{}, s.recordRefusedSignIn(ctx, step.Email, in.Address, reason, err)
	}
	if step.Kind != StepCode || !s.now().Before(step.Until) {
		return refuse("step_over", stepOver())
	}
	until, counted := s.reserve(step.Email, in.Address)
	if until.After(s.now()) {
		return refuse("locked", locked(until.Sub(s.now())))
	}
	v, err := s.account(ctx, step.Email)
	if err != nil {
		return Session{}, err
	}
	if v == nil || len(v.Secret) == 0 || v.Account != step.Account || passwordMark(v.PasswordHash) != step.State {
		return refuse("step_over", stepOver())
	}
	kind, ok, err := s.takeCode(ctx, v, typed)
	if err != nil {
		return refuse(string(keepsake.CodeOf(err)), err)
	}
	if !ok {
		return refuse("wrong_"+kind, keepsake.Errorf(keepsake.CodeForbidden, wrongCode))
	}
	return s.start(ctx, v, in, kind, counted)
}

// takeCode judges a code and takes it, once.
func (s *Standby) takeCode(ctx context.Context, v *Verifier, typed keepsake.Secret) (kind string, ok bool, err error) {
	kind, code := readCode(typed)
	switch kind {
	case factorTOTP:
		secret, err := openSecret(ctx, s.vault, v.Account, v.Email, v.Secret)
		if err != nil {
			return kind, false, err
		}
		step, ok := matchStep(secret, code, s.now())
		s.mu.Lock()
		defer s.mu.Unlock()
		if !ok || step <= s.taken[v.Account] {
			return kind, false, nil
		}
		s.taken[v.Account] = step
		return kind, true, nil
	case factorRecovery:
		hash := recoveryHash(code)
		known := slices.ContainsFunc(v.Recovery, func(h []byte) bool { return bytes.Equal(h, hash) })
		s.mu.Lock()
		defer s.mu.Unlock()
		name := v.Account + string(hash)
		if !known || s.spent[name] {
			return kind, false, nil
		}
		s.spent[name] = true
		return kind, true, nil
	}
	return "code", false, nil
}
