package auth

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Vault seals what must not lie in the console database in the clear, with a key that is not there. What was sealed
// under a name can be opened under no other. It is safe for concurrent use.
type Vault interface {
	Seal(ctx context.Context, name string, plain []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed []byte) ([]byte, error)
}

// WithVault returns s sealing the secrets of authenticators in v. Without one nobody can switch a second step on.
func (s *Sessions) WithVault(v Vault) *Sessions {
	with := *s
	with.vault = v
	return &with
}

// WithTelling returns s calling tell after a second step was changed, so that the repository knows it before the
// console database is away. Whether that worked is tell's own business: the change stands, and workers tell the
// repository now and then anyway.
func (s *Sessions) WithTelling(tell func(ctx context.Context)) *Sessions {
	with := *s
	with.tell = tell
	return &with
}

// tellTime bounds how long a page waits for the repository to be told.
const tellTime = 10 * time.Second

func (s *Sessions) tellRepository(ctx context.Context) {
	if s.tell == nil {
		return
	}
	// the change stands, whether the browser waits or not
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	s.tell(ctx)
}

// secretName binds a sealed secret to its account: in another's row it cannot be opened.
func secretName(account string) string { return "second-step/" + account }

func (s *Sessions) openSecret(ctx context.Context, a sqlcgen.Account, sealed []byte) ([]byte, error) {
	return openSecret(ctx, s.vault, a.ID, a.Email, sealed)
}

// openSecret opens the secret of an account's authenticator, and says in words what helps where that does not work:
// without it no code can be told from another, and letting somebody in with the password alone would be what a thief
// hopes for.
func openSecret(ctx context.Context, v Vault, account, email string, sealed []byte) ([]byte, error) {
	if v == nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"This process has no repository key, so it cannot check codes of an authenticator. Use a recovery code.")
	}
	plain, err := v.Open(ctx, secretName(account), sealed)
	switch code := keepsake.CodeOf(err); {
	case err == nil && len(plain) == secretSize:
		return plain, nil
	case err == nil || code == keepsake.CodeDamaged || code == keepsake.CodeWrongKey || code == keepsake.CodeInvalid:
		return nil, keepsake.Errorf(keepsake.CodeWrongKey,
			"Codes of this account's authenticator cannot be checked: its secret was sealed with another repository key, "+
				"or is damaged. "+
				"Use a recovery code, or have the second step switched off on the server: keepsake admin "+
				"second-step-off --email %s",
			email)
	}
	return nil, keepsake.Errorf(keepsake.CodeUnavailable,
		"Codes of an authenticator cannot be checked just now: no provider answers that holds the repository's header. Use "+
			"a recovery code, or try again in a moment: %w", err)
}
