// Package commit makes a transaction final and, where the server's answer does not arrive, asks on other sessions
// whether that happened. It knows neither what was written nor how one sees that it is there.
package commit

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// AskTime bounds asking a server that gives no answer. answerTime is how long the answer to a COMMIT is waited for;
// firstAsk and longestAsk are between two questions.
const (
	AskTime    = 5 * time.Minute
	answerTime = 30 * time.Second
	firstAsk   = 250 * time.Millisecond
	longestAsk = 5 * time.Second
)

// Try has a transaction committed, and reports whether err is the server's answer. Whoever cancels meanwhile comes too
// late.
func Try(ctx context.Context, commit func(context.Context) error) (answered bool, err error) {
	if err := ctx.Err(); err != nil {
		return true, err
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	err = commit(late)
	return err == nil || errors.Is(err, pgx.ErrTxCommitRollback) || refuses(err), err
}

// refuses reports whether a server said no to a statement. An error that ends the session may come after a COMMIT, and
// pgconn.SafeToRetry calls a connection that broke under a statement safe.
func refuses(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}

// Ask calls ask until that has an answer, which may be an error. It gives up when ctx ends, and AskTime after it began,
// and returns what ask said last.
func Ask(ctx context.Context, ask func() error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := ask()
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if answers(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: firstAsk,
		Multiplier:      2,
		MaxInterval:     longestAsk,
	}), backoff.WithMaxElapsedTime(AskTime))
	if err == nil {
		return nil
	}
	return last
}

// answers reports whether an error is an answer. It is none where the session broke, where the server takes no sessions
// now, and where somebody else uses what was asked for.
func answers(err error) bool {
	var said *keepsake.Error
	if errors.As(err, &said) {
		return said.Code != keepsake.CodeUnavailable
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.SeverityUnlocalized != "ERROR" {
		return false
	}
	return pg.Code != pgerrcode.LockNotAvailable && !pgerrcode.IsTransactionRollback(pg.Code) &&
		!pgerrcode.IsConnectionException(pg.Code) && !pgerrcode.IsInsufficientResources(pg.Code) &&
		!pgerrcode.IsOperatorIntervention(pg.Code)
}
