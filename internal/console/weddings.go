package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// weddingsTime bounds asking the platform for weddings: no page depends on it.
	weddingsTime = 3 * time.Second
	// weddingsAtTime bounds reading them from a recovery point instead.
	weddingsAtTime = 15 * time.Second
	longestSearch  = 200
	// timelinePoints is how many recovery points a wedding's timeline shows, the newest.
	timelinePoints = 400
)

// FoundWeddings is an answer about weddings, and says where it comes from.
type FoundWeddings struct {
	Weddings []Wedding
	// Missing says why the weddings are not the live platform's. It is empty when the platform answered. From is the
	// time of the recovery point that they come from instead, or zero where none could be read.
	Missing string
	From    time.Time
	// Total is how many weddings there are, besides those listed. Of weddings ahead, MostAhead+1 stands for more. Days
	// are the days that a search was read as, in words.
	Total          int
	Days           []string
	VendorsMissing bool // a search has found no vendors, because they could not be read in time
	// GoneUnknown says that nobody could find out whether the platform has lost weddings.
	GoneUnknown bool
	// Platform is how it stood when it was asked.
	Platform PlatformState
}

// finder looks for weddings in the platform and, where that does not answer, in the newest recovery point.
type finder struct {
	engine weddingSource
	log    *slog.Logger
	now    func() time.Time
	watch  *platformWatch
}

// weddingSource is what a finder needs from the engine.
type weddingSource interface {
	Weddings(context.Context, engine.WeddingQuery) ([]engine.Wedding, error)
	WeddingsAt(ctx context.Context, point string, q engine.WeddingQuery) ([]engine.Wedding, time.Time, error)
	FindWeddings(context.Context, engine.WeddingSearch) (engine.FoundWeddings, error)
	FindWeddingsAt(ctx context.Context, point string, q engine.WeddingSearch) (engine.FoundWeddings, time.Time, error)
	KnownWeddings(context.Context, engine.WeddingQuery) ([]engine.Wedding, time.Time, error)
	FindGone(ctx context.Context, q engine.WeddingSearch, platform bool) (engine.FoundWeddings, time.Time, error)
}

// find asks the platform, and when that does not answer the newest recovery point.
func (f finder) find(ctx context.Context, actor keepsake.Actor, q engine.WeddingQuery) FoundWeddings {
	now := q.Today
	q.Today, q.Organization = day(now), actor.Organization
	return f.ask(ctx, actor, now, func(ctx context.Context) (engine.FoundWeddings, error) {
		list, err := f.engine.Weddings(ctx, q)
		return engine.FoundWeddings{Weddings: list}, err
	}, func(ctx context.Context) (engine.FoundWeddings, time.Time, error) {
		list, from, err := f.engine.WeddingsAt(ctx, "latest", q)
		return engine.FoundWeddings{Weddings: list}, from, err
	})
}

// search is find for words, or a list of all.
func (f finder) search(ctx context.Context, actor keepsake.Actor, q engine.WeddingSearch, now time.Time) FoundWeddings {
	q.Organization = actor.Organization
	return f.ask(ctx, actor, now, func(ctx context.Context) (engine.FoundWeddings,
		error) {
		return f.engine.FindWeddings(ctx, q)
	},
		func(ctx context.Context) (engine.FoundWeddings, time.Time, error) {
			return f.engine.FindWeddingsAt(ctx, "latest", q)
		})
}

// gone searches the newest recovery point for what the platform does not know: a wedding that was deleted is the very
// one somebody looks for. What it cannot find leaves found as it is.
func (f finder) gone(ctx context.Context, actor keepsake.Actor, q engine.WeddingSearch,
	found FoundWeddings) FoundWeddings {
	q.Organization = actor.Organization
	reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	then, from, err := f.engine.FindWeddingsAt(reading, "latest", q)
	if err != nil || then.Total == 0 {
		return found
	}
	out := FoundWeddings{
		Platform:       found.Platform,
		From:           from,
		Total:          then.Total,
		Days:           then.Days,
		VendorsMissing: then.VendorsMissing,
		Missing: "No wedding in the platform fits. These are in the newest recovery point: they were deleted or renamed " +
			"since, and can be brought back.",
	}
	for _, w := range then.Weddings {
		out.Weddings = append(out.Weddings, judged(w, q.Today))
	}
	return out
}

