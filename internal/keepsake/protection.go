package keepsake

import (
	"fmt"
	"strings"
)

// Copy is the state of one recovery point at one provider.
type Copy struct {
	Provider  string `json:"name"`
	Medium    string `json:"medium"`
	Offsite   bool   `json:"offsite"`
	Confirmed bool   `json:"confirmed"` // every object it needs was confirmed there, by size and checksum
	Error     string `json:"error,omitempty"`
}

// Protection is the verdict of the 3-2-1 rule: three copies on two media, one of them offsite.
type Protection struct {
	Copies  int
	Media   int
	Offsite int
	Missing []string // what is lacking, in words; empty when protected
}

// Protected reports whether the rule is met.
func (p Protection) Protected() bool { return len(p.Missing) == 0 }

// Lacks says in one sentence what is missing, or "" when nothing is.
func (p Protection) Lacks() string { return strings.Join(p.Missing, "; ") }

// JudgeProtection applies the 3-2-1 rule to the confirmed copies.
func JudgeProtection(copies []Copy) Protection {
	var p Protection
	media := map[string]bool{}
	for _, c := range copies {
		if !c.Confirmed {
			continue
		}
		p.Copies++
		media[c.Medium] = true
		if c.Offsite {
			p.Offsite++
		}
	}
	p.Media = len(media)
	if p.Copies < 3 {
		p.Missing = append(p.Missing, fmt.Sprintf("%d of 3 copies confirmed", p.Copies))
	}
	if p.Media < 2 {
		p.Missing = append(p.Missing, fmt.Sprintf("%d of 2 media", p.Media))
	}
	if p.Offsite < 1 {
		p.Missing = append(p.Missing, "no copy offsite")
	}
	return p
}
