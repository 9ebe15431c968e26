package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var countedUnit = regexp.MustCompile(`^(\d{1,4}) (minute|hour|day|week)s?$`)

// ParseSpan reads how long something is, such as "48 hours", "7 days" or "0".
func ParseSpan(text string) (time.Duration, error) {
	words := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	if words == "0" {
		return 0, nil
	}
	m := countedUnit.FindStringSubmatch(words)
	if m == nil {
		return 0, fmt.Errorf(`%q is no span of time: write it like "48 hours", "7 days" or "2 weeks"`, text)
	}
	n, err := strconv.Atoi(m[1])
	return time.Duration(n) * units[m[2]], err
}

// SpanWords returns words that ParseSpan reads, of whole minutes. Up to two days they count hours.
func SpanWords(d time.Duration) string {
	for _, unit := range []string{"day", "hour", "minute"} {
		n := d / units[unit]
		switch {
		case d%units[unit] != 0 || n == 0 || unit == "day" && n <= 2:
		case n == 1:
			return "1 " + unit
		default:
			return fmt.Sprintf("%d %ss", n, unit)
		}
	}
	if d == 0 {
		return "0"
	}
	return d.String()
}
