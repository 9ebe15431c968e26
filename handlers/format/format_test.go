package format

import (
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 13 << 20: "13 MiB", 1717986918: "1.6 GiB",
		1023 << 10: "1 MiB", 999 << 10: "999 KiB", 1<<62 + 1: "4096 PiB", -2048: "-2 KiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 6142885: "6,142,885", -12345: "-12,345"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 400 * time.Millisecond: "0.4 s", 51 * time.Second: "51 s", 171 * time.Second: "2 min 51 s",
		2 * time.Minute:                       "2 min",
		59*time.Second + 700*time.Millisecond: "1 min", 3*time.Hour + 5*time.Minute: "3 h 5 min",
		57 * time.Hour: "2 days 9 h", 24 * time.Hour: "1 day",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "", 2 * time.Second: "a few seconds", 36 * time.Second: "about 40 s", 61 * time.Second: "about 2 min",
		90 * time.Minute: "about 1 h 30 min",
	} {
		if got := Left(d); got != want {
			t.Errorf("Left(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestPercentStaysBelowAHundredUntilAllIsDone(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]int{-1: 0, 0: 0, 0.426: 43, 0.9999: 99, 1: 100, 1.2: 100} {
		if got := PercentOf(share); got != want {
			t.Errorf("PercentOf(%v) = %d, want %d", share, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	c := Clock{Now: time.Date(2026, 11, 23, 7, 17, 0, 0, time.UTC), Zone: berlin}
	w := c.When(time.Date(2026, 11, 23, 7, 5, 0, 0, time.UTC))
	if w.Absolute != "Mon 23 Nov 2026, 08:05 CET" || w.Relative != "12 min ago" || w.ISO != "2026-11-23T07:05:00Z" {
		t.Errorf("When = %+v", w)
	}
	for d, want := range map[time.Duration]string{3*time.Hour + time.Second: "in 3 h", -20 * time.Second: "just now",
		20 * time.Second: "in a moment", -25 * time.Hour: "1 day ago"} {
		if got := c.Relative(c.Now.Add(d)); got != want {
			t.Errorf("Relative(%s) = %q, want %q", d, got, want)
		}
	}
	if !c.When(time.Time{}).IsZero() {
		t.Error("a zero time must give no words")
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	for before, want := range map[int][2]string{0: {"Today", ""}, 1: {"1", "day"}, 5: {"5", "days"}, -1: {"1", "day ago"},
		-3: {"3", "days ago"}} {
		n, u := Days(before)
		if n != want[0] || u != want[1] {
			t.Errorf("Days(%d) = %q %q, want %q", before, n, u, want)
		}
	}
}

func TestCapitalsOfAnyAlphabet(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{"": "", "florist": "Florist", "éclairage": "Éclairage", "łódź": "Łódź",
		"цветы": "Цветы", "no copy there": "No copy there", "\xff": "\xff"} {
		if got := Capital(words); got != want {
			t.Errorf("%q begins as %q", words, got)
		}
	}
	if got := Title("élève_de_cuisine"); got != "Élève de cuisine" {
		t.Errorf("%q", got)
	}
}

// TestEvery writes intervals as people say them.
func TestEvery(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{2 * time.Second: "every 2 s", time.Minute: "every minute",
		15 * time.Minute: "every 15 min", time.Hour: "every hour",
		24 * time.Hour: "every day", 48 * time.Hour: "every 2 days"} {
		if got := Every(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
