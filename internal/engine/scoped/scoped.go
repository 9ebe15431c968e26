package scoped

import (
	"cmp"
	"context"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Restorer brings scopes back into the live platform. It is safe for concurrent use.
type Restorer struct {
	Replicas       *replicas.Set
	PlatformURL    keepsake.Secret
	ManagedSchemas []string // of the hosting service
	DataMap        keepsake.DataMap
	Now            func() time.Time
}

// ScopeInput is a scope at a recovery point.
type ScopeInput struct {
	Scope      keepsake.Scope
	Point      string // an id or "latest"
	Provider   string // empty: all
	Mode       scope.Mode
	PointsOnly bool // FindDamage: the platform is known not to answer and is not asked
}

// Roots returns the tables whose rows are weddings and organizations.
func (by *Restorer) Roots() (wedding, organization string) {
	return by.DataMap.Wedding.Table, by.DataMap.Organization.Table
}

// ExplainScope returns which tables of the live platform belong to weddings or organizations, and why. in needs no
// id.
func (by *Restorer) ExplainScope(ctx context.Context, root string) (*scope.Plan, error) {
	conn, err := platform.Connect(ctx, by.PlatformURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	c, err := platform.ReadCatalog(ctx, conn, by.ManagedSchemas)
	if err != nil {
		return nil, err
	}
	return scope.FromCatalog(c, by.DataMap, root)
}

// ScopeAt holds a scope's rows at a recovery point. It reads them once and compares them as often as needed.
type ScopeAt struct {
	by     *Restorer
	repo   *replicas.Repo
	in     scope.Input
	chunks scope.Chunks
	passed []string // newer recovery points that cannot be read, in words
}

// ReadScope reads a scope's rows at a recovery point from the chunks that can hold them. It needs no platform.
func (by *Restorer) ReadScope(ctx context.Context, in ScopeInput) (*ScopeAt, error) {
	if err := in.Scope.Check(); err != nil {
		return nil, err
	}
	o, err := by.open(ctx, in.Provider)
	if err != nil {
		return nil, err
	}
	return by.readScope(ctx, o, in)
}

// opened is the repository with what its providers list, read once for all points that are looked at.
type opened struct {
	repo *replicas.Repo
	from []replicas.Provider
	list replicas.Listing
}

func (by *Restorer) open(ctx context.Context, provider string) (o opened, err error) {
	if o.repo, o.from, err = by.Replicas.OpenFor(ctx, provider); err != nil {
		return o, err
	}
	o.list, err = replicas.ListManifests(ctx, o.from)
	return o, err
}

func (by *Restorer) readScope(ctx context.Context, o opened, in ScopeInput) (*ScopeAt, error) {
	m, list, _, err := by.Replicas.ResolveIn(ctx, o.repo, o.list, o.from, in.Point)
	if err != nil {
		return nil, err
	}
	return by.readRows(ctx, o, m, list, in)
}

// readRows reads the scope from the point of a manifest.
func (by *Restorer) readRows(ctx context.Context, o opened, m *repository.Manifest, list replicas.Listing,
	in ScopeInput) (*ScopeAt, error) {
	r, from := o.repo, o.from
	if in.Mode == "" {
		in.Mode = scope.Missing
	}
	if in.Scope.Wide() {
		return by.readWide(r, from, m, list, in)
	}
	root, id, err := scope.Root(by.DataMap, in.Scope)
	if err != nil {
		return nil, err
	}
	plan, err := scope.FromManifest(m, by.DataMap, root.Table)
	if err != nil {
		return nil, err
	}
	track := report.NewTracker(nil, by.Now)
	defer track.Close()
	rows, err := scope.Read(ctx, plan, m, replicas.NewSource(r, from, m.ID, track), id)
	if err != nil {
		return nil, err
	}
	return &ScopeAt{by: by, repo: r, passed: list.WithoutDoubts().Warnings(), in: scope.Input{
		Plan:         plan,
		Manifest:     m,
		Rows:         rows,
		ID:           id,
		Mode:         in.Mode,
		NameOf:       root.Name,
		WeddingTable: keepsake.QualifiedName(by.DataMap.Wedding.Table),
	}}, nil
}

// readWide prepares whole tables. Their rows are read when they are compared, and are never in memory together.
func (by *Restorer) readWide(r *replicas.Repo, from []replicas.Provider, m *repository.Manifest,
	list replicas.Listing, in ScopeInput) (*ScopeAt, error) {
	plan, err := scope.Wide(m, by.DataMap, in.Scope)
	if err != nil {
		return nil, err
	}
	track := report.NewTracker(nil, by.Now)
	track.Close() // nobody watches
	src := replicas.NewSource(r, from, m.ID, track)
	rows, err := scope.WideRows(plan, m, func(ctx context.Context, part *repository.Table) io.ReadCloser {
		return src.Rows(ctx, part, func(int64) {})
	})
	if err != nil {
		return nil, err
	}
	return &ScopeAt{by: by, repo: r, chunks: src, passed: list.WithoutDoubts().Warnings(), in: scope.Input{
		Plan:         plan,
		Manifest:     m,
		Rows:         rows,
		ID:           in.Scope.Name(),
		Name:         in.Scope.Name(),
		Mode:         in.Mode,
		WeddingTable: keepsake.QualifiedName(by.DataMap.Wedding.Table),
	}}, nil
}

// Rows returns the rows.
func (s *ScopeAt) Rows() *scope.Rows { return s.in.Rows }

// Plan returns how the scope lies in the recovery point's tables.
func (s *ScopeAt) Plan() *scope.Plan { return s.in.Plan }

// writer opens a session on the live platform that may write.
func (by *Restorer) writer(ctx context.Context) (*pgx.Conn, error) {
	settings := platform.ReadSettings()
	settings["default_transaction_read_only"] = "off"
	conn, err := platform.ConnectWith(ctx, by.PlatformURL, settings)
	if keepsake.CodeOf(err) == keepsake.CodeUnavailable && err != nil {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"The live platform does not answer, so there is nothing to compare with, and nothing can be brought back "+
				"into it now. "+
				"What the recovery points hold, contacts included, can be read all the same. %s", keepsake.MessageOf(err))
	}
	return conn, err
}

// Preview compares the scope with the live platform, and tries whether the platform takes the rows. It takes everything
// back.
func (s *ScopeAt) Preview(ctx context.Context) (*scope.Preview, error) {
	return s.against(ctx, scope.MakePreview)
}

// Compare compares the scope with the live platform and writes nothing there.
func (s *ScopeAt) Compare(ctx context.Context) (*scope.Preview, error) {
	return s.against(ctx, scope.Compare)
}

func (s *ScopeAt) against(ctx context.Context, compare func(context.Context, *pgx.Conn, scope.Input) (*scope.Preview,
	error)) (*scope.Preview, error) {
	conn, err := s.by.writer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	started := s.by.Now()
	p, err := compare(ctx, conn, s.in)
	if err == nil {
		p.Seconds = s.by.Now().Sub(started).Seconds()
		s.notePassed(p)
	}
	return p, err
}

// notePassed says of a preview that newer recovery points cannot be read, also where only its tables are shown.
func (s *ScopeAt) notePassed(p *scope.Preview) {
	p.Passed = s.passed
	if len(p.Tables) > 0 {
		p.Tables[0].Notes = append(p.Tables[0].Notes, s.passed...)
	}
}

// ScopeApply is a preview with the confirmation of a person.
type ScopeApply struct {
	Fingerprint string
	Skip        func(scope.TableChanges, scope.Change) bool // rows ticked off; nil: none
	Name        string                                      // what the person typed; empty: not asked
	Restore     string                                      // the id it gets (NewRestoreID); empty: a new one
	Again       bool                                        // it may have been done already, by somebody who was killed
}

// NewRestoreID returns an id for a restore into the live platform.
func (by *Restorer) NewRestoreID() string { return repository.NewManifestID(by.Now()) }

// ScopeResult is the report of an apply, or of an undo.
type ScopeResult struct {
	Restore string         `json:"restore"` // the id to undo it by
	Point   string         `json:"point"`
	Name    string         `json:"name"`
	Applied scope.Applied  `json:"applied"`
	Undo    []string       `json:"undo_at"`           // providers that hold what an undo needs
	Preview *scope.Preview `json:"preview,omitempty"` // the new one, when the live rows had moved
	Refused []string       `json:"refused,omitempty"` // an undo's rows that were left alone, in words
	Seconds float64        `json:"seconds"`
}

// Apply makes the changes of a preview in one transaction. When the platform has changed since, it writes nothing and
// returns CodeConflict, with the new preview in the result.
func (s *ScopeAt) Apply(ctx context.Context, a ScopeApply) (ScopeResult, error) {
	track := report.NewTracker(nil, s.by.Now)
	defer track.Close()
	return s.apply(ctx, a, track)
}

func (s *ScopeAt) apply(ctx context.Context, a ScopeApply, track *report.Tracker) (ScopeResult, error) {
	started := s.by.Now()
	conn, err := s.by.writer(ctx)
	if err != nil {
		return ScopeResult{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	result := ScopeResult{Restore: cmp.Or(a.Restore, s.by.NewRestoreID()), Point: s.in.Manifest.ID}
	var fresh *scope.Preview
	track.Stage(report.StageComparing)
	result.Applied, fresh, err = scope.Apply(ctx, conn, s.in,
		scope.ApplyInput{
			Restore:     result.Restore,
			Session:     s.by.writer,
			Fingerprint: a.Fingerprint,
			Skip:        a.Skip,
			Name:        a.Name,
			Writing:     track.Writing,
			Progress:    track.Wrote,
			Keep: func(ctx context.Context, u *scope.Undo) (err error) {
				track.Stage(report.StageSafety)
				result.Undo, err = s.by.keepUndo(ctx, s.repo, u)
				return err
			},
		})
	if fresh != nil {
		result.Name = fresh.Name
		s.notePassed(fresh)
	}
	if err != nil {
		if keepsake.CodeOf(err) == keepsake.CodeConflict {
			result.Preview = fresh
		}
		return result, err
	}
	result.Seconds = s.by.Now().Sub(started).Seconds()
	return result, nil
}

// PreviewScope reads a scope and compares it with the live platform.
func (by *Restorer) PreviewScope(ctx context.Context, in ScopeInput) (*scope.Preview, error) {
	s, err := by.ReadScope(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.Preview(ctx)
}

// ApplyScope reads a scope and makes the changes of a preview: see ScopeAt.Apply.
func (by *Restorer) ApplyScope(
	ctx context.Context, in ScopeInput, a ScopeApply, reporter report.Reporter,
) (ScopeResult, error) {
	track := report.NewTracker(reporter, by.Now)
	defer track.Close()
	track.Stage(report.StageChecking)
	done, unsure, err := by.done(ctx, a)
	if err != nil || done != nil {
		return deref(done), err
	}
	s, err := by.ReadScope(ctx, in)
	if err != nil {
		return ScopeResult{}, err
	}
	track.Infof("Read %d of %d chunks of recovery point %s.",
		s.in.Rows.ChunksRead, s.in.Rows.ChunksTotal, s.in.Manifest.ID)
	result, err := s.apply(ctx, a, track)
	// the rows are others, perhaps because of this restore
	if unsure != nil && keepsake.CodeOf(err) == keepsake.CodeConflict {
		return result, unsure
	}
	if err == nil {
		track.Infof("%d rows inserted, %d updated, %d deleted; what an undo needs is at %s.", result.Applied.Inserted,
			result.Applied.Updated, result.Applied.Deleted, strings.Join(result.Undo, ", "))
		track.Stage(report.StageDone)
	}
	return result, err
}
