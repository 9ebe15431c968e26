package draw

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
)

// NewestBefore returns what pages call the recovery point before a damage. They call it safe only where that is
// known.
func NewestBefore(d *engine.Damage) string {
	if d.Safe {
		return "newest safe"
	}
	return "newest"
}

// BeforeIt returns the same for the text of a link.
func BeforeIt(d *engine.Damage) string {
	if d.Safe {
		return "safe one"
	}
	return "one from before"
}

// UnsafeWords says why the point is not called safe, in a sentence that follows others.
func UnsafeWords(d *engine.Damage) string {
	if d.Safe {
		return ""
	}
	return " It is not fully protected, or a test of it failed, and no older one is better: look at what it holds " +
		"before you rely on it."
}

// DamageWords says when rows of a wedding vanished or changed, and how many.
func DamageWords(d *engine.Damage, clock format.Clock) string {
	until := "now"
	if !d.To.IsZero() {
		until = clock.Second(d.To)
	}
	text := "Between " + clock.Second(d.From) + " and " + until + ", "
	switch {
	case d.Gone > 0 && d.Changed > 0:
		text += format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished and " +
			format.Count(d.Changed) + " changed."
	case d.Gone > 0:
		text += format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished."
	default:
		text += format.Count(d.Changed) + " of " + format.Plural(d.Rows, "row", "rows") + " changed."
	}
	return text + lostWords(d.Lost)
}

// NotLookedFor is the title of what says that damage could not be looked for.
const NotLookedFor = "Nobody looked for missing rows"

// NotLooked returns the title of what says that damage could not be looked for, or not in every recovery point.
func NotLooked(err error) string {
	if short := (*engine.LookedShort)(nil); errors.As(err, &short) {
		return "Not every recovery point was looked at for missing rows"
	}
	return NotLookedFor
}

// PointAdvice is what looking for damage says of the recovery point that a restore or a download reads.
type PointAdvice struct {
	Why   string      // in words; "" where nothing is known to be missing
	Safer *SaferPoint // nil: none is known
}

// SaferPoint is a recovery point that has what the one that is read has lost.
type SaferPoint struct {
	Point     string             `json:"point"`
	PointTime time.Time          `json:"point_time"`
	Safe      bool               `json:"safe" doc:"It is protected, and no test of it failed"`
	Lost      []engine.TableLost `json:"lost" doc:"What it has and the recovery point that is read has not, table by table"`
}

// AdvisePoint says what a damage, or that it could not be looked for, means for a scope whose recovery point was named
// or, "", was not.
func AdvisePoint(in keepsake.Scope, named string, d *engine.Damage, err error) (a PointAdvice) {
	noun := ScopeNoun(in)
	if err != nil {
		return PointAdvice{Why: PointUnsure(noun, named, err)}
	}
	// a damage since the latest is worth a word; since an older one it is what people restore for
	if d == nil || named != "" && named != "latest" && !Safer(d, named) {
		return a
	}
	a.Why = PointWhy(d, noun, named)
	if named != "" && Safer(d, named) {
		a.Safer = &SaferPoint{Point: d.Point, PointTime: d.From, Safe: d.Safe, Lost: append([]engine.TableLost{}, d.Lost...)}
	}
	return a
}

// Safer reports whether the damage lies before the recovery point that is read, so that the one before it has more.
func Safer(d *engine.Damage, point string) bool {
	return d != nil && !d.To.IsZero() && d.Point != point
}

// PointWhy says to scripts where a scope lost rows, and which recovery point was taken; named is what they asked for.
func PointWhy(d *engine.Damage, noun, named string) string {
	var clock format.Clock // of no page: UTC
	safe := d.Point + " (" + clock.Second(d.From) + ")"
	lost := "This " + noun + " lost rows"
	switch {
	case named == "":
		return lost + ". " + DamageWords(d, clock) + " No recovery point was named, so the " + NewestBefore(d) +
			" one before that was taken: " + safe + "." + UnsafeWords(d)
	case d.To.IsZero():
		return lost + ". " + DamageWords(d, clock) + " The " + NewestBefore(d) + " recovery point before that is " + safe +
			"." + UnsafeWords(d)
	}
	read := "The recovery point that was named"
	if named == "latest" {
		read = "The latest recovery point"
	}
	return lost + " between two recovery points. " + DamageWords(d, clock) + " " + read +
		" does not hold what vanished. " +
		"The " + NewestBefore(d) + " one before that is " + safe + "." + UnsafeWords(d)
}

