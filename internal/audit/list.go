package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/fold"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Row is one entry of the trail as it was written.
type Row struct {
	ID           int64
	At           time.Time
	ActorID      string
	ActorName    string
	ActorRole    keepsake.Role
	Platform     string // whose the organization is
	Organization string
	Session      string // of the browser; empty where a token acted
	Token        string
	Address      string
	UserAgent    string
	RequestID    string
	Action       string
	Target       string
	WeddingID    string
	Point        string
	Outcome      Outcome
	Took         time.Duration
	Security     bool
	Detail       json.RawMessage
	Hash         []byte
}

// Filter says which rows are wanted. Empty fields want all.
type Filter struct {
	Before       int64  // only rows with a smaller id; 0: from the newest
	Actor        string // exact name
	Action       string
	Outcome      Outcome
	OnlySecurity bool
	WeddingID    string
	Point        string
	Since, Until time.Time // until is not included
	Search       string    // words, each perhaps the beginning of one; of more than three the longest count
	Most         int
}

// exportPage is how many rows an export holds in memory.
const exportPage = 500

// List returns the rows that the actor may see, newest first.
func List(ctx context.Context, d *db.DB, actor keepsake.Actor, f Filter) ([]Row, error) {
	var found []sqlcgen.AuditLog
	err := d.InTx(ctx, actor, func(tx db.Tx) (err error) {
		if err := tx.PlanForValues(ctx); err != nil {
			return err
		}
		p := sqlcgen.ListAuditParams{
			Actor:        clip(f.Actor),
			Action:       clip(f.Action),
			Outcome:      string(f.Outcome),
			OnlySecurity: f.OnlySecurity,
			Wedding:      clip(f.WeddingID),
			Point:        clip(f.Point),
			Since:        orNil(f.Since),
			Until:        orNil(f.Until),
			Before:       orNil(f.Before),
			Most:         int32(f.Most),
		}
		if said := clip(f.Search); said != "" {
			w := fold.Sought(said)
			if len(w) == 0 { // nothing but punctuation: no row holds it
				return nil
			}
			one, two, three := w[0], w[1%min(len(w), 3)], w[2%min(len(w), 3)]
			found, err = tx.SearchAudit(ctx, sqlcgen.SearchAuditParams{
				Actor:        p.Actor,
				Action:       p.Action,
				Outcome:      p.Outcome,
				OnlySecurity: p.OnlySecurity,
				Wedding:      p.Wedding,
				Point:        p.Point,
				Since:        p.Since,
				Until:        p.Until,
				Before:       p.Before,
				Most:         p.Most,
				Word1:        one[0],
				Other1:       one[len(one)-1],
				Word2:        two[0],
				Other2:       two[len(two)-1],
				Word3:        three[0],
				Other3:       three[len(three)-1],
			})
			return err
		}
		found, err = tx.ListAudit(ctx, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	rows := make([]Row, len(found))
	for i, r := range found {
		rows[i] = rowOf(r)
	}
	return rows, nil
}

// Each calls fn with every row that the filter wants and the actor may see, newest first, holding a few hundred in
// memory.
func Each(ctx context.Context, d *db.DB, actor keepsake.Actor, f Filter, fn func(Row) error) error {
	f.Most = exportPage
	for {
		rows, err := List(ctx, d, actor, f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := fn(r); err != nil {
				return err
			}
			f.Before = r.ID
		}
		if len(rows) < exportPage {
			return nil
		}
	}
}

// rowOf makes every row one that can be shown and written as JSON, so that one which cannot, by whoever owns the
// database, hides no other: it says so in its place. What verification looks at is as it was written.
func rowOf(r sqlcgen.AuditLog) Row {
	problem := ""
	switch encoded, err := json.Marshal(json.RawMessage(r.Detail)); {
	case r.At.Year() < 1 || r.At.Year() > 9999:
		problem = fmt.Sprintf("the year %d, which nothing else can write down", r.At.Year())
	case err != nil:
		problem = "a detail that cannot be read"
	case len(encoded) > longestDetail:
		problem = fmt.Sprintf("%d bytes of detail", len(encoded))
	}
	if problem != "" {
		r.At = time.Unix(0, 0).UTC()
		r.Detail,
			_ = json.Marshal(map[string]string{"unreadable": "This entry holds " + problem +
			". Keepsake did not write it so: see what keepsake audit verify says."})
	}
	for _, s := range []*string{&r.ActorID, &r.ActorName, &r.ActorRole, &r.Platform, &r.Organization, &r.Session, &r.Token,
		&r.Address, &r.UserAgent, &r.RequestID, &r.Action, &r.Target, &r.Wedding, &r.Point} {
		if len(*s) > longest+len("…") {
			*s = clip(*s)
		}
	}
	return Row{
		ID:           r.ID,
		At:           r.At,
		ActorID:      r.ActorID,
		ActorName:    r.ActorName,
		ActorRole:    keepsake.Role(r.ActorRole),
		Platform:     r.Platform,
		Organization: r.Organization,
		Session:      r.Session,
		Token:        r.Token,
		Address:      r.Address,
		UserAgent:    r.UserAgent,
		RequestID:    r.RequestID,
		Action:       r.Action,
		Target:       r.Target,
		WeddingID:    r.Wedding,
		Point:        r.Point,
		Outcome:      Outcome(r.Outcome),
		Took:         time.Duration(r.DurationMs) * time.Millisecond,
		Security:     r.Security,
		Detail:       r.Detail,
		Hash:         r.Hash,
	}
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
