package draw

import (
	"time"

	"github.com/wedsync/keepsake/internal/engine"
)

// window is how far back speeds look: long enough to be calm, short enough to notice a stall.
const window = 10 * time.Second

// Pace remembers the last few progress states of one stream, to tell speeds. It belongs to one goroutine.
type Pace struct{ samples []sample }

type sample struct {
	at          time.Time
	bytes, rows int64
	tables      map[string]int64 // bytes done, by schema and name
}

func (p *Pace) add(pr engine.Progress) {
	if n := len(p.samples); n > 0 && !pr.UpdatedAt.After(p.samples[n-1].at) {
		return
	}
	s := sample{at: pr.UpdatedAt, bytes: pr.BytesDone, rows: pr.RowsDone, tables: make(map[string]int64, len(pr.Tables))}
	for _, t := range pr.Tables {
		s.tables[t.Schema+"\x00"+t.Name] = t.BytesDone
	}
	p.samples = append(p.samples, s)
	for len(p.samples) > 2 && p.samples[1].at.Before(s.at.Add(-window)) {
		p.samples = p.samples[1:]
	}
}

// speed returns bytes and rows per second: of the last seconds where they are known, else on average since the start.
func (p *Pace) speed(pr engine.Progress) (bytes, rows float64) {
	if first, last, ok := p.ends(); ok {
		d := last.at.Sub(first.at).Seconds()
		return float64(last.bytes-first.bytes) / d, float64(last.rows-first.rows) / d
	}
	d := pr.UpdatedAt.Sub(pr.StartedAt).Seconds()
	if d < 0.5 {
		return 0, 0
	}
	return float64(pr.BytesDone) / d, float64(pr.RowsDone) / d
}

// tableSpeed returns a table's bytes per second over the last seconds, or 0 where that is not known yet.
func (p *Pace) tableSpeed(t engine.TableProgress) float64 {
	first, last, ok := p.ends()
	if !ok {
		return 0
	}
	key := t.Schema + "\x00" + t.Name
	return float64(last.tables[key]-first.tables[key]) / last.at.Sub(first.at).Seconds()
}

func (p *Pace) ends() (first, last sample, ok bool) {
	if len(p.samples) < 2 {
		return first, last, false
	}
	first, last = p.samples[0], p.samples[len(p.samples)-1]
	return first, last, last.at.Sub(first.at) >= 500*time.Millisecond
}
