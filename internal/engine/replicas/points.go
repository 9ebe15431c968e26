package replicas

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// parallelManifests is how many manifests are read at once.
const parallelManifests = 8

// Points returns the recovery points, newest first, as the named provider holds them, or all providers together. For
// a manifest that cannot be read anywhere, Lacks says what is wrong.
func (s *Set) Points(ctx context.Context, provider string) ([]report.Point, error) {
	list, err := s.ListPoints(ctx, provider)
	return list.Points, err
}

// PointList holds recovery points, and the providers that could not be asked which of them they hold.
type PointList struct {
	Points  []report.Point
	Unasked []Unasked
}

// Unasked is a provider that could not be asked for its recovery points, and why, in words.
type Unasked struct {
	Provider string `json:"provider"`
	Why      string `json:"why"`
	Silent   bool   `json:"silent"` // it did not answer
}

// ListPoints does the same as Points, and also returns which providers could not be asked.
func (s *Set) ListPoints(ctx context.Context, provider string) (PointList, error) {
	return s.newest(ctx, provider, "", 0)
}

// NewestPoint returns the id of the newest recovery point that any provider lists, or "" when there is none. It opens
// none.
func (s *Set) NewestPoint(ctx context.Context) (string, error) {
	_, from, err := s.OpenFor(ctx, "")
	if err != nil {
		return "", err
	}
	l, err := ListManifests(ctx, from)
	if err != nil || len(l.At) == 0 {
		return "", err
	}
	return l.NewestFirst()[0], nil
}

// PointIDs returns the ids of all recovery points that any provider lists, newest first. It opens none.
func (s *Set) PointIDs(ctx context.Context) ([]string, error) {
	_, from, err := s.OpenFor(ctx, "")
	if err != nil {
		return nil, err
	}
	l, err := ListManifests(ctx, from)
	if err != nil {
		return nil, err
	}
	return l.NewestFirst(), nil
}

// NewestPoints returns the newest recovery points of all providers together. most bounds how many.
func (s *Set) NewestPoints(ctx context.Context, most int) ([]report.Point, error) {
	return s.NewestPointsTo(ctx, "", most)
}

// NewestPointsTo lists the newest recovery points from one on, at most that many; without one, the newest of all.
func (s *Set) NewestPointsTo(ctx context.Context, id string, most int) ([]report.Point, error) {
	list, err := s.newest(ctx, "", id, most)
	return list.Points, err
}

