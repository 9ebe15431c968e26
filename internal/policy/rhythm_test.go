package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine of a test may know no zones

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/policy"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func rhythm(t interface{ Fatal(...any) }, words string) policy.Rhythm {
	r, err := policy.ParseRhythm(words)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestARhythmIsWrittenAsItIsRead in plain words.
func TestARhythmIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"never":              "never",
		" Every  15 Minutes": "every 15 minutes",
		"every 60 minutes":   "every hour",
		"hourly":             "every hour",
		"every 4 hours":      "every 4 hours",
		"every 24 hours":     "daily",
		"daily":              "daily",
		"every week":         "weekly",
		"every 14 days":      "every 14 days",
		"daily at 2:30":      "daily at 02:30",
		"30 2 * * 1-5":       "30 2 * * 1-5",
		"*/10 * * * *":       "*/10 * * * *",
		"0 3 29 2 *":         "0 3 29 2 *",
	} {
		r := rhythm(t, words)
		if r.String() != want || rhythm(t, want).String() != want {
			t.Errorf("%q is written %q, want %q", words, r, want)
		}
	}
	for _, words := range []string{"", "sometimes", "every", "every 0 minutes", "every 400 days", "every 5 seconds",
		"daily at 24:00", "60 * * * *", "* * * *", "* * * * * *", "@daily", "0 3 31 2 *", "every -1 hours", "4h"} {
		if r, err := policy.ParseRhythm(words); err == nil || words != "" && !strings.Contains(err.Error(), words) {
			t.Errorf("%q is read as %q, %v", words, r, err)
		}
	}
}

// TestARunAtHalfPastTwoComesOnBothNights on which the clocks change, once each.
func TestARunAtHalfPastTwoComesOnBothNights(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02 15:04 MST"
	for _, c := range []struct {
		zone, rhythm, after string
		want                []string
	}{
		{"Europe/Berlin", "daily at 02:30", "2026-03-27T12:00:00Z", // 02:30 is left out on the 29th
			[]string{"2026-03-28 02:30 CET", "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"}},
		{"Europe/Berlin", "daily at 02:30", "2026-10-23T12:00:00Z", // and comes twice on the 25th
			[]string{"2026-10-24 02:30 CEST", "2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"}},
		{"America/Sao_Paulo", "daily at 00:00", "2018-11-03T12:00:00Z", // midnight was left out
			[]string{"2018-11-04 01:00 -02", "2018-11-05 00:00 -02"}},
		{"Australia/Lord_Howe", "daily at 02:15", "2026-10-03T00:00:00Z", // half an hour was left out
			[]string{"2026-10-04 02:30 +11", "2026-10-05 02:15 +11"}},
		{"Pacific/Apia", "daily at 03:00", "2011-12-28T23:00:00Z", // a whole day was left out
			[]string{"2011-12-29 03:00 -10", "2011-12-31 00:00 +14", "2011-12-31 03:00 +14"}},
		{"Europe/Berlin", "*/30 * * * *", "2026-10-25T00:20:00Z", // by the time that passes
			[]string{"2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET", "2026-10-25 03:00 CET"}},
		{"Europe/Berlin", "every 12 hours", "2026-03-28T22:00:00Z", []string{"2026-03-29 12:00 CEST"}},
		{"America/Sao_Paulo", "0 */6 * * *", "2018-11-03T21:00:00Z",
			[]string{"2018-11-04 01:00 -02", "2018-11-04 06:00 -02", "2018-11-04 12:00 -02"}},
		{"Europe/Berlin", "30 */2 * * *", "2026-10-24T23:00:00Z",
			[]string{"2026-10-25 02:30 CEST", "2026-10-25 04:30 CET"}},
		{"UTC", "0 3 29 2 *", "2026-01-01T00:00:00Z", []string{"2028-02-29 03:00 UTC", "2032-02-29 03:00 UTC"}},
	} {
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range c.want {
			at = rhythm(t, c.rhythm).Next(at, zone(t, c.zone))
			got = append(got, at.In(zone(t, c.zone)).Format(layout))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s in %s: %v, want %v", c.rhythm, c.zone, got, c.want)
		}
	}
}

// TestADailyRunComesOnEveryDay of years, in any zone: never earlier than it says, at most one jump of the clock later,
// and after what was last.
func TestADailyRunComesOnEveryDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
			"Australia/Lord_Howe", "Pacific/Auckland", "America/St_Johns", "Africa/Casablanca"}).Draw(t, "zone"))
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		r := rhythm(t, fmt.Sprintf("daily at %d:%02d", hour, minute))
		at := time.Unix(rapid.Int64Range(1.2e9, 2.2e9).Draw(t, "from"), 0)
		last := r.Next(at, z)
		for range 400 {
			next := r.Next(last.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "late"))*time.Second), z)
			y, m, d := last.In(z).Date()
			wantY, wantM, wantD := time.Date(y, m, d+1, 12, 0, 0, 0, z).Date()
			gotY, gotM, gotD := next.In(z).Date()
			shown := next.In(z).Hour()*60 + next.In(z).Minute()
			if !next.After(last) || gotY != wantY || gotM != wantM || gotD != wantD || shown < hour*60+minute ||
				shown > hour*60+minute+60 {
				t.Fatalf("after %s comes %s", last.In(z), next.In(z))
			}
			last = next
		}
	})
}
