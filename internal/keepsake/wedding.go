package keepsake

import "time"

// Phase is the part of a wedding's timeline that a day falls into.
type Phase string

// The phases, from the number of days before the wedding d.
const (
	PhasePlanning    Phase = "planning"    // d > 30
	PhasePreparation Phase = "preparation" // 1 < d <= 30
	PhaseExecution   Phase = "execution"   // 0 <= d <= 1
	PhasePostEvent   Phase = "post_event"  // d < 0
)

// PhaseOf returns the phase of a day that lies daysBefore days before the wedding (negative: after it).
func PhaseOf(daysBefore int) Phase {
	switch {
	case daysBefore > 30:
		return PhasePlanning
	case daysBefore > 1:
		return PhasePreparation
	case daysBefore >= 0:
		return PhaseExecution
	default:
		return PhasePostEvent
	}
}

// MilestoneDayBefore is the milestone that follows from the day of the wedding. Nobody has to set it.
const MilestoneDayBefore = "day_before_wedding"

// WeddingMark says for which wedding a recovery point was made, and whether for a milestone of it or because it
// entered a phase.
type WeddingMark struct {
	WeddingID string `json:"wedding"` // the key of its row
	Date      string `json:"date"`    // its day, YYYY-MM-DD; empty where there is none yet
	Milestone string `json:"milestone,omitempty"`
	Phase     Phase  `json:"phase,omitempty"`
}

// Urgency says how soon a wedding needs its data.
type Urgency string

// The urgencies of a wedding that is still ahead.
const (
	UrgencyEmergency Urgency = "emergency" // within 24 h
	UrgencyUrgent    Urgency = "urgent"    // within 7 days
	UrgencyElevated  Urgency = "elevated"  // within 30 days
	UrgencyNormal    Urgency = "normal"
)

// UrgencyOf returns the urgency of a wedding daysBefore days ahead. A wedding that is over is normal.
func UrgencyOf(daysBefore int) Urgency {
	switch {
	case daysBefore < 0 || daysBefore > 30:
		return UrgencyNormal
	case daysBefore <= 1:
		return UrgencyEmergency
	case daysBefore <= 7:
		return UrgencyUrgent
	default:
		return UrgencyElevated
	}
}

// DaysBefore counts whole calendar days from now to the wedding day, both taken in the time zone of now.
func DaysBefore(weddingDay, now time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(weddingDay).Sub(day(now)) / (24 * time.Hour))
}
