package search

import (
	"testing"
	"time"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// TestDaysAreRead: the usual forms of a date name the day that was meant, and say which that is.
func TestDaysAreRead(t *testing.T) {
	t.Parallel()
	today := date(2026, time.November, 29) // a Sunday
	fifth := date(2026, time.December, 5)
	for _, c := range []struct {
		text string
		on   time.Time
		says string
	}{
		{"today", today, "Sunday, 29 November 2026"},
		{"TOMORROW", date(2026, 11, 30), "Monday, 30 November 2026"},
		{"yesterday,", date(2026, 11, 28), "Saturday, 28 November 2026"},
		{"5 december", fifth, "5 December of any year"},
		{"5. december", fifth, "5 December of any year"},
		{"5th of December 2026", fifth, "Saturday, 5 December 2026"},
		{"5 Dec 2026", fifth, "Saturday, 5 December 2026"},
		{"5 dec 26", fifth, "5 December 2026"},
		{"5 dec '26", fifth, "5 December 2026"},
		{"dec 5, 26", fifth, "5 December 2026"},
		{"5 12 2026", fifth, "Saturday, 5 December 2026, the day read first"},
		{"30 11 2026", date(2026, 11, 30), "Monday, 30 November 2026"},
		{"11 30 2026", date(2026, 11, 30), "Monday, 30 November 2026"},
		{"2026 12 05", fifth, "Saturday, 5 December 2026"},
		{"dec 5", fifth, "5 December of any year"},
		{"December 5th, 2026", fifth, "Saturday, 5 December 2026"},
		{"sept 5", date(2026, 9, 5), "5 September of any year"},
		{"2026-12-05", fifth, "Saturday, 5 December 2026"},
		{"2026/12/5", fifth, "Saturday, 5 December 2026"},
		{"2026‑12‑05", fifth, "Saturday, 5 December 2026"},
		{"20261205", fifth, "Saturday, 5 December 2026"},
		{"5.12.2026", fifth, "Saturday, 5 December 2026"},
		{"05.12.26", fifth, "5 December 2026"},
		{"5.12.", fifth, "5 December of any year"},
		{"05/12/2026", fifth, "Saturday, 5 December 2026, the day read first"},
		{"5-12-2026", fifth, "Saturday, 5 December 2026"},
		{"12/25/2026", date(2026, 12, 25), "Friday, 25 December 2026"},
		{"25/12/2026", date(2026, 12, 25), "Friday, 25 December 2026"},
		{"5.12.20", fifth, "5 December 2020"}, // on the way to 2026
		{"next saturday", fifth, "Saturday, 5 December 2026"},
		{"this sunday", today, "Sunday, 29 November 2026"},
		{"next sunday", date(2026, 12, 6), "Sunday, 6 December 2026"},
		{"next week", fifth, "Monday, 30 November 2026 to Sunday, 6 December 2026"},
		{"this weekend", today, "Saturday, 28 November 2026 to Sunday, 29 November 2026"},
		{"next month", fifth, "Tuesday, 1 December 2026 to Thursday, 31 December 2026"},
		{"december 2026", fifth, "December 2026"},
		{"2026-12", fifth, ""},
		{"2026-12-0", fifth, ""},
		{"december", fifth, ""},
		{"Sat", fifth, ""},
		{"2026", fifth, ""},
		{"5", fifth, ""},
		{"29 february 2028", date(2028, 2, 29), "Tuesday, 29 February 2028"},
	} {
		terms, days := readTerms(c.text, today)
		if len(terms) != 1 || terms[0].day == nil || !terms[0].day(c.on) || terms[0].day(c.on.AddDate(1, 1, 1)) {
			t.Errorf("%q: %+v", c.text, terms)
		}
		says := ""
		if len(days) > 0 {
			says = days[0]
		}
		if says != c.says {
			t.Errorf("%q is said to be %q, want %q", c.text, says, c.says)
		}
	}
	for text, want := range map[string]int{"31.2.2026": 0, "99/99/2026": 0, "next please": 0, "ada 5 december": 1,
		"sat 5 dec": 2, "zoe tomorrow lukasz": 1, "5.12.2026 6.12.2026": 2} {
		terms, _ := readTerms(text, today)
		days := 0
		for _, term := range terms {
			if term.day != nil && !(term.weak && want == 0) {
				days++
			}
		}
		if days != want {
			t.Errorf("%q: %d days in %+v", text, days, terms)
		}
	}
}
