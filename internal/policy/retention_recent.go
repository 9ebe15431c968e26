package policy

import "time"

// NoRecent says that the newest recovery point that holds everything is a day older than any rhythm of the schedule
// asks for, and than eight days, "" where it is not. Then what is there is all there is. Why there is nothing newer is
// not known here.
func (s Schedule) NoRecent(points []HeldPoint, now time.Time) string {
	const (
		spare    = oneDay
		shortest = 7 * oneDay
	)
	var newest time.Time
	for _, p := range points {
		if p.Whole() && !p.Time.After(now.Add(Skew)) && p.Time.After(newest) {
			newest = p.Time
		}
	}
	if newest.IsZero() {
		return "" // the rules say what that means
	}
	next := newest.Add(shortest)
	for _, r := range s.Phases {
		if at := r.Next(newest, s.zone()); at.After(next) {
			next = at
		}
	}
	if !now.After(next.Add(spare)) {
		return ""
	}
	return "there is no recent backup. The newest recovery point that holds everything is of " +
		newest.In(s.zone()).Format("2 January 2006 15:04 MST") + "."
}
