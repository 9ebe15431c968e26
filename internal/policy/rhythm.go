package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Rhythm says how often something runs: a while after the last time, or at the times of a cron expression. The zero
// value is never.
type Rhythm struct {
	every    time.Duration
	cron     string
	schedule cron.Schedule // of the expression
	words    string
}

// Every is once in d.
func Every(d time.Duration) Rhythm { return Rhythm{every: d} }

const (
	oneDay       = 24 * time.Hour
	shortestGap  = time.Minute
	longestGap   = 366 * oneDay
	rhythmsTaken = `write it like "every 15 minutes", "every 4 hours", "daily", "daily at 02:30", "weekly", "never", or ` +
		`as a cron expression of five fields`
)

var (
	everyWords = regexp.MustCompile(`^every (?:(\d{1,4}) )?(minute|hour|day|week)s?$`)
	atWords    = regexp.MustCompile(`^daily at ([01]?\d|2[0-3]):([0-5]\d)$`)
	units      = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": oneDay, "week": 7 * oneDay}
	// fields are the five of crontab(5), without what the library adds to them.
	fields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
)

// ParseRhythm reads plain words or a cron expression of five fields, as crontab(5) has them.
func ParseRhythm(text string) (Rhythm, error) {
	words := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	switch words {
	case "never":
		return Rhythm{}, nil
	case "hourly":
		return Every(time.Hour), nil
	case "daily":
		return Every(oneDay), nil
	case "weekly":
		return Every(7 * oneDay), nil
	}
	if m := everyWords.FindStringSubmatch(words); m != nil {
		n := 1
		if m[1] != "" {
			n, _ = strconv.Atoi(m[1])
		}
		d := time.Duration(n) * units[m[2]]
		if d < shortestGap || d > longestGap {
			return Rhythm{}, fmt.Errorf("%q is not between a minute and a year", text)
		}
		return Every(d), nil
	}
	if m := atWords.FindStringSubmatch(words); m != nil {
		hour, _ := strconv.Atoi(m[1])
		minute, _ := strconv.Atoi(m[2])
		r, err := parseCron(fmt.Sprintf("%d %d * * *", minute, hour))
		r.words = fmt.Sprintf("daily at %02d:%02d", hour, minute)
		return r, err
	}
	if len(strings.Fields(words)) != 5 {
		return Rhythm{}, fmt.Errorf("%q is no rhythm: %s", text, rhythmsTaken)
	}
	r, err := parseCron(words)
	if err != nil {
		return Rhythm{}, fmt.Errorf("%q is no rhythm (%w): %s", text, err, rhythmsTaken)
	}
	if r.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC).IsZero() {
		return Rhythm{}, fmt.Errorf("%q never comes: %s", text, rhythmsTaken)
	}
	return r, nil
}

func parseCron(expression string) (Rhythm, error) {
	schedule, err := fields.Parse(expression)
	return Rhythm{cron: expression, schedule: schedule}, err
}

// Never reports whether it has no next time.
func (r Rhythm) Never() bool { return r.every == 0 && r.cron == "" }

// String returns words that ParseRhythm reads.
func (r Rhythm) String() string {
	switch {
	case r.Never():
		return "never"
	case r.words != "":
		return r.words
	case r.cron != "":
		return r.cron
	case r.every == oneDay:
		return "daily"
	case r.every == 7*oneDay:
		return "weekly"
	}
	for _, unit := range []string{"day", "hour", "minute"} {
		if d := units[unit]; r.every%d == 0 {
			n := int(r.every / d)
			if n == 1 {
				return "every " + unit
			}
			return fmt.Sprintf("every %d %ss", n, unit)
		}
	}
	return "every " + r.every.String()
}

// Next returns the first time after last, zero where it never comes.
//
// An expression that names an hour runs once on each day on which that hour comes: at the change of the clocks when it
// is left out, and at the first of the two when it comes twice. One that runs in every hour (*) goes by the time that
// passes.
func (r Rhythm) Next(last time.Time, zone *time.Location) time.Time {
	switch {
	case r.Never():
		return time.Time{}
	case r.cron == "":
		return last.Add(r.every)
	}
	if strings.Fields(r.cron)[1] == "*" {
		return r.schedule.Next(last.In(zone))
	}
	for shown := face(last.In(zone)); ; {
		if shown = r.schedule.Next(shown); shown.IsZero() {
			return shown
		}
		if at := shows(shown, zone); at.After(last) {
			return at
		}
	}
}

// face is what the clock on the wall shows, as a time that no clock changes.
func face(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// shows is the first time at which the clock on the wall shows that or, where it leaves that out, more.
func shows(wall time.Time, zone *time.Location) time.Time {
	// No clock is further from UTC, and none changes by more than a day.
	lo, hi := wall.Add(-2*oneDay), wall.Add(2*oneDay)
	for {
		// Within one offset from UTC the clock runs evenly: the answer is there, or one has to look at the next.
		_, end := lo.In(zone).ZoneBounds()
		at := lo.Add(wall.Sub(face(lo.In(zone))))
		switch {
		case !at.After(lo): // it is past already, also when the clock was set forward past it
			return lo
		case end.IsZero() || at.Before(end) || end.After(hi):
			return at
		}
		lo = end
	}
}