func (f finder) ask(ctx context.Context, actor keepsake.Actor, now time.Time,
	live func(context.Context) (engine.FoundWeddings, error),
	then func(context.Context) (engine.FoundWeddings, time.Time, error)) FoundWeddings {
	if actor.Role != keepsake.RoleSuperAdmin && actor.Role != keepsake.RoleSystem {
		return FoundWeddings{Missing: "Your account may not see weddings."}
	}
	var out FoundWeddings
	found, err := fromPlatform(ctx, f.watch, live)
	out.Platform = f.watch.known()
	if err != nil {
		f.log.WarnContext(ctx, "the weddings could not be read from the platform", "err", err)
		out.Platform = f.watch.saw(err)
		why := out.Platform.why(err)
		out.Missing = why + " Weddings are shown as the newest recovery point knows them."
		reading, cancel := context.WithTimeout(ctx, weddingsAtTime)
		defer cancel()
		if found, out.From, err = then(reading); err != nil {
			f.log.WarnContext(ctx, "the weddings could not be read from a recovery point", "err", err)
			out.From = time.Time{}
			if out.Missing = why; !out.Platform.WithoutWeddings { // a recovery point of such a platform knows none either
				out.Missing += " No recovery point could be read either, so weddings cannot be shown." + words(err)
			}
		}
	}
	for _, w := range found.Weddings {
		out.Weddings = append(out.Weddings, judged(w, now))
	}
	out.Total, out.Days, out.VendorsMissing = found.Total, found.Days, found.VendorsMissing
	return out
}

// ahead finds the next weddings: all of today and tomorrow, and nextWeddings later ones.
func (f finder) ahead(ctx context.Context, actor keepsake.Actor) FoundWeddings {
	out := f.find(ctx, actor, engine.WeddingQuery{Today: f.now(), Within: weddingsAhead, Limit: MostAhead + 1})
	out = f.withGone(ctx, actor, out)
	out.Total = len(out.Weddings)
	out.Weddings = out.Weddings[:min(len(out.Weddings), MostAhead)]
	later := slices.IndexFunc(out.Weddings, func(w Wedding) bool { return w.DaysLeft > 1 })
	if later >= 0 {
		out.Weddings = out.Weddings[:min(len(out.Weddings), later+nextWeddings)]
	}
	return out
}

