package auth

import (
	"context"
	"net/http"
	"strings"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// recordHourly appends an entry unless one of the same what was appended within the hour: that one stands for it. What
// can be sent without end, by a script that was forgotten or by somebody who may do nothing, shall not fill the trail.
func (s *Sessions) recordHourly(ctx context.Context, tx db.Tx, what string, actor keepsake.Actor, e audit.Entry) error {
	n, err := tx.CountWithinHour(ctx, sqlcgen.CountWithinHourParams{Subject: subject(what), Now: s.now()})
	if err != nil {
		return err
	}
	if n > 1 {
		if e.Outcome != audit.Allowed {
			keepsake.RequestOf(ctx).Settle()
		}
		return nil
	}
	return audit.Record(ctx, tx, actor, e)
}

// recordRefusedToken puts on record that a token was refused: each that is known once an hour, and those that nobody
// knows once an hour for all from an address.
func (s *Sessions) recordRefusedToken(ctx context.Context, token, address string) error {
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		actor := keepsake.Actor{Address: address, Permissions: []keepsake.Permission{}}
		detail := map[string]any{"reason": "unknown"}
		which := network(address)
		row, err := tx.GetRefusedToken(ctx, tokenHash(token))
		if err == nil {
			actor = actorOf(row.AccountID, row.Email, row.Role, row.Platform, row.Organization, row.ID, address, "")
			actor.Permissions = []keepsake.Permission{}
			detail["reason"], detail["name"], which = row.Reason, row.Name, row.ID
		} else if !db.IsNoRows(err) {
			return err
		}
		return s.recordHourly(ctx, tx, "refused token "+which, actor,
			audit.Entry{Action: audit.TokenUse, Target: actor.Session, Outcome: audit.Refused, Detail: detail})
	})
}

// recordRefusedSession puts on record that somebody came with a session that is over: each once an hour, and those that
// nobody knows once an hour for all from an address. One that its owner has ended elsewhere, or whose account is
// closed, is used by somebody who should not have it; one that was left or forgotten is not, and a page that was left
// open and asks by itself is nobody.
func (s *Sessions) recordRefusedSession(ctx context.Context, token string) error {
	request := keepsake.RequestOf(ctx)
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		actor := keepsake.Actor{Address: request.Address}
		detail := map[string]any{"reason": "unknown"}
		which := network(request.Address)
		row, err := tx.GetRefusedSession(ctx, tokenHash(token))
		if err == nil {
			actor = actorOf(row.AccountID, row.Email, row.Role, row.Platform,
				row.Organization, row.ID, request.Address, request.UserAgent)
			detail["reason"], which = row.Reason, row.ID
			switch left := row.Reason == "expired" || row.Reason == "signed_out" || row.Reason == "replaced"; {
			case left && IsByItself(ctx):
				request.Settle()
				return nil
			case !left:
				detail["code"] = keepsake.CodeForbidden
			}
		} else if !db.IsNoRows(err) {
			return err
		}
		return s.recordHourly(ctx, tx, "refused session "+which, actor,
			audit.Entry{Action: audit.SessionUse, Target: request.What, Outcome: audit.Refused, Detail: detail})
	})
}

// Refusal is an answer that says no, or that something broke.
type Refusal struct {
	Status int
	Reason string // "another site", "no session", …; may be empty
	Origin string // the site that the browser says it comes from; may be empty
}

// RecordRequest puts a request on record that was answered so before anything else did it: each of somebody who is
// known, and those of nobody, and of who asks too often, once an hour for an address and a reason.
func (s *Sessions) RecordRequest(ctx context.Context, actor keepsake.Actor, r Refusal) error {
	request := keepsake.RequestOf(ctx)
	e := audit.Entry{
		Action:  audit.RequestSend,
		Target:  request.What,
		Outcome: audit.Refused,
		Detail:  map[string]any{"status": r.Status},
	}
	if r.Status >= http.StatusInternalServerError {
		e.Outcome = audit.Failed
	}
	switch r.Status {
	case http.StatusForbidden:
		e.Detail["code"] = keepsake.CodeForbidden
	case http.StatusTooManyRequests:
		e.Detail["code"] = keepsake.CodeLimited
	}
	for name, text := range map[string]string{"reason": r.Reason, "origin": short(r.Origin)} {
		if text != "" {
			e.Detail[name] = text
		}
	}
	return s.db.InTx(ctx, system, func(tx db.Tx) error {
		if actor.ID != "" && r.Status != http.StatusTooManyRequests {
			return audit.Record(ctx, tx, actor, e)
		}
		actor.Address = request.Address
		return s.recordHourly(ctx, tx, strings.Join([]string{"request", actor.Session, r.Reason, network(request.Address)},
			" "), actor, e)
	})
}
