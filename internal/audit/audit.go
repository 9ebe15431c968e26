// Package audit keeps the record of every attempt, allowed or refused: append-only rows, each carrying the SHA-256 of
// its content and of the row before. It never changes or removes a row; the database's triggers forbid it to everybody.
// A transaction that changes who gets in, or what is run, and records nothing that says so is put on record by a
// trigger, as database.write.
package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused" // not permitted, or the state forbade it
	Failed  Outcome = "failed"  // permitted, and broke
)

// Entry is one attempt.
type Entry struct {
	Action  Action
	Target  string // id of what it was about; may be empty
	Outcome Outcome
	// Wedding and Point are what the trail can be filtered by. Where they are empty they are taken from Detail or Target.
	WeddingID, Point string
	// Took is how long it took; 0: since the request came that ctx carries.
	Took   time.Duration
	Detail map[string]any // anything more; no secrets, no rows of the platform
}

// Change returns the detail of a setting that was changed: what it was and what it is. More details may be added.
func Change(before, after any) map[string]any {
	return map[string]any{"before": before, "after": after}
}

// Record appends an entry for actor. It holds the end of the chain until the transaction ends, so it is the last thing
// a transaction does: whatever is locked after it may wait for itself. The actor recorded may be another than the
// transaction's: a refused actor can write nothing, so the system writes for it.
func Record(ctx context.Context, tx db.Tx, actor keepsake.Actor, e Entry) error {
	e, err := markDevice(ctx, tx, actor, e)
	if err != nil {
		return err
	}
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		b, err := json.Marshal(e.Detail)
		if err != nil {
			return fmt.Errorf("encode the audit entry: %w", err)
		}
		detail = bytes.ReplaceAll(b, []byte(`\u0000`), []byte(`\ufffd`))
	}
	if len(detail) > longestDetail {
		detail = fmt.Appendf(nil, `{"left_out": "%d bytes of detail"}`, len(detail))
	}
	request := keepsake.RequestOf(ctx)
	if e.Took == 0 && !request.Started.IsZero() {
		e.Took = time.Since(request.Started)
	}
	head, err := tx.LockAuditHead(ctx)
	if err != nil {
		if e.Outcome != Allowed {
			logLost(ctx, actor, e, detail, err)
		}
		return fmt.Errorf("lock the audit trail: %w", err)
	}
	session, token := actor.Session, ""
	if actor.Permissions != nil { // only what a token may do has an end
		session, token = "", actor.Session
	}
	wedding, point := about(e)
	row := sqlcgen.InsertAuditParams{
		ID: head.LastID + 1,
		// PostgreSQL keeps microseconds, and the hash must cover what it keeps.
		At: head.At.UTC().Truncate(time.Microsecond), ActorID: clip(actor.ID), ActorName: clip(actor.Name),
		ActorRole: clip(string(actor.Role)),
		Platform:  clip(actor.Platform), Organization: clip(actor.Organization), Session: clip(session),
		Token: clip(token), Address: clip(actor.Address),
		UserAgent: clip(cmp.Or(actor.UserAgent, request.UserAgent)),
		RequestID: clip(cmp.Or(actor.RequestID, request.ID)), Action: clip(string(e.Action)), Target: clip(e.Target),
		Wedding: clip(wedding), Point: clip(point),
		Outcome: string(e.Outcome), DurationMs: max(0, e.Took.Milliseconds()), Security: Security(e), Detail: detail,
		PrevHash: head.Hash,
	}
	row.Hash = hash(sqlcgen.AuditLog(row))
	if err := tx.InsertAudit(ctx, row); err != nil {
		return fmt.Errorf("append to the audit trail: %w", err)
	}
	if err := tx.AdvanceAuditHead(ctx, sqlcgen.AdvanceAuditHeadParams{
		LastID:       row.ID,
		Hash:         row.Hash,
		Platform:     row.Platform,
		Organization: row.Organization,
		At:           row.At,
		Words:        words(row),
	}); err != nil {
		return fmt.Errorf("advance the audit trail: %w", err)
	}
	if e.Outcome != Allowed { // what was allowed before does not say what was refused afterwards
		request.Settle()
	}
	return nil
}

// recordTime bounds what is put on record when nobody may be waiting any more.
const recordTime = 5 * time.Second

// RecordRefused records, in a transaction of its own, an attempt that was not allowed or did not work. It uses the
// system's rights.
func RecordRefused(ctx context.Context, d *db.DB, actor keepsake.Actor, e Entry) error {
	if e.Outcome == "" {
		e.Outcome = Refused
	}
	// Whoever gives up waiting is on record all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	reached := false
	err := d.InTx(ctx, keepsake.System("audit"), func(tx db.Tx) error {
		reached = true
		return Record(ctx, tx, actor, e)
	})
	if err != nil && !reached {
		detail, _ := json.Marshal(e.Detail) // what cannot be encoded is left out: the rest is worth more than nothing
		logLost(ctx, actor, e, detail, err)
	}
	return err
}

// logLost writes into the log of the process what an entry would have said: whoever holds the end of the trail, or
// takes the database away, hides nothing. The request counts as on record, so that nobody waits for the trail once
// more.
func logLost(ctx context.Context, actor keepsake.Actor, e Entry, detail []byte, err error) {
	request := keepsake.RequestOf(ctx)
	slog.ErrorContext(ctx, "an attempt could not be put on record: this is what the entry would say", "action", e.Action,
		"target", clip(e.Target), "outcome", e.Outcome, "security", Security(e),
		"actor", clip(actor.Name), "actor_id", clip(actor.ID), "role", actor.Role, "platform", clip(actor.Platform),
		"organization", clip(actor.Organization),
		"session", clip(actor.Session), "address", clip(actor.Address),
		"user_agent", clip(cmp.Or(actor.UserAgent, request.UserAgent)), "request", clip(cmp.Or(actor.RequestID, request.ID)),
		"detail", string(detail), "err", err)
	request.Settle()
}
