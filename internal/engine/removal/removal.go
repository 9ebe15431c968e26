package removal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Remover marks and sweeps. It is safe for concurrent use.
type Remover struct {
	Replicas *replicas.Set
	Now      func() time.Time
}

const (
	// LeastGrace is the shortest time between mark and sweep.
	LeastGrace = 24 * time.Hour
	// kept is how long a removal list counts after its grace period. What it names is swept meanwhile.
	kept = 7 * 24 * time.Hour
	// rests is how long it still lies there afterwards, so that nobody uses its names: a sweep that began by it may stand
	// still between a look at the list and what it deletes then.
	rests = 7 * 24 * time.Hour
	// leftFor is for how long objects were left over before they are condemned: longer than a backup may take.
	leftFor = 7 * 24 * time.Hour
	// late is how long before the end of a removal list nothing is deleted by it any more.
	late = 24 * time.Hour
	// mostObjects bounds what one removal list condemns, and what it notes as left over. The next one takes the rest.
	mostObjects = 200_000
	// untouchable is how many of the newest recovery points that cover every tier never go: backups build upon them.
	untouchable = 2
)

// Input says what goes.
type Input struct {
	// Points are to go, as the rules judge now. Of those that an earlier list names and that are not among them any
	// more, nothing goes.
	Points []repository.RemovedPoint
	// Known are recovery points that somebody has seen. When one is listed nowhere, a list came back short.
	Known []string
	// Grace lies between mark and sweep; 0: LeastGrace.
	Grace time.Duration
	// Preview writes and deletes nothing, and says what would be marked.
	Preview bool
}

// Result is the report of a removal. Its JSON form is the contract of `keepsake retention run --json`.
type Result struct {
	Held    string                    `json:"held,omitempty"`    // why nothing went and nothing was marked, a sentence
	List    string                    `json:"list,omitempty"`    // the removal list that was made
	Due     time.Time                 `json:"due,omitzero"`      // when what it names may go
	Problem string                    `json:"problem,omitempty"` // why not all was marked, a sentence
	Marked  []repository.RemovedPoint `json:"marked"`
	Objects int64                     `json:"objects_marked"` // chunks and index pages that nothing else needs
	Bytes   int64                     `json:"bytes_marked"`   // of these, at one provider
	Removed []repository.RemovedPoint `json:"removed"`        // recovery points that are gone
	Spared  []string                  `json:"spared"`         // that stay although they are to go, or were marked
	Pending []PendingPoint            `json:"pending"`        // all that is marked now and still there
	Gone    []string                  `json:"gone"`           // that a list names and no provider lists any more
	Freed   []Freed                   `json:"freed"`          // by provider
	Seconds float64                   `json:"seconds"`
}

// PendingPoint is a recovery point that is marked.
type PendingPoint struct {
	repository.RemovedPoint

	Due time.Time `json:"due"` // before this time it does not go
}

// Freed is what went at a provider.
type Freed struct {
	Provider string `json:"provider"`
	Points   int    `json:"points"`
	Objects  int64  `json:"objects"`
	Bytes    int64  `json:"bytes"`
	Problem  string `json:"problem,omitempty"` // why not all of it went, a sentence
}

// removal is one running Run.
type removal struct {
	*Remover
	in      Input
	now     time.Time
	track   *report.Tracker
	repo    *replicas.Repo
	lists   *replicas.Removals
	points  replicas.Listing
	going   []string // recovery points that go now
	marked  []string // that go when a new list is due
	spared  []string // that an earlier list names, and that stay
	why     map[string]string
	unsound map[string]bool // lists of which a copy is damaged
	objects *objects
	result  Result
}

