package draw

import (
	"strings"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// problemResult draws why an operation ended without its result.
func problemResult(o console.Operation, message string) *views.Result {
	d := drawingOf(o.Kind)
	noun, text := d.noun, strings.TrimSpace(message+" "+d.unfinished(o))
	if o.State == console.StateCancelled {
		return &views.Result{Tone: ui.ToneMute, Title: "The " + noun + " was cancelled", Text: text}
	}
	return &views.Result{Tone: ui.ToneBad, Title: "The " + noun + " failed", Text: text}
}

// copies draws at which providers a recovery point has copies.
func copies(list []keepsake.Copy) []views.Copy {
	out := make([]views.Copy, len(list))
	for i, c := range list {
		out[i] = views.Copy{
			Provider: c.Provider,
			Medium:   c.Medium,
			Place:    "here",
			Error:    c.Error,
			State:    ui.Chip{Tone: ui.ToneOK, Text: "Confirmed"},
		}
		if c.Offsite {
			out[i].Place = "away from here"
		}
		if !c.Confirmed {
			out[i].State = ui.Chip{Tone: ui.ToneBad, Text: "Not confirmed"}
		}
	}
	return out
}

// notCarried draws what a backup does not hold.
func notCarried(list []keepsake.NotCarried) []views.NotCarried {
	out := make([]views.NotCarried, len(list))
	for i, n := range list {
		out[i] = views.NotCarried{Kind: n.Kind, Name: n.Name, Reason: n.Reason}
	}
	return out
}

func findings(list []engine.VerifyFinding) []views.Finding {
	out := make([]views.Finding, len(list))
	for i, f := range list {
		out[i] = views.Finding{
			Kind:     ui.Chip{Tone: ui.ToneWarn, Text: "Not checked"},
			Provider: f.Provider,
			Object:   f.Object,
			Problem:  f.Problem,
		}
		if f.Damage {
			out[i].Kind = ui.Chip{Tone: ui.ToneBad, Text: "Damage"}
		}
	}
	return out
}

// OrDash returns s, or a dash where s is empty.
func OrDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
