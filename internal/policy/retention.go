package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Retention are the rules by which recovery points stay. A point stays while any rule keeps it, and whatever nobody can
// be sure about stays, too. A rule that is 0 or below keeps none.
//
// The rules that count keep one point of each of the newest hours, days and so on that have a point, so that a console
// that was away for a year, or whose clock jumps, loses none by that. Of several points they keep one that is not
// suspect rather than a suspect one, a protected one rather than an unprotected one, and then the newest. What holds
// everything is counted apart from what holds less, and a suspect point takes no place of one that is not. What a
// writer's key made is counted apart from what the repository's own key sealed, and takes no place of it.
type Retention struct {
	Last    int // so many of the newest points
	Hourly  int // one of each of so many hours
	Daily   int
	Weekly  int // weeks begin on Mondays
	Monthly int
	Yearly  int
	// Within is for how long every point stays.
	Within time.Duration
	// MilestoneDays is until how many days after its wedding a point stays that was made for a milestone of it.
	MilestoneDays int
	// Zone is where days begin.
	Zone *time.Location
	// MostShare is how many percent of all points, and MostCount how many points, may go at once without a person's word.
	// Points that were marked before were decided upon then and do not count.
	MostShare, MostCount int
}

// DefaultRetention are the rules of a console that is told nothing else. Their zone is this machine's.
func DefaultRetention() Retention {
	return Retention{
		Last:          10,
		Hourly:        48,
		Daily:         30,
		Weekly:        12,
		Monthly:       24,
		Yearly:        10,
		Within:        48 * time.Hour,
		MilestoneDays: 365,
		Zone:          time.Local,
		MostShare:     50,
		MostCount:     500,
	}
}

// HeldPoint is what retention knows of a recovery point.
type HeldPoint struct {
	ID   string
	Time time.Time // of the snapshot
	Type keepsake.BackupType
	// Written says that a writer's key made it, so that nobody can be sure of its time.
	Written bool
	// Weddings are those for which it was made.
	Weddings []keepsake.WeddingMark
	Locked   bool   // somebody said that it stays
	LockWhy  string // what they wrote to it
	Proven   bool   // its bytes were read back and were sound
	Drilled  bool   // it was restored and compared
	Suspect  string // why it is suspect, a sentence; "": it is not
	// Protected says that its copies satisfy the 3-2-1 rule.
	Protected bool
	Marked    bool   // it was marked to go, and whoever had to has confirmed that
	Unread    string // why its manifest or its notes could not be read, a sentence; "": both were
}

// Whole reports whether it covers every tier.
func (p HeldPoint) Whole() bool { return whole(p.Type) }

// RetentionFacts is what decides which points stay.
type RetentionFacts struct {
	Points []HeldPoint // all there are, in any order
	// Failing says why nothing may go just now: backups fail, or the list of points may not be all there are. "": nothing
	// is wrong.
	Failing string
}

// RetentionPlan says of each point whether it stays.
type RetentionPlan struct {
	Verdicts []RetentionVerdict // one for each point, the newest first
	// Held says why nothing goes now, nor what backups left over, or that there are no rules, in sentences; "": it may go.
	// Where the rules let no point go, Held has what is wrong with backups alone.
	Held string
	// Large says why a person has to confirm it, a sentence; "": nobody has to.
	Large string
}

// RetentionVerdict says whether the rules keep a point.
type RetentionVerdict struct {
	Point HeldPoint
	Keep  bool
	// ByRule says that a rule which counts points, or Within, keeps it, whatever else does.
	ByRule bool
	// Why are the reasons for which it stays, or the one for which it goes, such as "the last of Tuesday, 1 December
	// 2026".
	Why []string
}

// Removals are the points that may go, the newest first: none while the plan is held. Where a person has to confirm it,
// only those that are marked already, and those that confirmed names.
func (p RetentionPlan) Removals(confirmed func(id string) bool) (points []RetentionVerdict) {
	if p.Held != "" {
		return nil
	}
	for _, v := range p.Verdicts {
		if !v.Keep && (p.Large == "" || v.Point.Marked || confirmed != nil && confirmed(v.Point.ID)) {
			points = append(points, v)
		}
	}
	return points
}

// Going are the points that no rule keeps, the newest first, whether they may go now or not.
func (p RetentionPlan) Going() (points []RetentionVerdict) {
	for _, v := range p.Verdicts {
		if !v.Keep {
			points = append(points, v)
		}
	}
	return points
}

