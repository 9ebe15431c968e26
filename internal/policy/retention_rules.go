package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// judge finds the reasons for which each point stays.
type judge struct {
	rules Retention
	now   time.Time
	zone  *time.Location
	list  []RetentionVerdict // the newest first
	times map[string]int     // how often an ID is in the list
	// instead says of a point that no rule keeps which one stays in its place.
	instead map[int]string
}

func (j *judge) keep(i int, why string) {
	j.list[i].Keep, j.list[i].Why = true, append(j.list[i].Why, why)
}

// rule is keep for what a rule says that counts points, or Within.
func (j *judge) rule(i int, why string) {
	j.keep(i, why)
	j.list[i].ByRule = true
}

func (j *judge) judge() {
	j.times, j.instead = make(map[string]int, len(j.list)), map[int]string{}
	for _, v := range j.list {
		j.times[v.Point.ID]++
	}
	groups := map[likeness][]int{} // of points of which one can take another's place, the newest first
	for i := range j.list {
		if p := j.list[i].Point; j.byItself(i) {
			like := likeness{covers(p), p.Written}
			groups[like] = append(groups[like], i)
		}
	}
	for _, like := range []likeness{{everything, false}, {everything, true}} {
		j.never(groups[like], like.words())
	}
	spans := j.rules.spans()
	for like, group := range groups {
		of := like.words()
		j.last(group, of)
		for _, s := range spans {
			j.oneOfEach(s, group, of)
		}
	}
	for i := range j.list {
		switch why, found := j.instead[i]; {
		case j.list[i].Keep:
		case found:
			j.list[i].Why = []string{why}
		default:
			j.list[i].Why = []string{"no rule reaches back that far"}
		}
	}
}

const everything = ""

// likeness is equal for points of which one can take the place of another: they hold the same, and none or all of them
// were made by a writer's key. Whoever has that key gives a point any time and says of it what they like.
type likeness struct {
	covers  string
	written bool
}

func (l likeness) words() (of string) {
	switch {
	case l.covers != everything && l.written:
		return ", among those of " + l.covers + " that a writer's key made"
	case l.covers != everything:
		return ", among those of " + l.covers
	case l.written:
		return ", among those that a writer's key made"
	}
	return ""
}

// covers is equal for points that hold the same.
func covers(p HeldPoint) string {
	switch {
	case p.Whole():
		return everything
	case p.Type == keepsake.BackupCritical:
		return "the critical tier alone"
	}
	var ids []string
	for _, m := range p.Weddings {
		ids = append(ids, m.WeddingID)
	}
	return "wedding " + strings.Join(ids, ", ")
}

// sure reports whether everything is known of a point that the rules go by.
func (j *judge) sure(p HeldPoint) bool {
	_, err := keepsake.ParseBackupType(string(p.Type))
	known := err == nil && (p.Whole() || p.Type == keepsake.BackupCritical || len(p.Weddings) > 0)
	return known && p.Unread == "" && !p.Time.IsZero() && j.times[p.ID] == 1
}

// byItself finds what keeps a point whatever others there are. It reports whether the point counts among others: one of
// which nobody is sure, or that lies ahead, takes no other's place.
func (j *judge) byItself(i int) (counts bool) {
	p := j.list[i].Point
	if p.Locked {
		j.keep(i, "locked"+colon(p.LockWhy))
	}
	counts = j.sure(p)
	switch {
	case counts:
	case p.Unread != "":
		j.keep(i, "it could not be read"+colon(p.Unread))
	case p.Time.IsZero():
		j.keep(i, "nobody can say when it was taken")
	case j.times[p.ID] > 1:
		j.keep(i, "the list has it twice")
	default:
		j.keep(i, "nobody can say what it holds")
	}
	if p.Time.After(j.now) {
		j.keep(i, "its time is yet to come, so a clock was wrong")
		counts = false
	}
	if within := j.rules.Within; within > 0 && p.Time.After(j.now.Add(-within)) {
		j.rule(i, "younger than "+SpanWords(within))
	}
	if why := j.milestone(p.Weddings); why != "" {
		j.keep(i, why)
	}
	return counts
}