// newest lists the newest recovery points, from the id to on where there is one; most 0 is all of them.
func (s *Set) newest(ctx context.Context, provider, to string, most int) (PointList, error) {
	r, from, err := s.OpenFor(ctx, provider)
	if err != nil {
		return PointList{}, err
	}
	l, err := ListManifests(ctx, from)
	if err != nil {
		return PointList{}, err
	}
	unasked := r.Unasked(l)
	ids := l.NewestFirst()
	if to != "" {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id > to })
	}
	if most > 0 {
		ids = ids[:min(most, len(ids))]
	}
	points := make([]report.Point, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelManifests)
	for i, id := range ids {
		g.Go(func() error {
			m, _, err := s.ReadManifest(gctx, r, l.Holders(from, id), id)
			if err != nil {
				points[i] = unreadable(id, err)
				return gctx.Err()
			}
			s.loadTables(gctx, r, Preferring(l.Holders(from, id), from), m)
			points[i] = s.pointOf(r, l, m)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return PointList{points, unasked}, err
	}
	for i := range points {
		for _, u := range unasked {
			points[i].Unknown = append(points[i].Unknown, u.Provider)
		}
		if provider != "" && len(s.Providers) > 1 && points[i].Type != unreadableType {
			points[i].Protected, points[i].Lacks = false, "not known: only provider "+provider+" was asked"
		}
	}
	return PointList{points, unasked}, mark(ctx, r, from, points)
}

// loadTables reads a point's tables for what it covers. A point whose index cannot be read is listed all the
// same: verification names it.
func (s *Set) loadTables(ctx context.Context, r *Repo, from []Provider, m *repository.Manifest) {
	track := report.NewTracker(nil, s.Now)
	defer track.Close()
	_ = m.LoadTables(ctx, NewSource(r, from, m.ID, track).Page)
}

// Unasked returns the providers that could not be asked for their recovery points.
func (r *Repo) Unasked(l Listing) (unasked []Unasked) {
	for _, p := range r.Providers {
		if err := firstError(r.Down[p.Name], l.Failed[p.Name]); err != nil {
			unasked = append(unasked, Unasked{p.Name, Explain(err), errors.Is(err, storage.ErrTimeout)})
		}
	}
	return unasked
}

// OpenFor opens the repository for reading from one provider, or from all where provider is empty.
func (s *Set) OpenFor(ctx context.Context, provider string) (*Repo, []Provider, error) {
	providers := s.Providers
	if provider != "" {
		i := slices.IndexFunc(providers, func(p Provider) bool { return p.Name == provider })
		if i < 0 {
			return nil, nil, keepsake.Errorf(keepsake.CodeInvalid, "no provider is called %q: the configuration names %s",
				provider, names(providers))
		}
		providers = providers[i : i+1]
	}
	r, err := s.openAt(ctx, providers)
	if err != nil {
		return nil, nil, err
	}
	return r, r.Readable(), nil
}

func names(providers []Provider) string {
	var list []string
	for _, p := range providers {
		list = append(list, p.Name)
	}
	return strings.Join(list, ", ")
}

// unreadableType is the type of a recovery point whose manifest cannot be read.
const unreadableType = "unreadable"

func unreadable(id string, err error) report.Point {
	p := report.Point{ID: id, Type: unreadableType, Lacks: keepsake.MessageOf(err), Copies: []keepsake.Copy{}}
	if t, err := repository.ManifestTime(id); err == nil {
		p.Time = t
	}
	return p
}

// pointOf turns a manifest into a list entry. A provider that holds the manifest confirmed every chunk when it got it.
func (s *Set) pointOf(r *Repo, l Listing, m *repository.Manifest) report.Point {
	p := report.Point{
		ID:          m.ID,
		Time:        m.Time,
		Type:        string(m.Type),
		Note:        m.Note,
		Labels:      m.Labels,
		Weddings:    m.Weddings,
		Database:    m.Source.Database,
		Server:      m.Source.Server,
		Tables:      m.Stats.Tables,
		Rows:        m.Stats.Rows,
		BytesRead:   m.Stats.BytesRead,
		BytesStored: m.Stats.BytesStored,
		BytesNew:    m.Stats.BytesNew,
		Chunks:      m.Stats.Chunks,
		ChunksNew:   m.Stats.ChunksNew,
		Seconds:     m.Stats.Seconds,
		Covers:      m.Coverage(),
		Doubts:      m.Doubts,
	}
	for _, prov := range r.Providers {
		c := keepsake.Copy{
			Provider:  prov.Name,
			Medium:    prov.Medium,
			Offsite:   prov.Offsite,
			Confirmed: l.At[m.ID][prov.Name] && !r.Unproven[prov.Name],
		}
		switch err := firstError(r.Down[prov.Name], l.Failed[prov.Name]); {
		case err != nil:
			c.Error = Explain(err)
		case !c.Confirmed:
			c.Error = "not copied there; " + RepairCommand(m.ID, false) + " copies it"
		}
		p.Copies = append(p.Copies, c)
	}
	verdict := keepsake.JudgeProtection(p.Copies)
	p.Protected, p.Lacks = verdict.Protected(), verdict.Lacks()
	return p
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Point opens one recovery point, by id or "latest".
func (s *Set) Point(ctx context.Context, id string) (report.PointDetail, error) {
	r, from, err := s.OpenFor(ctx, "")
	if err != nil {
		return report.PointDetail{}, err
	}
	m, l, _, err := s.Resolve(ctx, r, from, id)
	if err != nil {
		return report.PointDetail{}, err
	}
	var parent *repository.Manifest
	if m.Parent != "" { // one that cannot be read tells nothing of what is new
		parent, _, _ = s.ReadLoaded(ctx, r, l, from, m.Parent)
	}
	points := []report.Point{s.pointOf(r, l, m)}
	if err := mark(ctx, r, from, points); err != nil {
		return report.PointDetail{}, err
	}
	d := report.PointDetail{
		Point:      points[0],
		LSN:        m.Source.LSN,
		NotCarried: append([]keepsake.NotCarried{}, m.NotCarried...),
	}
	for _, c := range m.Schema {
		d.SchemaSize += c.Plain
	}
	track := report.NewTracker(nil, s.Now)
	defer track.Close()
	pages := NewSource(r, Preferring(l.Holders(from, m.ID), from), m.ID, track)
	for i := range m.Tables {
		t, err := pointTable(ctx, &m.Tables[i], parent, pages.Page)
		if err != nil {
			return report.PointDetail{}, err
		}
		d.TableList = append(d.TableList, t)
	}
	return d, nil
}

// pointTable describes a table. A chunk is new where the parent's table has none of its id; tables whose
// ranges are the same are not read.
func pointTable(ctx context.Context, t *repository.Table, parent *repository.Manifest, fetch repository.Fetch) (
	report.PointTable, error) {
	pt := report.PointTable{
		Schema:      t.Schema,
		Name:        t.Name.Name,
		Tier:        string(t.Tier),
		Kind:        t.Kind,
		Format:      t.Format,
		Columns:     len(t.Columns),
		Rows:        t.Rows,
		Hash:        t.Hash.String(),
		Bytes:       t.Bytes,
		BytesStored: t.Stored,
		Chunks:      int(t.Chunks),
	}
	before := map[repository.ChunkID]bool{}
	if parent != nil {
		if was := parent.Table(t.Name); was != nil {
			if t.Ranges.Same(&was.Ranges) {
				return pt, nil
			}
			for r, err := range was.EachRange(ctx, fetch) {
				if err != nil { // an older point that is damaged keeps nobody from looking at this one
					break
				}
				for i := range r.Chunks {
					before[r.Chunks[i].ID] = true
				}
			}
		}
	}
	if len(before) == 0 {
		pt.ChunksNew = pt.Chunks
		return pt, nil
	}
	for r, err := range t.EachRange(ctx, fetch) {
		if err != nil {
			return pt, err
		}
		for i := range r.Chunks {
			if !before[r.Chunks[i].ID] {
				pt.ChunksNew++
			}
		}
	}
	return pt, nil
}