// Plan judges all points at once. It needs all of them: what is newest, and what a point takes the place of, follows
// from the others. The same facts give the same plan, in whatever order the points come.
func (r Retention) Plan(f RetentionFacts, now time.Time) RetentionPlan {
	j := judge{rules: r, now: now, zone: cmp.Or(r.Zone, time.Local), list: make([]RetentionVerdict, len(f.Points))}
	for i, p := range f.Points {
		j.list[i].Point = p
	}
	slices.SortFunc(j.list, func(a, b RetentionVerdict) int {
		return cmp.Or(b.Point.Time.Compare(a.Point.Time), cmp.Compare(b.Point.ID, a.Point.ID))
	})
	if !r.KeepsAny() { // nobody means that everything goes
		for i := range j.list {
			j.keep(i, "no rule keeps anything, so everything stays")
		}
		return RetentionPlan{Verdicts: j.list, Held: "No rule keeps anything, so everything stays."}
	}
	j.judge()
	plan := RetentionPlan{Verdicts: j.list, Large: j.large()}
	switch {
	case f.Failing != "":
		plan.Held = keepsake.Sentence("Nothing goes now: " + f.Failing)
	case slices.ContainsFunc(j.list, func(v RetentionVerdict) bool { return !v.Keep }):
		plan.Held = j.held()
	}
	return plan
}

// KeepsAny reports whether any rule keeps points. It is false for the zero value, which somebody forgot to fill in, and
// by MilestoneDays alone, which keep nothing of a platform without milestones. Then Plan keeps every point.
func (r Retention) KeepsAny() bool {
	return max(r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly) > 0 || r.Within > 0
}

// large says why a person has to confirm it. However many points a writer's key made, no more of the others go by
// themselves.
func (j *judge) large() string {
	var going, all, ownGoing, own int
	for _, v := range j.list {
		goes := 0
		if !v.Keep && !v.Point.Marked {
			goes = 1
		}
		going, all = going+goes, all+1
		if !v.Point.Written {
			ownGoing, own = ownGoing+goes, own+1
		}
	}
	if why := j.rules.large(ownGoing, own, "points"+notOfWriters(own, all)); why != "" {
		return why
	}
	return j.rules.large(going, all, "points")
}

func notOfWriters(own, all int) string {
	if own == all {
		return ""
	}
	return " that no writer's key made"
}

// large says why a person has to confirm that so many go of all those points.
func (r Retention) large(going, all int, points string) string {
	most := max(0, min(r.MostCount, all*r.MostShare/100))
	if going <= most {
		return ""
	}
	verb := "go by themselves"
	if most == 1 {
		verb = "goes by itself"
	}
	return fmt.Sprintf("It would remove %s of %s %s; at most %s %s.", keepsake.Count(int64(going)),
		keepsake.Count(int64(all)), points, keepsake.Count(int64(most)), verb)
}

// held says why nothing may go by the points that there are.
func (j *judge) held() string {
	own := func(p HeldPoint) bool { return !p.Written }
	for _, whose := range []func(HeldPoint) bool{func(HeldPoint) bool { return true }, own} {
		if why := j.heldBy(whose); why != "" {
			return why
		}
	}
	whose := func(HeldPoint) bool { return true }
	if _, found := j.newest(func(p HeldPoint) bool { return own(p) && p.Whole() }); found {
		whose = own // where a repository has writers' points alone, these are all that can be asked for
	}
	sound := func(p HeldPoint) bool {
		return whose(p) && !p.Time.After(j.now) && p.Whole() && j.sure(p) && p.Suspect == ""
	}
	if _, found := j.newest(sound); !found {
		return "Nothing goes now: no recovery point that is not suspect holds everything."
	}
	return ""
}

// heldBy says which of the newest of those points is suspect or cannot be read. It is asked of all points, and of those
// that no writer's key made: a newer one by such a key takes nothing back that one of those says.
func (j *judge) heldBy(whose func(HeldPoint) bool) string {
	// A platform that is damaged now may need any of the older points. A point whose time is yet to come may be the
	// newest or not, so neither it nor the newest one before it may be suspect.
	past := func(p HeldPoint) bool { return !p.Time.After(j.now) }
	for _, among := range []func(HeldPoint) bool{
		func(HeldPoint) bool { return true },
		HeldPoint.Whole,
		past,
		func(p HeldPoint) bool { return past(p) && p.Whole() },
	} {
		p, found := j.newest(func(p HeldPoint) bool { return whose(p) && among(p) })
		if found && p.Unread != "" && past(p) {
			return "Nothing goes now: the newest recovery point, " + p.ID + ", could not be read, and may be suspect. " +
				keepsake.Sentence(p.Unread)
		}
		p, found = j.newest(func(p HeldPoint) bool { return p.Unread == "" && whose(p) && among(p) })
		if found && p.Suspect != "" {
			return "Nothing goes now: the newest recovery point, " + p.ID + ", is suspect. " + keepsake.Sentence(p.Suspect)
		}
	}
	return ""
}

// newest returns the newest of those points.
func (j *judge) newest(among func(HeldPoint) bool) (HeldPoint, bool) {
	for _, v := range j.list {
		if among(v.Point) {
			return v.Point, true
		}
	}
	return HeldPoint{}, false
}