func colon(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

// milestone says for which wedding a point stays: of several the one that keeps it longest.
func (j *judge) milestone(marks []keepsake.WeddingMark) (why string) {
	var last time.Time
	for _, m := range marks {
		if m.Milestone == "" {
			continue
		}
		what := fmt.Sprintf("made for the milestone %q of a wedding", strings.ReplaceAll(m.Milestone, "_", " "))
		if m.Milestone == keepsake.MilestoneDayBefore {
			what = "made for the day before a wedding"
		}
		date, err := time.Parse(time.DateOnly, m.Date)
		if err != nil {
			return what + " whose day nobody can say"
		}
		until := date.AddDate(0, 0, max(0, j.rules.MilestoneDays))
		if ends := shows(until.AddDate(0, 0, 1), j.zone); ends.After(j.now) && (why == "" || until.After(last)) {
			const day = "2 January 2006"
			why, last = what+" on "+date.Format(day)+", and stays until "+until.Format(day), until
		}
	}
	return why
}

// never keeps of the points that hold everything what no rule may take: of those that a writer's key made, and of the
// others.
func (j *judge) never(group []int, of string) {
	for _, n := range []struct {
		most int
		why  string
		is   func(HeldPoint) bool
	}{
		{2, "one of the two newest that hold everything", HeldPoint.Whole},
		{1, "the newest that was proven", func(p HeldPoint) bool { return p.Proven }},
		{1, "the newest that was restored and compared", func(p HeldPoint) bool { return p.Drilled }},
		{1, "the newest that is protected", func(p HeldPoint) bool { return p.Protected }},
	} {
		var those []int
		for _, i := range group {
			if n.is(j.list[i].Point) {
				those = append(those, i)
			}
		}
		j.newestOf(those, n.most, n.why+of, j.keep)
	}
}

// last keeps the newest ones.
func (j *judge) last(group []int, of string) {
	why := "the newest"
	if j.rules.Last > 1 {
		why = fmt.Sprintf("one of the %d newest", j.rules.Last)
	}
	j.newestOf(group, j.rules.Last, why+of, j.rule)
}

// newestOf keeps so many of a group and, where suspect ones are among them, so many that are not.
func (j *judge) newestOf(group []int, most int, why string, keep func(i int, why string)) {
	sound := 0
	for n, i := range group {
		suspect := j.list[i].Point.Suspect != ""
		switch {
		case n < most:
			keep(i, why)
		case sound >= most:
			return
		case !suspect:
			keep(i, why+", not counting suspect ones")
		}
		if !suspect {
			sound++
		}
	}
}

// oneOfEach keeps the best point of each of the newest hours, days and so on that have one, and of so many that have
// one that is not suspect.
func (j *judge) oneOfEach(s span, group []int, of string) {
	if s.most <= 0 {
		return
	}
	type bucket struct{ newest, best int }
	var buckets []bucket
	in := make([]int, len(group)) // the bucket of each
	// Where a clock is set back over midnight, the points of one day do not all lie beside each other.
	known := map[spanKey]int{}
	for n, i := range group {
		key := s.key(j.list[i].Point.Time.In(j.zone))
		b, found := known[key]
		if !found {
			b, known[key] = len(buckets), len(buckets)
			buckets = append(buckets, bucket{i, i})
		}
		if quality(j.list[i].Point) > quality(j.list[buckets[b].best].Point) {
			buckets[b].best = i
		}
		in[n] = b
	}
	stays, sound := make([]bool, len(buckets)), 0
	for n, b := range buckets {
		p := j.list[b.best].Point
		if p.Suspect == "" {
			stays[n] = sound < s.most
			sound++
		} else {
			stays[n] = n < s.most
		}
		if !stays[n] {
			continue
		}
		word := "the last of "
		if b.best != b.newest {
			word = "the best of "
		}
		j.rule(b.best, word+s.words(p.Time.In(j.zone))+of)
	}
	for n, i := range group {
		if b := in[n]; stays[b] && i != buckets[b].best && j.instead[i] == "" {
			word := "newer"
			if buckets[b].best > i { // the list has the newest first
				word = "better"
			}
			j.instead[i] = fmt.Sprintf("a %s point of that %s stays", word, s.name)
		}
	}
}

// quality orders points of one bucket. Of equal ones the newest is best.
func quality(p HeldPoint) (n int) {
	if p.Suspect == "" {
		n += 2
	}
	if p.Protected {
		n++
	}
	return n
}

// span is one of the rules that keep a point of each hour, day and so on.
type span struct {
	name  string
	most  int
	key   func(time.Time) spanKey
	words func(time.Time) string
}

// spanKey tells two hours, days and so on apart. An hour that comes twice is two, by their distance from UTC.
type spanKey struct{ year, part, hour, offset int }

// spans are the rules from the shortest span to the longest.
func (r Retention) spans() []span {
	const day = "Monday, 2 January 2006"
	return []span{
		{"hour", r.Hourly, func(t time.Time) spanKey {
			_, offset := t.Zone()
			return spanKey{t.Year(), t.YearDay(), t.Hour(), offset}
		}, func(t time.Time) string { return "the hour from " + t.Format("15") + ":00 on " + t.Format(day) }},
		{"day", r.Daily, func(t time.Time) spanKey {
			return spanKey{year: t.Year(), part: t.YearDay()}
		}, func(t time.Time) string { return t.Format(day) }},
		{"week", r.Weekly, func(t time.Time) spanKey {
			year, week := t.ISOWeek()
			return spanKey{year: year, part: week}
		}, func(t time.Time) string {
			monday := face(t).AddDate(0, 0, -(int(t.Weekday())+6)%7)
			return "the week from " + monday.Format(day)
		}},
		{"month", r.Monthly, func(t time.Time) spanKey {
			return spanKey{year: t.Year(), part: int(t.Month())}
		}, func(t time.Time) string { return t.Format("January 2006") }},
		{"year", r.Yearly, func(t time.Time) spanKey {
			return spanKey{year: t.Year()}
		}, func(t time.Time) string { return t.Format("2006") }},
	}
}
