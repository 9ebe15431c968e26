package keepsake

import (
	"fmt"
	"strings"
)

// Copy is the state of one recovery point at one provider.
type Copy struct {
	Provider string `json:"name"`
	Medium   string `json:"medium"`
	Offsite  bool   `json:"offsite"`
	// Confirmed: every object it needs is there. What a backup sent was compared by checksum, and what was there already
	// by name and size; full backups, deep verifications and deep repairs read it back.
	Confirmed bool   `json:"confirmed"`
	Error     string `json:"error,omitempty"`
}

// Protection is the verdict of the 3-2-1 rule: three copies on two media, one of them offsite.
type Protection struct {
	Copies  int
	Media   int
	Offsite int
	Missing []string // what is lacking, in words; empty when protected
	Without []string // the providers that have no confirmed copy
}

// Protected reports whether the rule is met.
func (p Protection) Protected() bool { return len(p.Missing) == 0 }

// Lacks says what is missing, in words that can follow a colon: "1 of 3 copies is missing (local); no offsite copy".
// It is "" when nothing is missing.
func (p Protection) Lacks() string { return strings.Join(p.Missing, "; ") }

// Remedy says in one sentence what to do about what is missing, or "" when nothing is. Every page and the command
// line show this sentence.
func (p Protection) Remedy() string {
	switch {
	case p.Protected():
		return ""
	case p.Copies+len(p.Without) < 3 || len(p.Without) == 0:
		return "Configure three providers on two media, one of them offsite, then repair: that copies to each what it lacks."
	case len(p.Without) == 1:
		return "Once " + p.Without[0] + " works, repair: that copies there what it lacks."
	default:
		return "Once " + joined(p.Without) + " work, repair: that copies there what they lack."
	}
}

// joined lists names as a sentence does.
func joined(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// short says how many of those that are needed are missing.
func short(have, need int, of string) string {
	verb := "is"
	if need-have > 1 {
		verb = "are"
	}
	return fmt.Sprintf("%d of %d %s %s missing", need-have, need, of, verb)
}

// JudgeProtection applies the 3-2-1 rule to the confirmed copies.
func JudgeProtection(copies []Copy) Protection {
	var p Protection
	media := map[string]bool{}
	for _, c := range copies {
		if !c.Confirmed {
			p.Without = append(p.Without, c.Provider)
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
		missing := short(p.Copies, 3, "copies")
		if len(p.Without) > 0 {
			missing += " (" + strings.Join(p.Without, ", ") + ")"
		}
		p.Missing = append(p.Missing, missing)
	}
	if p.Media < 2 {
		p.Missing = append(p.Missing, short(p.Media, 2, "media"))
	}
	if p.Offsite < 1 {
		p.Missing = append(p.Missing, "no offsite copy")
	}
	return p
}
