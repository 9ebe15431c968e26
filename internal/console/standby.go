package console

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// standbyPoints is how many recovery points a console without its database looks at: each costs reading a manifest.
const standbyPoints = 20

// StandbyEngine is the part of the engine that a Standby needs.
type StandbyEngine interface {
	weddingSource
	platformLooker
	PointLister
	NewestPoints(ctx context.Context, most int) ([]engine.Point, error)
	Point(ctx context.Context, id string) (engine.PointDetail, error)
	WeddingAt(ctx context.Context, in engine.ScopeInput) (engine.WeddingAt, error)
	PreviewScope(ctx context.Context, in engine.ScopeInput) (*scope.Preview, error)
	FindDamage(ctx context.Context, in engine.ScopeInput, points []string) (engine.Damage, bool, error)
	WeddingChanges(ctx context.Context, in engine.ScopeInput, to string) (engine.WeddingChanges, error)
	Export(ctx context.Context, in engine.ScopeInput, as scope.ExportAs, w io.Writer) error
}

var _ StandbyEngine = (*engine.Engine)(nil)

// Standby has the use cases that work while the console database is away. It reads weddings, their contacts and their
// past straight from the providers. It changes nothing. The audit trail is away too, so it logs what people read.
type Standby struct {
	engine StandbyEngine
	log    *slog.Logger
	now    func() time.Time
	watch  *platformWatch
}

// NewStandby returns a Standby. It asks nothing yet.
func NewStandby(e StandbyEngine, log *slog.Logger) *Standby {
	return &Standby{engine: e, log: log, now: time.Now, watch: &platformWatch{engine: e}}
}

func (s *Standby) finder() finder { return finder{s.engine, s.log, s.now, s.watch} }

// Emergency returns the next weddings and the newest recovery point. The other fields of the overview are zero.
func (s *Standby) Emergency(ctx context.Context, actor keepsake.Actor) (Dashboard, error) {
	d := Dashboard{Now: s.now()}
	found := s.finder().ahead(ctx, actor)
	d.Weddings, d.WeddingsAhead, d.WeddingsMissing, d.WeddingsFrom, d.Platform = found.Weddings, found.Total,
		found.Missing, found.From, found.Platform
	d.GoneUnknown = found.GoneUnknown
	points, err := s.whole(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the recovery points could not be listed", "err", err)
	}
	d.takeNewest(ownFacts(actor, points, ""))
	return d, nil
}

// trusted returns the newest of the points that is not suspect, or the newest where all are, as a list of none or one.
func trusted(points []Point) []Point {
	if i := slices.IndexFunc(points, func(p Point) bool { return !p.Suspect() }); i >= 0 {
		return points[i : i+1]
	}
	return points[:min(len(points), 1)]
}

// passedBy returns the suspect points before the trusted one that nobody has doubted.
func passedBy(points []Point) (suspects []Point) {
	for _, p := range points {
		if !p.Suspect() {
			return suspects
		}
		if p.Trust == keepsake.TrustUnsaid {
			suspects = append(suspects, p)
		}
	}
	return suspects
}

// whole are the newest recovery points that hold every tier.
func (s *Standby) whole(ctx context.Context) ([]Point, error) {
	list, err := s.engine.NewestPoints(ctx, standbyPoints)
	return WholePoints(list, ""), err
}

// ListPoints returns the newest recovery points, without their tests.
func (s *Standby) ListPoints(ctx context.Context, actor keepsake.Actor, _ PointsInput) (PointPage, error) {
	if err := mayAct(actor, keepsake.MayRead); err != nil {
		return PointPage{}, err
	}
	points, err := s.whole(ctx)
	return PointPage{Points: ownFacts(actor, points, "")}, err
}

// GetPoint opens a recovery point.
func (s *Standby) GetPoint(ctx context.Context, actor keepsake.Actor, id string) (PointDetail, error) {
	if err := mayAct(actor, keepsake.MayRead); err != nil {
		return PointDetail{}, err
	}
	detail, err := s.engine.Point(ctx, id)
	if err == nil && actor.Organization != "" {
		return PointDetail{Point: ownFacts(actor, []Point{{Point: detail.Point}}, "")[0], Missing: hiddenDetail}, nil
	}
	return PointDetail{Point: Point{Point: detail.Point}, Detail: &detail}, err
}

// OperationLog returns nothing, because only the console database knows operations.
func (*Standby) OperationLog(context.Context, keepsake.Actor, string, int64, int) ([]LogLine, error) {
	return nil, nil
}

// ListWeddings searches the weddings of the platform, or of the newest recovery point.
func (s *Standby) ListWeddings(ctx context.Context, actor keepsake.Actor, in WeddingsInput) (WeddingPage, error) {
	page, err := s.finder().page(ctx, actor, in, s.now())
	if err != nil {
		return page, err
	}
	if points, err := s.whole(ctx); err == nil && len(trusted(points)) > 0 {
		page.Newest = &ownFacts(actor, trusted(points), "")[0]
	}
	return page, nil
}

// GetWedding returns a wedding's timeline, without the milestones that people set.
func (s *Standby) GetWedding(ctx context.Context, actor keepsake.Actor, id string) (WeddingTimeline, error) {
	t := WeddingTimeline{Now: s.now()}
	found, err := s.finder().one(ctx, actor, id, t.Now)
	if err != nil {
		return t, err
	}
	t.Wedding, t.Missing, t.From, t.Platform = found.Weddings[0], found.Missing, found.From, found.Platform
	t.Milestones = milestones(t.Date, nil)
	points, err := s.whole(ctx)
	t.Points = ownFacts(actor, points, id)
	if newest := trusted(t.Points); len(newest) > 0 {
		t.Newest = newest[0].ID
	}
	return t, err
}

// GetWeddingAt returns a wedding as it was.
func (s *Standby) GetWeddingAt(
	ctx context.Context, actor keepsake.Actor, wedding, point string,
) (engine.WeddingAt, error) {
	in, err := s.finder().weddingAt(ctx, actor, keepsake.MayRead, wedding, point, scope.Missing)
	if err = s.logRead(ctx, actor, wedding, point, err); err != nil {
		return engine.WeddingAt{}, err
	}
	return s.engine.WeddingAt(ctx, in.scope())
}

// GetWeddingChanges returns what changed in a wedding between two moments.
func (s *Standby) GetWeddingChanges(ctx context.Context, actor keepsake.Actor, wedding, from, to string) (
	engine.WeddingChanges, error) {
	in, err := s.finder().weddingAt(ctx, actor, keepsake.MayRead, wedding, from, scope.Rewind, to)
	if err = s.logRead(ctx, actor, wedding, from, err); err != nil {
		return engine.WeddingChanges{}, err
	}
	if to == engine.Now {
		if err := s.watch.mustBeWritable(ctx); err != nil {
			return engine.WeddingChanges{}, err
		}
	}
	return s.engine.WeddingChanges(ctx, in.scope(), to)
}

// logRead logs that somebody reads a scope at a recovery point, or why they may not, and returns that.
func (s *Standby) logRead(ctx context.Context, actor keepsake.Actor, target, point string, err error) error {
	outcome := "allowed"
	if err != nil {
		outcome = "refused"
	}
	s.log.WarnContext(ctx, "a wedding is read without the console database", "actor", actor.Name, "address", actor.Address,
		"session", actor.Session,
		"scope", target, "point", point, "outcome", outcome)
	return err
}
