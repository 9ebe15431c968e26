package snapshot

import "testing"

// TestLogPositions: an incremental backup compares tuples only with those of an earlier position in the log. A position
// that cannot be read is earlier than none and later than none.
func TestLogPositions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now, then string
		want      bool
	}{
		{"16/B374D848", "16/B374D848", true},
		{"16/B374D849", "16/B374D848", true},
		{"17/0", "16/FFFFFFFF", true},
		{"16/FFFFFFFF", "17/0", false},
		{"9/0", "10/0", false}, // hexadecimal, and no text
		{"", "16/0", false},
		{"16/0", "", false},
		{"", "", false},
		{"16", "0/1", false},
	} {
		if got := notBefore(c.now, c.then); got != c.want {
			t.Errorf("%q after %q: %v", c.now, c.then, got)
		}
	}
}
