package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Answers keeps the answers to requests with an Idempotency-Key, for a day.
type Answers interface {
	// BeginAnswer takes a key for a request. When the same request took it before, it returns that request's answer once
	// there is one. For another request with the same key it returns CodeConflict.
	BeginAnswer(ctx context.Context, actor keepsake.Actor, key string, request [32]byte) (*console.Answer, error)
	// EndAnswer keeps the answer. With nil it gives the key back.
	EndAnswer(ctx context.Context, actor keepsake.Actor, key string, a *console.Answer) error
}

// keyHeader names a request that is carried out once, however often it is sent.
const keyHeader = "Idempotency-Key"

// endTime is how long keeping an answer may take after the request itself has ended.
const endTime = 5 * time.Second

// idempotent carries out a POST with an Idempotency-Key once, and answers it again in the same way. It keeps no
// answer that is a fault of the console, a limit or a refusal: the client may try such a request again, with another
// token or after a new proof of identity.
func (h *actions) idempotent(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header(keyHeader)
	if ctx.Method() != http.MethodPost || key == "" {
		next(ctx)
		return
	}
	c := humaecho.Unwrap(ctx)
	if len(key) > 200 {
		h.fail(c, keepsake.Errorf(keepsake.CodeInvalid, "The Idempotency-Key has more than 200 characters."))
		return
	}
	// it is here already, and no larger than pages take
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxBody+1))
	if err != nil {
		h.fail(c, err)
		return
	}
	if len(body) > maxBody {
		_ = huma.WriteErr(h.a, ctx, http.StatusRequestEntityTooLarge, TooLarge)
		return
	}
	c.Request().Body = io.NopCloser(bytes.NewReader(body))
	actor := handlers.ActorFrom(ctx.Context())
	// A token that may do less is not answered what one that may do more was.
	request := sha256.Sum256(bytes.Join([][]byte{[]byte(c.Request().Method), []byte(c.Request().URL.RequestURI()),
		[]byte(fmt.Sprint(actor.Permissions)), body}, []byte{0}))
	known, err := h.d.Answers.BeginAnswer(ctx.Context(), actor, key, request)
	if err != nil {
		h.fail(c, err)
		return
	}
	if known != nil && known.Operation != "" {
		known, err = h.answerAgain(ctx.Context(), actor, key, ctx.Operation().OperationID, known.Operation)
		if err != nil {
			h.fail(c, err)
			return
		}
	}
	if known != nil {
		for name, value := range known.Headers {
			c.Response().Header().Set(name, value)
		}
		c.Response().Header().Set("Idempotent-Replayed", "true")
		_ = c.Blob(known.Status, known.Headers[echo.HeaderContentType], known.Body)
		return
	}
	record := &recorder{ResponseWriter: c.Response().Writer}
	c.Response().Writer = record
	defer func() {
		c.Response().Writer = record.ResponseWriter
		var answer *console.Answer
		if status := c.Response().Status; c.Response().Committed && status < http.StatusInternalServerError &&
			status != http.StatusTooManyRequests && status != http.StatusForbidden {
			answer = &console.Answer{Status: status, Headers: map[string]string{}, Body: record.body.Bytes()}
			for _, name := range []string{echo.HeaderContentType, echo.HeaderLocation} {
				if v := c.Response().Header().Get(name); v != "" {
					answer.Headers[name] = v
				}
			}
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context()), endTime)
		defer cancel()
		_ = h.d.Answers.EndAnswer(ending, actor, key, answer) // the key is free again after a minute where this fails
	}()
	next(huma.WithContext(ctx, console.WithAnswerKey(ctx.Context(), key)))
}

// answerAgain makes the answer to a request that has started an operation, of which only that is known, and keeps it.
func (h *actions) answerAgain(ctx context.Context, actor keepsake.Actor, key, action, operation string) (
	*console.Answer, error) {
	o, err := h.d.Console.GetOperation(ctx, actor, operation)
	if err != nil {
		return nil, err
	}
	op := operationOf(o)
	var body any = op
	if action == restoreAction {
		body = RestoreAnswer{Operation: &op}
	}
	a := &console.Answer{
		Status: http.StatusAccepted,
		Headers: map[string]string{echo.HeaderContentType: "application/json", echo.HeaderLocation: Prefix + "/backups/" +
			o.ID},
	}
	if a.Body, err = json.Marshal(body); err != nil {
		return nil, err
	}
	return a, h.d.Answers.EndAnswer(ctx, actor, key, a)
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