// PointUnsure says to scripts that nobody knows whether the recovery point that is read is from after a damage.
func PointUnsure(noun, named string, err error) string {
	var clock format.Clock // of no page: UTC
	if named != "" && named != "latest" {
		return NotLooked(err) + ": the recovery point that was named may be from after a damage." + HintFailed(err, clock)
	}
	return "Whether this " + noun + " has lost rows could not be found out, so the latest recovery point was taken, " +
		"which " +
		"may be from after a damage." + HintFailed(err, clock)
}

// lostTables is how many tables a hint names.
const lostTables = 4

// lostWords say table by table what was there before a damage and is not afterwards, as a sentence that follows others.
func lostWords(lost []engine.TableLost) string {
	var parts []string
	for _, t := range lost[:min(len(lost), lostTables)] {
		var facts []string
		if t.Then != t.After || t.Changed == 0 {
			facts = append(facts, format.Count(t.Then)+" before, "+format.Count(t.After)+" after")
		}
		if t.Changed > 0 {
			facts = append(facts, format.Count(t.Changed)+" changed")
		}
		parts = append(parts, format.Title(format.TableOf(t.Table))+": "+strings.Join(facts, ", "))
	}
	if rest := len(lost) - len(parts); rest > 0 {
		parts = append(parts, "and "+format.Plural(int64(rest), "more table", "more tables"))
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, "; ") + "."
}

// HintFailed says why there is no hint, in a sentence that follows others. It shows only errors that were written for
// people. Where some recovery points were looked at, it says how many.
func HintFailed(err error, clock format.Clock) string {
	if short := (*engine.LookedShort)(nil); errors.As(err, &short) {
		looked := " Only the newest " + format.Plural(int64(short.Points), "recovery point", "recovery points") +
			", back to " + clock.Second(short.Back) + ", were looked at."
		if short.Points == 1 {
			looked = " Only the newest recovery point, of " + clock.Second(short.Back) + ", was looked at."
		}
		return looked + HintFailed(short.Err, clock)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return " Looking took too long."
	case keepsake.CodeOf(err) == keepsake.CodeInternal:
		return ""
	}
	return " " + keepsake.Sentence(keepsake.MessageOf(err))
}

// LookNotices says where the damage lies, on which side of it the wedding is shown, and whether the platform could be
// asked.
func LookNotices(w console.WeddingLook, page string, clock format.Clock) (out []ui.Notice) {
	if d := w.Damage; d != nil {
		n := ui.Notice{Tone: ui.ToneWarn, Title: "You see the wedding from before the damage", Text: DamageWords(d, clock) +
			" This is the " + NewestBefore(d) + " recovery point before that, " + clock.Second(w.Time) + "." + UnsafeWords(d)}
		switch {
		case w.Time.After(d.From):
			n.Title, n.Text = "This recovery point is from after the damage", DamageWords(d, clock)+
				" What vanished is not in it."
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+BeforeIt(d)
		case w.Time.Before(d.From):
			n.Title, n.Text = "An older recovery point than the "+NewestBefore(d)+" one before the damage", DamageWords(d, clock)
			n.Href, n.Link = page+"?point="+url.QueryEscape(d.Point), "Look at the "+NewestBefore(d)+" one"
		}
		out = append(out, n)
	}
	if w.Unsure != nil {
		out = append(out, ui.Notice{
			Tone:  ui.ToneWarn,
			Title: NotLooked(w.Unsure),
			Text: "This recovery point may be from after a damage: if something is missing, look at an older one." +
				HintFailed(w.Unsure, clock),
		})
	}
	if w.Now == nil {
		n, trouble := PlatformNotice(w.Platform.Kind)
		if !trouble {
			n = ui.Notice{Title: "The platform could not be compared"}
		}
		n.Tone, n.Text = ui.ToneMute, "So this page shows what was, and cannot say what is there now."
		out = append(out, n)
	}
	return out
}