// Run sweeps what earlier lists condemn and what is due, and marks what goes next. Unsure, it does neither and says why
// in Held.
func (by *Remover) Run(ctx context.Context, in Input, reporter report.Reporter) (Result, error) {
	track := report.NewTracker(reporter, by.Now)
	defer track.Close()
	if in.Grace == 0 {
		in.Grace = LeastGrace
	}
	if in.Grace < LeastGrace {
		return Result{}, keepsake.Errorf(keepsake.CodeInvalid, "the grace period is %v: at least %v are needed", in.Grace,
			LeastGrace)
	}
	started := by.Now()
	r := &removal{Remover: by, in: in, now: started, track: track, why: map[string]string{}, unsound: map[string]bool{}}
	for _, p := range in.Points {
		r.why[p.ID] = cmp.Or(p.Why, "no rule keeps it")
	}
	r.result = Result{
		Marked:  []repository.RemovedPoint{},
		Removed: []repository.RemovedPoint{},
		Spared:  []string{},
		Pending: []PendingPoint{},
		Gone:    []string{},
		Freed:   []Freed{},
	}
	track.Stage(report.StageChecking)
	held, err := r.look(ctx)
	if err == nil && held == "" {
		track.Stage(report.StageRemoving)
		err = r.act(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	if r.result.Held = held; held != "" {
		track.Reportedf("Nothing is removed. %s", held)
	}
	track.Stage(report.StageDone)
	r.result.Seconds = by.Now().Sub(started).Seconds()
	return r.result, nil
}

// act sweeps before it marks: what it marks now waits.
func (r *removal) act(ctx context.Context) error {
	if !r.in.Preview {
		if err := r.sweep(ctx); err != nil {
			return err
		}
	}
	if err := r.mark(ctx); ctx.Err() == nil && err != nil {
		r.result.Problem = sentence(r.result.Problem, keepsake.Sentence(keepsake.MessageOf(err)))
		r.track.Reportedf("%s", r.result.Problem)
	}
	if !r.in.Preview {
		r.dropExpired(ctx)
	}
	r.sumUp()
	return ctx.Err()
}

// sumUp says of all points that lists name how they stand.
func (r *removal) sumUp() {
	removed := map[string]bool{}
	for _, p := range r.result.Removed {
		removed[p.ID] = true
	}
	for _, l := range r.lists.Lists {
		for _, p := range l.Points {
			switch there := len(r.points.At[p.ID]) > 0 && !removed[p.ID]; {
			case !there && !slices.Contains(r.result.Gone, p.ID):
				r.result.Gone = append(r.result.Gone, p.ID)
			case there && r.lists.Removes(p.ID) == l && r.counts(l) && !slices.Contains(r.result.Spared, p.ID):
				r.result.Pending = append(r.result.Pending, PendingPoint{p, l.Due})
			}
		}
	}
	if r.result.List != "" {
		for _, p := range r.result.Marked {
			r.result.Pending = append(r.result.Pending, PendingPoint{p, r.result.Due})
		}
	}
}

// look reads what there is, and returns in words why nothing may go.
func (r *removal) look(ctx context.Context) (held string, err error) {
	if r.repo, err = r.Replicas.Open(ctx); err != nil {
		return "", err
	}
	r.Replicas.InNoHurry(r.repo)
	if held := r.everybodyAnswers(); held != "" {
		return held, nil
	}
	live := r.repo.Live()
	if r.lists, err = r.Replicas.ReadRemovals(ctx, r.repo, live); err != nil {
		return "", err
	}
	if held := cannotList(r.lists.Failed); held != "" {
		return held, nil
	}
	if r.points, err = replicas.ListManifests(ctx, live); err != nil {
		return "", err
	}
	if held := cannotList(r.points.Failed); held != "" {
		return held, nil
	}
	if held := r.knows(); held != "" {
		return held, nil
	}
	if held, err := r.openLists(ctx); held != "" || err != nil {
		return held, err
	}
	if err := r.choose(ctx); err != nil {
		return "", err
	}
	return r.walk(ctx)
}

// knows says which recovery point is listed nowhere that whoever judged has seen. Where a list names it, it has gone
// since: others may stay in its place then, so this run removes none of them.
func (r *removal) knows() string {
	for _, id := range r.in.Known {
		switch {
		case len(r.points.At[id]) > 0:
		case r.lists.Named(id):
			r.result.Gone = append(r.result.Gone, id)
		default:
			return fmt.Sprintf("No provider lists recovery point %s, which was there before, so a list may have come back "+
				"short.", id)
		}
	}
	if len(r.result.Gone) == 0 {
		return ""
	}
	const named = 5
	return fmt.Sprintf("Somebody else has removed %s meanwhile, and others may stay for that. The next retention judges "+
		"anew.", keepsake.FirstFew(r.result.Gone, named))
}

// everybodyAnswers says which provider does not. What only that one holds is not known, so nothing goes.
func (r *removal) everybodyAnswers() string {
	for _, p := range r.repo.Providers {
		if err := r.repo.Down[p.Name]; err != nil {
			return fmt.Sprintf("Provider %s cannot be asked what it holds. %s", p.Name, replicas.Explain(err))
		}
		if r.repo.Lacking[p.Name] {
			return fmt.Sprintf("Provider %s does not hold the repository.", p.Name)
		}
	}
	return ""
}

func cannotList(failed map[string]error) string {
	for name, err := range failed {
		return fmt.Sprintf("Provider %s cannot list what it holds. %s", name, replicas.Explain(err))
	}
	return ""
}

// choose says which recovery points go now and which are marked. What somebody has locked stays, whatever was asked
// for, and so does one on which a note cannot be read.
func (r *removal) choose(ctx context.Context) error {
	toGo := map[string]bool{}
	marks := replicas.NewMarks(r.repo, r.repo.Live())
	for _, p := range r.in.Points {
		locked, unread, err := marks.Locked(ctx, p.ID)
		if err != nil {
			return err
		}
		if toGo[p.ID] = !locked && len(unread) == 0; !toGo[p.ID] && r.lists.Removes(p.ID) == nil {
			r.result.Spared = append(r.result.Spared, p.ID)
		}
	}
	for _, id := range r.points.NewestFirst() {
		named := r.lists.Naming(id)
		lists := slices.DeleteFunc(slices.Clone(named), func(l *repository.Removal) bool { return !r.counts(l) })
		switch {
		case !toGo[id] && len(named) > 0:
			r.spared, r.result.Spared = append(r.spared, id), append(r.result.Spared, id)
		case !toGo[id]:
		case len(lists) == 0:
			r.marked = append(r.marked, id)
		case slices.ContainsFunc(lists, r.due):
			r.going = append(r.going, id)
		}
	}
	return nil
}

// openLists opens each copy of the lists that are due, and returns in words which provider does not give one. By a list
// with a damaged copy nothing goes: what it names is marked anew, and it is dropped when it ends.
func (r *removal) openLists(ctx context.Context) (held string, err error) {
	for _, l := range r.lists.Lists {
		for _, p := range r.repo.Live() {
			if !r.due(l) || !r.lists.At[l.ID][p.Name] {
				continue
			}
			_, err := r.opens(ctx, p, l)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return "", ctx.Err()
			case keepsake.CodeOf(err) == keepsake.CodeDamaged || errors.Is(err, storage.ErrNotFound) ||
				errors.Is(err, storage.ErrTooLarge):
				r.unsound[l.ID] = true
				r.track.Infof("Provider %s: the removal list %s is damaged, so nothing goes by it.", p.Name, l.ID)
			default:
				return fmt.Sprintf("Provider %s does not give its removal list. %s", p.Name, replicas.Explain(err)), nil
			}
		}
	}
	return "", nil
}

// counts reports whether something goes by a list, once it is due: it lies at every provider that it names, or a point
// would lose some of its copies, and it does not end soon.
func (r *removal) counts(l *repository.Removal) bool {
	return !r.unsound[l.ID] && r.now.Before(l.Expires.Add(-late)) && complete(r.repo, r.lists, l)
}

// complete reports whether a list lies at every provider that it names and that answers.
func complete(repo *replicas.Repo, lists *replicas.Removals, l *repository.Removal) bool {
	return !slices.ContainsFunc(repo.Live(), func(p replicas.Provider) bool {
		return slices.Contains(l.Providers, repo.Identities[p.Name].Provider) && !lists.At[l.ID][p.Name]
	})
}

// due reports whether what a list names may go.
func (r *removal) due(list *repository.Removal) bool {
	return r.counts(list) && !r.now.Before(list.Due) && !r.now.Before(list.Time.Add(LeastGrace))
}

func (r *removal) removed(ids []string) []repository.RemovedPoint {
	out := make([]repository.RemovedPoint, 0, len(ids))
	for _, id := range ids {
		out = append(out, repository.RemovedPoint{ID: id, Why: r.why[id]})
	}
	return out
}

// protect takes the recovery points that backups build upon out of what goes. whole are all that cover every tier.
// Whoever has a writer's key makes points of any time, so those of the repository's own key are counted without them.
func (r *removal) protect(whole []string) {
	slices.Sort(whole)
	own := slices.DeleteFunc(slices.Clone(whole), repository.WriterMade)
	newest := slices.Concat(own[max(0, len(own)-untouchable):], whole[max(0, len(whole)-untouchable):])
	isNewest := func(id string) bool { return slices.Contains(newest, id) }
	for _, id := range slices.Concat(r.going, r.marked) {
		if isNewest(id) {
			r.result.Spared = append(r.result.Spared, id)
		}
	}
	for _, id := range r.going {
		if isNewest(id) {
			r.spared = append(r.spared, id)
		}
	}
	r.going = slices.DeleteFunc(r.going, isNewest)
	r.marked = slices.DeleteFunc(r.marked, isNewest)
}

func sentence(parts ...string) string { return strings.TrimSpace(strings.Join(parts, " ")) }
