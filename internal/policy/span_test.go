package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/policy"
)

// TestASpanIsWrittenAsItIsRead in plain words.
func TestASpanIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"0":          "0",
		"0 days":     "0",
		" 48  Hours": "48 hours",
		"1 day":      "24 hours",
		"2 days":     "48 hours",
		"7 days":     "7 days",
		"2 weeks":    "14 days",
		"1 hour":     "1 hour",
		"90 minutes": "90 minutes",
		"1 minute":   "1 minute",
		"1428 weeks": "9996 days",
	} {
		d, err := policy.ParseSpan(words)
		if again, err2 := policy.ParseSpan(want); err != nil || err2 != nil || policy.SpanWords(d) != want || again != d {
			t.Errorf("%q is %s, written %q, want %q: %v", words, d, policy.SpanWords(d), want, err)
		}
	}
	for _, words := range []string{"", "48h", "48", "hours", "-1 hours", "1.5 days", "2 months", "10000 days"} {
		if d, err := policy.ParseSpan(words); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q is read as %s, %v", words, d, err)
		}
	}
	if got := policy.SpanWords(90 * time.Second); got != "1m30s" {
		t.Errorf("a span of seconds is written %q", got)
	}
}
