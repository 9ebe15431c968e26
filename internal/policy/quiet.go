package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time of day, From included and To not, which may lie on the next day. Both are since midnight.
type Window struct{ From, To time.Duration }

// ParseWindow reads "02:00-04:00".
func ParseWindow(text string) (w Window, err error) {
	from, to, found := strings.Cut(text, "-")
	if found {
		w.From, err = timeOfDay(from)
		if err == nil {
			w.To, err = timeOfDay(to)
		}
	}
	if !found || err != nil || w.From == w.To {
		return Window{}, fmt.Errorf(`%q is no time of day: write it like "02:00-04:00"`, text)
	}
	return w, nil
}

func timeOfDay(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", strings.TrimSpace(text))
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// String returns what ParseWindow reads.
func (w Window) String() string {
	at := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute) }
	return at(w.From) + "-" + at(w.To)
}

// end returns when the window ends that a time lies in, the same time where it lies in none.
func (w Window) end(t time.Time, zone *time.Location) time.Time {
	wall := face(t.In(zone))
	midnight := wall.Truncate(oneDay)
	for _, day := range []time.Time{midnight.Add(-oneDay), midnight} {
		to := day.Add(w.To)
		if w.To <= w.From {
			to = to.Add(oneDay)
		}
		if !wall.Before(day.Add(w.From)) && wall.Before(to) {
			// Where a clock is set back within the window, its end comes once.
			return later(t, shows(to, zone))
		}
	}
	return t
}

// AlwaysQuiet reports whether the quiet hours leave no time of day.
func (s Schedule) AlwaysQuiet() bool {
	for minute := range 24 * 60 {
		t := time.Date(2026, 1, 2, 0, minute, 0, 0, time.UTC)
		if !slices.ContainsFunc(s.Quiet, func(w Window) bool { return w.end(t, time.UTC).After(t) }) {
			return false
		}
	}
	return true
}
