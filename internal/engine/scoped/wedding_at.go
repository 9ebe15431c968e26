package scoped

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// WeddingAt holds a wedding as it was at a recovery point.
type WeddingAt struct {
	Point       string
	Time        time.Time
	Name        string
	Tables      []scope.TableRows
	Contacts    []scope.Contact // its vendors
	Notes       []string        // tables that may lack rows, or have others' among them, in words
	ChunksRead  int64
	ChunksTotal int64
}

// WeddingAt reads a wedding from a recovery point. It needs no platform.
func (by *Restorer) WeddingAt(ctx context.Context, in ScopeInput) (WeddingAt, error) {
	if in.Scope.Wide() {
		return WeddingAt{}, keepsake.Errorf(keepsake.CodeInvalid,
			"contacts are those of one wedding or one organization: name one of them")
	}
	s, err := by.ReadScope(ctx, in)
	if err != nil {
		return WeddingAt{}, err
	}
	return s.weddingAt()
}

func (s *ScopeAt) weddingAt() (WeddingAt, error) {
	tables, err := scope.Texts(s.in.Plan, s.in.Rows)
	if err != nil {
		return WeddingAt{}, err
	}
	out := WeddingAt{
		Point:       s.in.Manifest.ID,
		Time:        s.in.Manifest.Time,
		Tables:      tables,
		Contacts:    scope.Contacts(tables, s.by.DataMap.Vendor),
		ChunksRead:  s.in.Rows.ChunksRead,
		ChunksTotal: s.in.Rows.ChunksTotal,
	}
	for _, t := range tables {
		if t.Note != "" {
			out.Notes = append(out.Notes, t.Table+": "+t.Note)
		}
		i := slices.IndexFunc(t.Columns, func(c repository.Column) bool { return c.Name == s.in.NameOf })
		if t.Table == s.in.Plan.Root && i >= 0 && len(t.Rows) > 0 && t.Rows[0][i] != nil {
			out.Name = *t.Rows[0][i]
		}
	}
	return out, nil
}

// Export writes a scope as it was at a recovery point: a ZIP with one file a table, csv or json, streamed. It needs no
// platform, and nothing is written before the first chunk could be read.
func (by *Restorer) Export(ctx context.Context, in ScopeInput, as scope.ExportAs, w io.Writer) error {
	if err := scope.CheckFormat(as.Format); err != nil {
		return err
	}
	s, err := by.ReadScope(ctx, in)
	if err != nil {
		return err
	}
	if in.Scope.Wide() {
		return scope.ExportWide(ctx, w, s.in.Plan, s.chunks, as)
	}
	tables, err := scope.Texts(s.in.Plan, s.in.Rows)
	if err != nil {
		return err
	}
	return scope.Export(w, tables, as)
}

// Now names the live platform in the place of a recovery point.
const Now = "now"

// WeddingChanges says what changed in a wedding between two moments.
type WeddingChanges struct {
	Name        string
	From, To    time.Time // To is zero for the live platform
	FromPoint   string
	ToPoint     string // Now for the live platform
	Tables      []scope.TableChanges
	ChunksRead  int64
	ChunksTotal int64
}

// WeddingChanges compares a wedding at in.Point with itself at another recovery point, or in the live platform (Now).
// Where one of the moments does not know the wedding, it has no rows there.
func (by *Restorer) WeddingChanges(ctx context.Context, in ScopeInput, to string) (WeddingChanges, error) {
	in.Mode = scope.Rewind
	s, err := by.ReadScope(ctx, in)
	if err != nil {
		return WeddingChanges{}, err
	}
	before, err := s.weddingAt()
	if err != nil {
		return WeddingChanges{}, err
	}
	out := WeddingChanges{
		Name:        before.Name,
		From:        before.Time,
		FromPoint:   before.Point,
		ToPoint:     to,
		ChunksRead:  before.ChunksRead,
		ChunksTotal: before.ChunksTotal,
	}
	if to == Now {
		p, err := s.Compare(ctx)
		if err != nil {
			return out, err
		}
		out.Tables = scope.Since(p)
		return out, nil
	}
	in.Point = to
	s, err = by.ReadScope(ctx, in)
	if err != nil {
		return out, err
	}
	after, err := s.weddingAt()
	if err != nil {
		return out, err
	}
	out.To, out.ToPoint, out.ChunksRead, out.ChunksTotal = after.Time, after.Point, out.ChunksRead+after.ChunksRead,
		out.ChunksTotal+after.ChunksTotal
	out.Tables = scope.Between(s.in.Plan, before.Tables, after.Tables)
	return out, nil
}
