package audit

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/internal/export"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Formats are what the trail can be exported as.
var Formats = []string{"csv", "jsonl"}

// CheckFormat refuses what is none of Formats.
func CheckFormat(format string) error {
	for _, f := range Formats {
		if f == format {
			return nil
		}
	}
	return keepsake.Errorf(keepsake.CodeInvalid, "There is no format %q: use csv or jsonl.", format)
}

// exported is one line of JSON.
type exported struct {
	ID           int64           `json:"id"`
	At           time.Time       `json:"at"`
	Actor        string          `json:"actor"`
	ActorID      string          `json:"actor_id"`
	Role         keepsake.Role   `json:"role"`
	Platform     string          `json:"platform"`
	Organization string          `json:"organization"`
	Session      string          `json:"session"`
	Token        string          `json:"token"`
	Address      string          `json:"address"`
	UserAgent    string          `json:"user_agent"`
	RequestID    string          `json:"request_id"`
	Action       string          `json:"action"`
	Target       string          `json:"target"`
	WeddingID    string          `json:"wedding"`
	Point        string          `json:"point"`
	Outcome      Outcome         `json:"outcome"`
	DurationMS   int64           `json:"duration_ms"`
	Security     bool            `json:"security"`
	Detail       json.RawMessage `json:"detail"`
	Hash         string          `json:"hash"`
}

// NewWriter returns a function that writes a row to w in one of Formats, and one to call after the last row.
func NewWriter(w io.Writer, format string) (write func(Row) error, end func() error, err error) {
	if err := CheckFormat(format); err != nil {
		return nil, nil, err
	}
	if format == "jsonl" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		write = func(r Row) error {
			return e.Encode(exported{r.ID, r.At.UTC(), r.ActorName, r.ActorID, r.ActorRole, r.Platform, r.Organization,
				r.Session, r.Token, r.Address, r.UserAgent, r.RequestID,
				r.Action, r.Target, r.WeddingID, r.Point, r.Outcome, r.Took.Milliseconds(), r.Security, r.Detail,
				hex.EncodeToString(r.Hash)})
		}
		return write, func() error { return nil }, nil
	}
	c := csv.NewWriter(w)
	err = c.Write([]string{"id", "at", "actor", "actor_id", "role", "platform", "organization", "session", "token",
		"address", "user_agent", "request_id", "action", "target",
		"wedding", "point", "outcome", "duration_ms", "security", "detail", "hash"})
	if err != nil {
		return nil, nil, fmt.Errorf("write the head of the table: %w", err)
	}
	write = func(r Row) error {
		cells := []string{strconv.FormatInt(r.ID, 10), r.At.UTC().Format(time.RFC3339Nano), r.ActorName, r.ActorID,
			string(r.ActorRole), r.Platform, r.Organization, r.Session, r.Token,
			r.Address, r.UserAgent, r.RequestID, r.Action, r.Target, r.WeddingID, r.Point, string(r.Outcome),
			strconv.FormatInt(r.Took.Milliseconds(), 10),
			strconv.FormatBool(r.Security), string(r.Detail), hex.EncodeToString(r.Hash)}
		for i := range cells {
			cells[i] = export.Cell(cells[i])
		}
		return c.Write(cells)
	}
	return write, func() error { c.Flush(); return c.Error() }, nil
}
