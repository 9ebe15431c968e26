package policy

import (
	"fmt"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Words says in a sentence or two which recovery points stay.
func (r Retention) Words() string {
	var stay []string
	switch {
	case r.Last == 1:
		stay = append(stay, "the newest one")
	case r.Last > 1:
		stay = append(stay, "the "+keepsake.Count(int64(r.Last))+" newest")
	}
	if r.Within > 0 {
		stay = append(stay, "every one younger than "+SpanWords(r.Within))
	}
	var spans []string
	for _, s := range r.spans() {
		switch {
		case s.most == 1:
			spans = append(spans, "1 "+s.name)
		case s.most > 1:
			spans = append(spans, keepsake.Count(int64(s.most))+" "+s.name+"s")
		}
	}
	if len(spans) > 0 {
		stay = append(stay, "the last of each of the newest "+listed(spans)+" that have one")
	}
	if len(stay) == 0 {
		return "No rule keeps anything, so everything stays."
	}
	words := "These recovery points stay: " + listed(stay) + "."
	if r.MilestoneDays > 0 {
		days := "days"
		if r.MilestoneDays == 1 {
			days = "day"
		}
		words += fmt.Sprintf(" One that was made for a milestone stays until %s %s after that wedding.",
			keepsake.Count(int64(r.MilestoneDays)), days)
	}
	return words
}

// listed writes "a, b and c".
func listed(parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
