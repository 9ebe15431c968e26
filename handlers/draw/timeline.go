package draw

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
)

// The timeline's canvas. Today stands at todayX while the wedding lies ahead, with a scale of its own on each side:
// what is behind is full of recovery points, what lies ahead is only waited for.
const (
	canvas      = 1000.0
	margin      = 12.0
	todayX      = 620.0
	markSpacing = 26.0 // closer marks become one
	tickSpacing = 56.0
	flagLines   = 3
)

// axis places moments on the canvas.
type axis struct{ from, now, to time.Time }

func newAxis(t console.WeddingTimeline) axis {
	a := axis{from: t.Now.AddDate(0, 0, -14), now: t.Now, to: t.Now.AddDate(0, 0, 2)}
	include := func(at time.Time) {
		if at.Before(a.from) {
			a.from = at
		}
		if at.After(a.to) {
			a.to = at
		}
	}
	if !t.Date.IsZero() {
		include(t.Date.AddDate(0, 0, 4))
		include(t.Date.AddDate(0, 0, -4))
	}
	for _, m := range t.Milestones {
		include(m.Day.AddDate(0, 0, -1))
		include(m.Day.AddDate(0, 0, 1))
	}
	if n := len(t.Points); n > 0 {
		include(t.Points[n-1].Time.AddDate(0, 0, -1))
	}
	return a
}

// x is piecewise linear, with its bend at the present moment.
func (a axis) x(at time.Time) float64 {
	bend := todayX
	if a.to.Sub(a.now) < 3*24*time.Hour {
		bend = canvas - 60
	}
	part := func(at, from, to time.Time, x0, x1 float64) float64 {
		return x0 + (x1-x0)*float64(at.Sub(from))/float64(to.Sub(from))
	}
	var x float64
	if at.Before(a.now) {
		x = part(at, a.from, a.now, margin, bend)
	} else {
		x = part(at, a.now, a.to, bend, canvas-margin)
	}
	return math.Min(canvas-margin, math.Max(margin, x))
}

func px(x float64) string { return fmt.Sprintf("%.1f", x) }

// timeline draws a wedding's time.
func timeline(t console.WeddingTimeline, clock format.Clock) views.Timeline {
	a := newAxis(t)
	return views.Timeline{
		Label:  "Timeline of " + t.Couple,
		Height: "132",
		Now:    fmt.Sprintf("%.2f", a.x(t.Now)/canvas),
		Bands:  bands(a, t.Date),
		Ticks:  ticks(a),
		Flags:  flags(a, t),
		Marks:  marks(a, t, clock),
	}
}

func bands(a axis, day time.Time) []views.TimelineBand {
	// The days before the wedding at which one phase ends and the next begins: keepsake.PhaseOf.
	if day.IsZero() {
		day = a.to.AddDate(1, 0, 0) // all of it is planning
	}
	edges := []time.Time{a.from, day.AddDate(0, 0, -30), day.AddDate(0, 0, -1), day.AddDate(0, 0, 1), a.to}
	phases := []keepsake.Phase{keepsake.PhasePlanning,
		keepsake.PhasePreparation, keepsake.PhaseExecution, keepsake.PhasePostEvent}
	var out []views.TimelineBand
	for i, p := range phases {
		x0, x1 := a.x(edges[i]), a.x(edges[i+1])
		if x1-x0 < 1 {
			continue
		}
		b := views.TimelineBand{X: px(x0), W: px(x1 - x0), Center: px((x0 + x1) / 2), Class: "is-" + string(p)}
		if name := format.Title(string(p)); x1-x0 > float64(9*len(name)) {
			b.Name = name
		}
		out = append(out, b)
	}
	return out
}

func ticks(a axis) []views.TimelineTick {
	var out []views.TimelineTick
	last, year := math.Inf(-1), 0
	for m := time.Date(a.from.Year(), a.from.Month()+1, 1, 0, 0, 0, 0, time.UTC); m.Before(a.to); m = m.AddDate(0, 1, 0) {
		x := a.x(m)
		if x-last < tickSpacing || x < margin+20 || x > canvas-margin-20 {
			continue
		}
		name := m.Format("Jan")
		if m.Year() != year {
			name = m.Format("Jan 2006")
		}
		out, last, year = append(out, views.TimelineTick{X: px(x), Name: name}), x, m.Year()
	}
	return out
}

// flags name today, the wedding day and the milestones, on lines one above the other where they would overlap.
func flags(a axis, t console.WeddingTimeline) []views.TimelineFlag {
	type flag struct {
		at          time.Time
		name, class string
	}
	list := []flag{{t.Now, "Today", "is-today"}}
	if !t.Date.IsZero() {
		list = append(list, flag{t.Date, "Wedding day", "is-wedding"})
	}
	for _, m := range t.Milestones {
		list = append(list, flag{m.Day, format.Title(m.Name), "is-milestone"})
	}
	var ends [flagLines][][2]float64 // occupied stretches by line
	var out []views.TimelineFlag
	for _, f := range list {
		x, width := a.x(f.at), float64(8*len(f.name))
		v := views.TimelineFlag{X: px(x), TextX: px(x + 4), Anchor: "start", Name: f.name, Class: f.class}
		from, to := x, x+width+8
		if to > canvas-margin {
			v.TextX, v.Anchor, from, to = px(x-4), "end", x-width-8, x
		}
		line := 0
		for l := range flagLines {
			free := true
			for _, o := range ends[l] {
				free = free && (to < o[0] || from > o[1])
			}
			if line = l; free {
				break
			}
		}
		ends[line] = append(ends[line], [2]float64{from, to})
		v.TextY = fmt.Sprint(40 - 14*line)
		out = append(out, v)
	}
	return out
}

// marks are the recovery points, oldest first; those too close to be told apart are one mark that leads to the newest
// of them.
func marks(a axis, t console.WeddingTimeline, clock format.Clock) []views.TimelineMark {
	var out []views.TimelineMark
	for i := len(t.Points) - 1; i >= 0; {
		first := a.x(t.Points[i].Time)
		j, tone := i, "is-ok"
		var reasons []string
		for ; j >= 0 && a.x(t.Points[j].Time)-first < markSpacing; j-- {
			if !t.Points[j].Protected {
				tone = "is-warn"
			}
			reasons = append(reasons, marked(t.ID, t.Points[j])...)
			if last := t.Points[j].LastTest; last != nil && last.Failed() {
				tone = "is-bad"
			}
		}
		newest := t.Points[j+1]
		m := views.TimelineMark{
			X:     px((first + a.x(newest.Time)) / 2),
			R:     "8",
			Class: tone,
			URL:   weddingPoint(t, newest, clock).ThenURL,
			Title: clock.Exact(newest.Time) + ", " + beforeWedding(t, newest.Time) + ": " + pointState(newest).Text,
		}
		if n := i - j; n > 1 {
			m.R, m.Count = "13", fmt.Sprint(n)
			m.Title = fmt.Sprintf("%d recovery points from %s on; the newest: %s", n, clock.Exact(t.Points[i].Time), m.Title)
		}
		if len(reasons) > 0 {
			m.Class += " is-marked"
			m.Title += ". " + strings.Join(reasons, ", ")
		}
		out = append(out, m)
		i = j
	}
	return out
}
