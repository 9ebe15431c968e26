package scope

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestRetryOfATransaction: what the database asks to be tried again is tried again a few times; all else is not.
func TestRetryOfATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := func(code string) error { return fmt.Errorf("write: %w", &pgconn.PgError{Code: code}) }
		for _, c := range []struct {
			name  string
			fails []string // codes, try by try; then it succeeds
			tries int
			code  keepsake.Code
			state string // "": it succeeds
		}{
			{"at once", nil, 1, "", ""},
			{"after both", []string{pgerrcode.SerializationFailure, pgerrcode.DeadlockDetected}, 3, "", ""},
			{"a refusal", []string{pgerrcode.UniqueViolation}, 1, keepsake.CodeInternal, pgerrcode.UniqueViolation},
			{"a refusal later", []string{pgerrcode.DeadlockDetected, pgerrcode.UniqueViolation},
				2, keepsake.CodeInternal, pgerrcode.UniqueViolation},
			{"a lock", []string{pgerrcode.LockNotAvailable}, 1, keepsake.CodeUnavailable, pgerrcode.LockNotAvailable},
			{"for ever", []string{pgerrcode.DeadlockDetected, pgerrcode.DeadlockDetected, pgerrcode.DeadlockDetected,
				pgerrcode.DeadlockDetected, pgerrcode.DeadlockDetected}, 5, keepsake.CodeInternal, pgerrcode.DeadlockDetected},
		} {
			tries, began := 0, time.Now()
			err := retry(t.Context(), func() error {
				tries++
				if tries <= len(c.fails) {
					return failed(c.fails[tries-1])
				}
				return nil
			})
			if tries != c.tries || stateOf(err) != c.state || err != nil && keepsake.CodeOf(err) != c.code {
				t.Errorf("%s: %d tries, %v", c.name, tries, err)
			}
			if took := time.Since(began); (tries > 1) != (took > 0) || took > time.Second {
				t.Errorf("%s: waited %s", c.name, took)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		err := retry(ctx, func() error {
			tries++
			cancel()
			return failed(pgerrcode.DeadlockDetected)
		})
		if !errors.Is(err, context.Canceled) || tries != 1 {
			t.Errorf("cancelled: %d tries, %v", tries, err)
		}
	})
}
