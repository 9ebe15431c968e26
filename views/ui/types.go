// Package ui holds the atoms that every view is made of: icons, chips, notes, figures, bars, fields. Their values are
// plain, already formatted text; nothing here knows the domain.
package ui

// Tone is the mood of a chip, a note or a bar. It is never the only sign: an icon and words say the same.
type Tone string

// The tones.
const (
	ToneOK   Tone = "ok"
	ToneWarn Tone = "warn"
	ToneBad  Tone = "bad"
	ToneRun  Tone = "run"
	ToneMute Tone = "mute"
)

// Class is the CSS class that carries the tone's colour.
func (t Tone) Class() string { return "tone-" + string(t) }

// Icon is the icon that says the same as the colour.
func (t Tone) Icon() string {
	switch t {
	case ToneOK:
		return "circle-check"
	case ToneWarn:
		return "alert-triangle"
	case ToneBad:
		return "circle-x"
	case ToneRun:
		return "loader-2"
	default:
		return "circle-dashed"
	}
}

// When is a moment, in three spellings.
type When struct {
	ISO      string // machine-readable, RFC 3339
	Absolute string // "Mon 23 Nov 2026, 14:05 UTC"
	Relative string // "3 h ago"
}

// IsZero reports that there is no moment to show.
func (w When) IsZero() bool { return w.ISO == "" }

// Chip is a short state with its tone.
type Chip struct {
	Tone Tone
	Text string
	Icon string // other than the tone's own
}

func (c Chip) icon() string {
	if c.Icon != "" {
		return c.Icon
	}
	return c.Tone.Icon()
}

// Figure is one number with its name.
type Figure struct {
	Label string
	Value string
	Hint  string
}

// Fact is one line of a list of facts.
type Fact struct {
	Label string
	Value string
	Mono  bool
}

// Notice is a message with what to do about it.
type Notice struct {
	Tone  Tone
	Title string
	Text  string
	List  []string
	// Href and Link lead to where something can be done about it; "": nowhere.
	Href, Link string
}

// Bar is a progress bar. Without Known the share is not known yet and the bar says so by moving.
type Bar struct {
	Label   string // for those who do not see it
	Percent int
	Known   bool
	Tone    Tone
	Size    string // "", "big" or "thin"
}
