package draw

import (
	"context"
	"errors"
	"net/url"

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
		return text + format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished and " +
			format.Count(d.Changed) + " changed."
	case d.Gone > 0:
		return text + format.Count(d.Gone) + " of " + format.Plural(d.Rows, "row", "rows") + " vanished."
	default:
		return text + format.Count(d.Changed) + " of " + format.Plural(d.Rows, "row", "rows") + " changed."
	}
}

// PointWhy says to scripts where a wedding lost rows and which recovery point was taken. named is the point that they
// asked for.
func PointWhy(d *engine.Damage, named string) string {
	var clock format.Clock
	safe := d.Point + " (" + clock.Second(d.From) + ")"
	switch {
	case named == "":
		return "This wedding lost rows. " + DamageWords(d, clock) + " No recovery point was named, so the " +
			NewestBefore(d) + " one before that was taken: " + safe + "." + UnsafeWords(d)
	case d.To.IsZero():
		return "This wedding lost rows. " + DamageWords(d, clock) + " The " + NewestBefore(d) +
			" recovery point before that is " + safe + "." + UnsafeWords(d)
	default:
		return "This wedding lost rows between two recovery points. " + DamageWords(d, clock) +
			" The latest, which was named, does not hold them. The " + NewestBefore(d) + " one before that is " + safe + "." +
			UnsafeWords(d)
	}
}

// PointUnsure says to scripts that the newest recovery point was taken and may be from after a damage, because nobody
// could look for one.
func PointUnsure(err error) string {
	return "Whether this wedding has lost rows could not be found out, so the latest recovery point was taken, which " +
		"may be from after a damage." + HintFailed(err)
}

// HintFailed says why there is no hint, in a sentence that follows others. It shows only errors that were written for
// people.
func HintFailed(err error) string {
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
		out = append(out, ui.Notice{Tone: ui.ToneWarn, Title: "Nobody looked for missing rows",
			Text: "This recovery point may be from after a damage: if something is missing, look at an older one." +
				HintFailed(w.Unsure)})
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