// one finds a wedding by its key, also one that only the newest recovery point knows.
func (f finder) one(ctx context.Context, actor keepsake.Actor, id string, now time.Time) (FoundWeddings, error) {
	if !plain(id) || id == "" {
		return FoundWeddings{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
	}
	if err := f.mayActOnWedding(ctx, actor, keepsake.MayRead, id); err != nil {
		return FoundWeddings{}, keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
	}
	found := f.find(ctx, actor, engine.WeddingQuery{IDs: []string{id}, Today: now, Limit: 1})
	if len(found.Weddings) == 0 && found.answered() {
		// A wedding that is gone from the platform is the very one somebody looks for.
		list, from, err := f.engine.KnownWeddings(ctx,
			engine.WeddingQuery{IDs: []string{id}, Organization: actor.Organization, Today: day(now), Limit: 1})
		if err == nil && len(list) == 1 {
			found.Weddings = goneOf(list, now)
			found.Missing, found.From = "This wedding is not in the platform any more. It is shown as the newest recovery "+
				"point that holds it knows it, and can be brought back.", from
		}
	}
	switch {
	case len(found.Weddings) == 0 && found.Missing != "" && found.From.IsZero(): // nobody could be asked
		return found, keepsake.Errorf(keepsake.CodeUnavailable, "%s", found.Missing)
	case len(found.Weddings) == 0:
		return found, keepsake.Errorf(keepsake.CodeNotFound, "%s",
			cmp.Or(found.Missing, "There is no such wedding, neither in the platform nor in the newest recovery point. An "+
				"older one may know it: open it under Recovery points."))
	}
	return found, nil
}

// judged adds to a wedding how soon it is.
func judged(w engine.Wedding, now time.Time) Wedding {
	if w.Date.IsZero() {
		return Wedding{Wedding: w, Phase: keepsake.PhasePlanning, Urgency: keepsake.UrgencyNormal}
	}
	left := keepsake.DaysBefore(w.Date, now)
	return Wedding{Wedding: w, DaysLeft: left, Phase: keepsake.PhaseOf(left), Urgency: keepsake.UrgencyOf(left)}
}

// WeddingsInput selects weddings, those ahead first, nearest first.
type WeddingsInput struct {
	Search string // words of couple, organization, place or vendor, and days; empty: all
	Cursor string // WeddingPage.Next of the page before; empty: the nearest
	Limit  int    // 1 to 200; 0: 50
}

// WeddingPage is one page of weddings. Next is empty on the last.
type WeddingPage struct {
	FoundWeddings
	Next string
	// Newest is the newest recovery point that covers all of them, or nil where there is none. Own has newer points of
	// single weddings.
	Newest *Point
}

// ListWeddings searches the platform's weddings, or those of the newest recovery point when the platform does not
// answer.
func (c *Console) ListWeddings(ctx context.Context, actor keepsake.Actor, in WeddingsInput) (WeddingPage, error) {
	p, err := c.platformOf(actor)
	if err == nil {
		err = mayAct(actor, keepsake.MayRead)
	}
	if err != nil {
		return WeddingPage{}, c.recordRefused(ctx, actor, audit.WeddingsList, "", nil, err)
	}
	page, err := p.finder().page(ctx, actor, in, c.now())
	if err == nil {
		page.Newest, err = c.newestWhole(ctx, p, actor)
	}
	return page, err
}

func (f finder) page(ctx context.Context, actor keepsake.Actor, in WeddingsInput, now time.Time) (page WeddingPage,
	err error) {
	if !plain(in.Search) || utf8.RuneCountInString(in.Search) > longestSearch {
		return page, keepsake.Errorf(keepsake.CodeInvalid,
			"This cannot be searched for: use at most %d characters of text.", longestSearch)
	}
	limit := limitOf(in.Limit)
	q := engine.WeddingSearch{Text: in.Search, Today: day(now), Limit: limit + 1}
	if in.Cursor != "" {
		place, err := placeOf(in.Cursor)
		if err != nil {
			return page, err
		}
		q.Today, q.After = dayOf(place.On), &engine.Wedding{Couple: place.Couple, ID: place.ID, Rank: place.Rank}
		if place.Day != nil {
			q.After.Date = dayOf(*place.Day)
		}
	}
	page.FoundWeddings = f.search(ctx, actor, q, now)
	var gone []Wedding // before the first page
	if in.Cursor == "" {
		there := len(page.Weddings)
		page.FoundWeddings = f.searchGone(ctx, actor, q, page.FoundWeddings)
		n := len(page.Weddings) - there
		gone, page.Weddings = page.Weddings[:n], page.Weddings[n:]
		defer func() { page.Weddings = slices.Concat(gone, page.Weddings) }()
	}
	if in.Search != "" && page.Total == 0 && page.Missing == "" {
		page.FoundWeddings = f.gone(ctx, actor, q, page.FoundWeddings)
	}
	for i, w := range page.Weddings { // the pages before may be of yesterday
		page.Weddings[i] = judged(w.Wedding, now)
		page.Weddings[i].Gone = w.Gone
	}
	if len(page.Weddings) > limit {
		page.Weddings = page.Weddings[:limit]
		w := page.Weddings[limit-1]
		last := weddingPlace{On: q.Today.Unix() / daySeconds, Couple: w.Couple, ID: w.ID, Rank: w.Rank}
		if !w.Date.IsZero() {
			last.Day = new(w.Date.Unix() / daySeconds)
		}
		page.Next, err = cursorOf(last)
		return page, err
	}
	return page, nil
}

// weddingPlace is where a page of weddings ended: after which one, in the order that the first page's day has made.
// Days are counted from 1970: a platform's typing errors have years that JSON has not.
type weddingPlace struct {
	On         int64
	Day        *int64 // nil: it has none
	Couple, ID string
	Rank       int // how well it fits the search
}

const (
	daySeconds = 24 * 60 * 60
	mostDays   = 1_000_000_000 // PostgreSQL has no more than twice as many
	leastDays  = -700_000      // nor can it read years before the first
)

func dayOf(n int64) time.Time { return time.Unix(n*daySeconds, 0).UTC() }

// cursorOf writes a place in a list as the cursor that readCursor reads.
func cursorOf(place any) (string, error) {
	b, err := json.Marshal(place)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func readCursor(cursor string, place any) error {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, place)
	}
	return err
}

// errCursor answers a cursor that no list has given.
var errCursor = keepsake.Wrong("cursor", "This page of the list does not exist: begin with the first.")

func placeOf(cursor string) (p weddingPlace, err error) {
	err = readCursor(cursor, &p)
	day := p.On
	if p.Day != nil {
		day = *p.Day
	}
	if err != nil || !plain(p.Couple+p.ID) || p.ID == "" || min(p.On, day) < leastDays || max(p.On, day) > mostDays {
		return p, errCursor
	}
	return p, nil
}

