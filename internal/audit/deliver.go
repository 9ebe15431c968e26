package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Kind is what somebody wants to be told of.
type Kind string

// The kinds. An entry may be of several.
const (
	KindSecurity Kind = "security" // what Security marks
	// what was allowed and did not work, or fell short: a backup that is not protected, say
	KindFailed  Kind = "failed"
	KindRestore Kind = "restore" // restores that were started, or refused
)

// Kinds are all kinds.
var Kinds = []Kind{KindSecurity, KindFailed, KindRestore}

// Is reports whether an entry is of a kind.
func (r Row) Is(k Kind) bool {
	switch k {
	case KindSecurity:
		return r.Security
	case KindFailed:
		return r.Outcome == Failed || r.FellShort()
	case KindRestore:
		return WordsOf(Action(r.Action)).Watch == WatchRestore
	}
	return false
}

// fellShort is the detail that FellShort marks. The statement that looks for alerts names it.
const fellShort = "fell_short"

// FellShort marks an entry of something that was done, but not all that it was for: a backup that is not protected, a
// verification that found damage, a repair or a restore that left something. People who want to know of failures are
// told of it.
func (e *Entry) FellShort() {
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[fellShort] = true
}

// FellShort reports whether the entry is marked so.
func (r Row) FellShort() bool {
	var detail map[string]any
	return json.Unmarshal(r.Detail, &detail) == nil && detail[fellShort] == true
}

// Exceptions is how many things a restore that ended could not make.
func (r Row) Exceptions() int {
	var detail struct {
		Exceptions int `json:"exceptions"`
	}
	if r.Action != string(RestoreEnd) || json.Unmarshal(r.Detail, &detail) != nil {
		return 0
	}
	return detail.Exceptions
}

// Suspect reports whether a backup that ended has made a suspect recovery point.
func (r Row) Suspect() bool {
	var detail struct {
		Doubts string `json:"doubts"`
	}
	return r.Action == string(BackupEnd) && json.Unmarshal(r.Detail, &detail) == nil && detail.Doubts != ""
}

// SuspectWords says of a backup that ended with a suspect recovery point what is wrong with that; "" of anything else.
func (r Row) SuspectWords() string {
	var detail struct {
		Protected *bool `json:"protected"`
	}
	switch {
	case !r.Suspect():
		return ""
	case json.Unmarshal(r.Detail, &detail) == nil && detail.Protected != nil && !*detail.Protected:
		return "the recovery point may show damage and is not fully protected"
	}
	return "the recovery point may show damage"
}

const (
	// deliverMost is how many entries one message tells of at most.
	deliverMost = 1000
	// deliverLease is how long a worker that was killed while it sent keeps others from sending to the place.
	deliverLease = 2 * time.Minute
	longestPause = 10 * time.Minute // the database refuses more than 15
)

// Delivery says where entries are told, and of which kinds.
type Delivery struct {
	Place string // the address; the database keeps its hash
	On    []Kind
	Pause time.Duration // between two messages
}

// Deliver tells a place of the entries of its kinds since the last time, in one message, when it is time for one. Where
// it got to is in the database, and moves on only when send has succeeded: a worker that is killed in between loses
// nothing, and may tell twice. Any number of workers may call it. A place that does not take messages is tried again
// after longer and longer pauses; that is send's error.
func Deliver(ctx context.Context, d *db.DB, to Delivery, send func(context.Context, []Row) error) error {
	place := sha256.Sum256([]byte(to.Place))
	state, rows, last, passed, err := pending(ctx, d, place[:], to.On)
	if err != nil || state == nil {
		return err
	}
	settle := sqlcgen.SettleAlertPlaceParams{Place: place[:], LastID: last}
	var failed error
	if len(rows) > 0 {
		settle.PauseSeconds = to.Pause.Seconds()
		if failed = send(ctx, rows); failed != nil {
			settle.LastID, settle.Failures = state.LastID, state.Failures+1
			settle.PauseSeconds = min(longestPause, max(to.Pause, time.Second)<<min(state.Failures, 10)).Seconds()
		}
	}
	if len(rows) == 0 && last == state.LastID {
		settle.Failures = state.Failures
	}
	// Whoever stops while it sends has sent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	system := keepsake.System("alerts")
	err = d.InTx(ctx, system, func(tx db.Tx) error {
		if err := tx.SettleAlertPlace(ctx, settle); err != nil || !passed || failed != nil {
			return err
		}
		// Whoever moved a place on past what it should hear of, by SQL, would leave no such entry.
		detail := map[string]any{"told": len(rows), "after": state.LastID, "last": last}
		return Record(ctx, tx, system, Entry{
			Action:  AlertTell,
			Target:  hex.EncodeToString(place[:4]),
			Outcome: Allowed,
			Detail:  detail,
		})
	})
	if err != nil {
		return fmt.Errorf("store how far alerts were sent: %w", err)
	}
	return failed
}

// pending takes the lease of a place and returns what it has not been told of, and whether anybody might have to hear
// of what lies there; nil when another worker has it or it is not time.
func pending(ctx context.Context, d *db.DB, place []byte, on []Kind) (state *sqlcgen.LeaseAlertPlaceRow, rows []Row,
	last int64, passed bool, err error) {
	err = d.InTx(ctx, keepsake.System("alerts"), func(tx db.Tx) error {
		if err := tx.AddAlertPlace(ctx, place); err != nil {
			return err
		}
		leased, err := tx.LeaseAlertPlace(ctx,
			sqlcgen.LeaseAlertPlaceParams{Place: place, LeaseSeconds: deliverLease.Seconds()})
		if db.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		head, err := tx.GetAuditHead(ctx)
		if err != nil {
			return err
		}
		last = max(head.LastID, leased.LastID)
		found, err := tx.ListAlerts(ctx, sqlcgen.ListAlertsParams{After: leased.LastID, Last: last, Most: deliverMost})
		if err != nil {
			return err
		}
		if len(found) == deliverMost {
			last = found[deliverMost-1].ID
		}
		for _, f := range found {
			r := rowOf(f)
			passed = passed || r.Security || r.Is(KindFailed)
			if slices.ContainsFunc(on, r.Is) {
				rows = append(rows, r)
			}
		}
		state = &leased
		return nil
	})
	if err != nil {
		return nil, nil, 0, false, fmt.Errorf("look for what to alert of: %w", err)
	}
	return state, rows, last, passed, nil
}
