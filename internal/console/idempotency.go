package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Answer is the answer to a request with an idempotency key.
type Answer struct {
	Status  int
	Headers map[string]string
	Body    []byte
	// Operation alone is set where the request has started an operation and its answer was not kept.
	Operation string
}

// answerKey is where a request's idempotency key is kept for what it starts.
type answerKey struct{}

// WithAnswerKey returns the context of a request that has taken an idempotency key. The transaction that writes the
// request's operation also notes it in the key's row.
func WithAnswerKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, answerKey{}, key)
}

// startFor notes which operation the request with an idempotency key starts.
func startFor(ctx context.Context, tx db.Tx, actor keepsake.Actor, operation string) error {
	key, _ := ctx.Value(answerKey{}).(string)
	if key == "" {
		return nil
	}
	n, err := tx.StartIdempotent(ctx, sqlcgen.StartIdempotentParams{ActorID: actor.ID, Key: key, OperationID: &operation})
	if err == nil && n == 0 {
		return keepsake.Errorf(keepsake.CodeConflict,
			"This request was carried out meanwhile under the same Idempotency-Key: ask again for its answer.")
	}
	return err
}

const (
	// answerWait is how long a second request waits for the first one's answer, looking every answerPause.
	answerWait  = 10 * time.Second
	answerPause = 100 * time.Millisecond
)

// BeginAnswer takes an idempotency key for a request. When the same request took it before, BeginAnswer returns its
// answer, and waits for one that is still at work. For another request with the same key it returns CodeConflict.
func (c *Console) BeginAnswer(
	ctx context.Context, actor keepsake.Actor, key string, request [32]byte,
) (*Answer, error) {
	if !plain(key) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "The Idempotency-Key is no text.")
	}
	deadline := time.Now().Add(answerWait)
	for {
		var row sqlcgen.GetIdempotentRow
		taken := false
		err := c.db.InTx(ctx, actor, func(tx db.Tx) error {
			n, err := tx.BeginIdempotent(ctx, sqlcgen.BeginIdempotentParams{ActorID: actor.ID, Key: key, Request: request[:]})
			if taken = n == 1; err != nil || taken {
				return err
			}
			row, err = tx.GetIdempotent(ctx, sqlcgen.GetIdempotentParams{ActorID: actor.ID, Key: key})
			return err
		})
		switch {
		case taken && err == nil:
			return nil, nil //nolint:nilnil // nobody has asked before: that is an answer
		case err != nil && !db.IsNoRows(err):
			return nil, fmt.Errorf("look for an earlier answer: %w", err)
		case err != nil: // it was given back in between
		case !bytes.Equal(row.Request, request[:]):
			return nil, keepsake.Errorf(keepsake.CodeConflict,
				"This Idempotency-Key was used for another request within the last day: use a new one for each request.")
		case row.Status != nil:
			a := &Answer{Status: int(*row.Status), Body: row.Body}
			if err := json.Unmarshal(row.Headers, &a.Headers); err != nil {
				return nil, fmt.Errorf("decode an earlier answer: %w", err)
			}
			return a, nil
		// Starting one takes no time: whoever would have answered is gone.
		case row.OperationID != nil && (row.IsOld || time.Now().After(deadline)):
			return &Answer{Operation: *row.OperationID}, nil
		case time.Now().After(deadline):
			return nil, keepsake.Errorf(keepsake.CodeConflict,
				"The first request with this Idempotency-Key is still at work. Ask again in a moment with the same key.")
		}
		pause := time.NewTimer(answerPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		}
	}
}

// EndAnswer keeps the answer to the request that took the key. With nil it gives the key back, so that the request
// may be tried again.
func (c *Console) EndAnswer(ctx context.Context, actor keepsake.Actor, key string, a *Answer) error {
	return c.db.InTx(ctx, actor, func(tx db.Tx) error {
		if a == nil {
			return tx.ForgetIdempotent(ctx, sqlcgen.ForgetIdempotentParams{ActorID: actor.ID, Key: key})
		}
		headers, err := json.Marshal(a.Headers)
		if err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
		return tx.EndIdempotent(ctx, sqlcgen.EndIdempotentParams{
			ActorID: actor.ID,
			Key:     key,
			Status:  int32(a.Status),
			Headers: headers,
			Body:    a.Body,
		})
	})
}