// newestWhole returns the newest recovery point that holds every tier, nil if there is none.
func (c *Console) newestWhole(ctx context.Context, p *platform, actor keepsake.Actor) (*Point, error) {
	points, err := c.inPoints(ctx, actor, "", func(tx db.Tx) ([]Point, error) {
		row, err := newestWhole(ctx, tx, p.Name)
		if db.IsNoRows(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return withTests(ctx, tx, []sqlcgen.RecoveryPoint{row})
	})
	if err != nil || len(points) == 0 {
		return nil, err
	}
	return &points[0], nil
}

// WeddingTimeline is one wedding with its phases, milestones and recovery points.
type WeddingTimeline struct {
	Wedding
	Now     time.Time
	Missing string // as in FoundWeddings
	From    time.Time
	// Platform is how it stood when it was asked.
	Platform PlatformState
	// Newest is the newest recovery point, also of those that the console does not list yet. It is "" where there is
	// none.
	Newest string
	// Milestones in order of time; Points newest first, those that hold this wedding.
	Milestones []Milestone
	Points     []Point
	// Drill is the newest restore of everything that compared every row, or nil where none did.
	Drill *PointTest
}

// Milestone is a day of a wedding that has a name.
type Milestone struct {
	Name    string
	Day     time.Time // at midnight UTC
	Derived bool      // from the wedding's day, so that nobody can move it
}

// GetWedding returns one wedding's timeline.
func (c *Console) GetWedding(ctx context.Context, actor keepsake.Actor, id string) (t WeddingTimeline, err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.WeddingRead, id, err) }()
	t.Now = c.now()
	if err = mayAct(actor, keepsake.MayRead); err != nil {
		return t, err
	}
	p, err := c.platformOf(actor)
	if err != nil {
		return t, err
	}
	found, err := p.finder().one(ctx, actor, id, t.Now)
	if err != nil {
		return t, err
	}
	t.Wedding, t.Missing, t.From, t.Platform = found.Weddings[0], found.Missing, found.From, found.Platform
	t.Points, err = c.inPoints(ctx, actor, id, func(tx db.Tx) ([]Point, error) {
		rows, err := tx.ListWeddingPoints(ctx, sqlcgen.ListWeddingPointsParams{
			Platform:  p.Name,
			WeddingID: &id,
			Most:      timelinePoints,
		})
		if err != nil {
			return nil, err
		}
		drill, err := tx.GetNewestDrill(ctx, p.Name)
		if err == nil {
			d := testOf(drill)
			t.Drill = &d
		} else if !db.IsNoRows(err) {
			return nil, err
		}
		return withTests(ctx, tx, rows)
	})
	if err == nil {
		err = c.db.InTx(ctx, actor, func(tx db.Tx) error {
			set, err := tx.ListMilestones(ctx, sqlcgen.ListMilestonesParams{Platform: p.Name, WeddingID: id})
			t.Milestones = milestones(t.Date, set)
			return err
		})
	}
	if err != nil {
		return t, fmt.Errorf("read the timeline of wedding %s: %w", id, err)
	}
	if newest := trusted(t.Points); len(newest) > 0 {
		t.Newest = newest[0].ID
	} else {
		t.Newest = p.newestUnheard(ctx)
	}
	return t, nil
}

// newestUnheard asks the providers for the newest recovery point where the console knows of none; "" where there is
// none, or nobody answers.
func (p *platform) newestUnheard(ctx context.Context) string {
	asking, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	id, err := p.Engine.NewestPoint(asking)
	if err != nil {
		return ""
	}
	return id
}

// Emergency returns the overview for the emergency page. A console that knows no recovery point yet asks the
// providers.
func (c *Console) Emergency(ctx context.Context, actor keepsake.Actor) (Dashboard, error) {
	// asked anew: who comes here must know at once what is up
	d, err := c.overview(ctx, actor, func(ctx context.Context, p *platform) FoundWeddings {
		return p.finder().ahead(ctx, actor)
	})
	if err != nil || d.Newest != nil {
		return d, err
	}
	p, err := c.platformOf(actor)
	if err != nil {
		return d, err
	}
	asking, cancel := context.WithTimeout(ctx, weddingsAtTime)
	defer cancel()
	list, err := p.Engine.NewestPoints(asking, standbyPoints)
	if err != nil {
		c.log.WarnContext(ctx, "the recovery points could not be listed", "err", err)
		return d, nil
	}
	d.takeNewest(ownFacts(actor, WholePoints(list, ""), ""))
	return d, nil
}

// WholePoints leaves out points of some tiers only, but for the one that somebody named.
func WholePoints(list []engine.Point, named string) (points []Point) {
	for _, p := range list {
		if p.Type == string(keepsake.BackupFull) || p.Type == string(keepsake.BackupIncremental) || p.ID == named {
			points = append(points, Point{Point: p})
		}
	}
	return points
}
