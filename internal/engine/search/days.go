package search

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/wedsync/keepsake/internal/fold"
)

// term is one thing that was typed: it fits a wedding of that day, or one in which all its words are found.
type term struct {
	words []fold.Text
	at    []int // their places among all words
	day   func(time.Time) bool
	weak  bool // it may as well be a word: April, 24
}

// readTerms reads what was typed into terms, and says which days it has read.
func readTerms(text string, today time.Time) (terms []term, days []string) {
	r := dayReader{today: today}
	for _, token := range strings.Fields(fold.Name(fold.Apart(text))) {
		parts := strings.FieldsFunc(token, separates)
		if strings.IndexFunc(token, inWord) < 0 {
			parts = []string{token} // it is looked for where nothing else was typed
		}
		for _, part := range parts {
			if part = strings.TrimRight(part, "-"); part != "" {
				r.tokens = append(r.tokens, part)
			}
		}
	}
	var plain []string // a run of words that are no day
	end := func() {
		for _, w := range fold.Words(strings.Join(plain, " "), MostWords) {
			terms = append(terms, term{words: []fold.Text{w}})
		}
		plain = nil
	}
	for i := 0; i < len(r.tokens); {
		d := r.read(i)
		if d.used == 0 {
			plain = append(plain, r.tokens[i])
			i++
			continue
		}
		end()
		terms = append(terms, term{
			words: fold.Words(strings.Join(r.tokens[i:i+d.used], " "), MostWords),
			day:   d.is,
			weak:  d.weak,
		})
		if d.text != "" {
			days = append(days, d.text)
		}
		i += d.used
	}
	end()
	return terms[:min(len(terms), MostWords)], days
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// separates reports whether a sign stands in no day and in no name.
func separates(r rune) bool { return !inWord(r) && !strings.ContainsRune("./-'", r) }

// dayRead is a day, or days, that some tokens name.
type dayRead struct {
	used int // tokens; 0: they name none
	is   func(time.Time) bool
	text string
	weak bool
}

type dayReader struct {
	tokens []string
	today  time.Time
}

func (r *dayReader) token(i int) string {
	if i < len(r.tokens) {
		return r.tokens[i]
	}
	return ""
}

// read reads the day that begins at token i.
func (r *dayReader) read(i int) dayRead {
	switch r.token(i) {
	case "today", "tonight":
		return r.one(1, r.today)
	case "tomorrow":
		return r.one(1, r.today.AddDate(0, 0, 1))
	case "yesterday":
		return r.one(1, r.today.AddDate(0, 0, -1))
	case "this", "next", "coming":
		if d := r.relative(r.token(i), r.token(i+1)); d.used > 0 {
			return d
		}
	}
	for _, form := range []func(int) dayRead{r.numeric, r.spaced, r.dayMonth, r.monthDay, r.part} {
		if d := form(i); d.used > 0 {
			return d
		}
	}
	return dayRead{}
}

func (r *dayReader) one(used int, day time.Time) dayRead {
	return dayRead{used: used, is: day.Equal, text: day.Format("Monday, 2 January 2006")}
}

func (r *dayReader) between(from, to time.Time) dayRead {
	return dayRead{
		used: 2,
		text: from.Format("Monday, 2 January 2006") + " to " + to.Format("Monday, 2 January 2006"),
		is:   func(t time.Time) bool { return !t.Before(from) && !t.After(to) },
	}
}

// relative reads "next saturday", "this weekend", "next month" and their like. Weeks begin on Monday.
func (r *dayReader) relative(which, what string) dayRead {
	later := 0
	if which == "next" {
		later = 1
	}
	monday := r.today.AddDate(0, 0, -(int(r.today.Weekday())+6)%7+7*later)
	month := time.Date(r.today.Year(), r.today.Month()+time.Month(later), 1, 0, 0, 0, 0, time.UTC)
	switch what {
	case "week":
		return r.between(monday, monday.AddDate(0, 0, 6))
	case "weekend":
		return r.between(monday.AddDate(0, 0, 5), monday.AddDate(0, 0, 6))
	case "month":
		return r.between(month, month.AddDate(0, 1, -1))
	}
	day, ok := weekday(what)
	if !ok {
		return dayRead{}
	}
	ahead := (int(day) - int(r.today.Weekday()) + 7) % 7
	if ahead == 0 && which == "next" {
		ahead = 7
	}
	return r.one(2, r.today.AddDate(0, 0, ahead))
}

var (
	numericDay = regexp.MustCompile(`^(\d{1,4})([./-])(\d{1,2})(?:[./-](\d{1,4}))?\.?$`)
	eightDigit = regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)$`)
	ordinal    = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|\.)?$`)
	twoDigit   = regexp.MustCompile(`^'?(\d\d)$`)
	oneOrTwo   = regexp.MustCompile(`^\d{1,2}$`)
	fourDigit  = regexp.MustCompile(`^[12]\d{3}$`)
)

// numeric reads 2026-12-05, 5.12.2026, 5/12/26, 5.12. and 20261205; with a day first wherever both could be one. What
// is only begun of a year, or of an ISO date, counts too: a search runs while somebody types.
func (r *dayReader) numeric(i int) dayRead {
	token := r.token(i)
	if m := eightDigit.FindStringSubmatch(token); m != nil {
		return onDay(1, m[3], m[2], m[1], "")
	}
	m := numericDay.FindStringSubmatch(token)
	switch {
	case m == nil:
		return dayRead{}
	case len(m[1]) == 4 && m[4] == "":
		iso := strings.Replace(token, m[2], "-", 1)
		return dayRead{used: 1, is: func(t time.Time) bool {
			return strings.HasPrefix(t.Format(time.DateOnly), iso) || t.Format("2006-1") == iso
		}}
	case len(m[1]) == 4:
		exact := onDay(1, m[4], m[3], m[1], "")
		if d := exact.is; m[2] == "-" && len(m[4]) == 1 {
			return dayRead{used: 1, is: func(t time.Time) bool {
				return d != nil && d(t) ||
					strings.HasPrefix(t.Format(time.DateOnly), token)
			}}
		}
		return exact
	case len(m[1]) > 2:
		return dayRead{}
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[3])
	switch {
	case b > 12 && a <= 12:
		return onDay(1, m[3], m[1], m[4], "")
	case a <= 12 && a != b && m[2] == "/":
		return onDay(1, m[1], m[3], m[4], ", the day read first")
	}
	return onDay(1, m[1], m[3], m[4], "")
}

// spaced reads 5 12 2026 and 2026 12 5, as numeric reads them with signs.
func (r *dayReader) spaced(i int) dayRead {
	a, b, c := r.token(i), r.token(i+1), r.token(i+2)
	if !oneOrTwo.MatchString(b) {
		return dayRead{}
	}
	switch {
	case fourDigit.MatchString(a) && oneOrTwo.MatchString(c):
		return onDay(3, c, b, a, "")
	case !oneOrTwo.MatchString(a) || !fourDigit.MatchString(c):
		return dayRead{}
	}
	first, _ := strconv.Atoi(a)
	second, _ := strconv.Atoi(b)
	switch {
	case second > 12 && first <= 12:
		return onDay(3, b, a, c, "")
	case first <= 12 && first != second:
		return onDay(3, a, b, c, ", the day read first")
	}
	return onDay(3, a, b, c, "")
}

// onDay is a day and a month, of a year that may be only begun, or missing.
func onDay(used int, day, month, year, note string) dayRead {
	d, _ := strconv.Atoi(day)
	m, _ := strconv.Atoi(month)
	if m < 1 || m > 12 || d < 1 || d > time.Date(2024, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return dayRead{}
	}
	same := func(t time.Time) bool { return t.Day() == d && int(t.Month()) == m }
	text := fmt.Sprintf("%d %s", d, time.Month(m))
	switch len(year) {
	case 0:
		return dayRead{used: used, is: same, text: text + " of any year" + note}
	case 4:
		y, _ := strconv.Atoi(year)
		on := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		if on.Day() != d {
			return dayRead{}
		}
		return dayRead{used: used, is: on.Equal, text: on.Format("Monday, 2 January 2006") + note}
	}
	if len(year) == 2 {
		text += " 20" + year
	}
	return dayRead{used: used, text: text + note, is: func(t time.Time) bool {
		y := fmt.Sprintf("%04d", t.Year())
		return same(t) && (strings.HasPrefix(y, year) || len(year) == 2 && y == "20"+year)
	}}
}

// dayMonth reads "5 December 2026", "5th of Dec".
func (r *dayReader) dayMonth(i int) dayRead {
	day, at := ordinal.FindStringSubmatch(r.token(i)), i+1
	if r.token(at) == "of" {
		at++
	}
	month, ok := monthOf(r.token(at))
	if day == nil || !ok {
		return dayRead{}
	}
	return r.withYear(i, at+1, day[1], month)
}

// monthDay reads "December 5th, 2026".
func (r *dayReader) monthDay(i int) dayRead {
	month, ok := monthOf(r.token(i))
	day := ordinal.FindStringSubmatch(r.token(i + 1))
	if day == nil || !ok {
		return dayRead{}
	}
	return r.withYear(i, i+2, day[1], month)
}

func (r *dayReader) withYear(from, at int, day string, month time.Month) dayRead {
	year := ""
	if short := twoDigit.FindStringSubmatch(r.token(at)); short != nil {
		year, at = short[1], at+1
	} else if fourDigit.MatchString(r.token(at)) {
		year, at = r.token(at), at+1
	}
	return onDay(at-from, day, strconv.Itoa(int(month)), year, "")
}

// part reads a month, a weekday, a year or the number of a day, each of which may as well be a word; and "December
// 2026", which may not.
func (r *dayReader) part(i int) dayRead {
	token := r.token(i)
	if month, ok := monthOf(token); ok {
		if year, _ := strconv.Atoi(r.token(i + 1)); fourDigit.MatchString(r.token(i + 1)) {
			return dayRead{
				used: 2,
				text: fmt.Sprintf("%s %d", month, year),
				is:   func(t time.Time) bool { return t.Month() == month && t.Year() == year },
			}
		}
		return dayRead{used: 1, weak: true, is: func(t time.Time) bool { return t.Month() == month }}
	}
	if day, ok := weekday(token); ok {
		return dayRead{used: 1, weak: true, is: func(t time.Time) bool { return t.Weekday() == day }}
	}
	n, _ := strconv.Atoi(token)
	switch {
	case fourDigit.MatchString(token):
		return dayRead{used: 1, weak: true, is: func(t time.Time) bool { return t.Year() == n }}
	case ordinal.MatchString(token):
		n, _ = strconv.Atoi(ordinal.FindStringSubmatch(token)[1])
		return dayRead{used: 1, weak: true, is: func(t time.Time) bool { return t.Day() == n }}
	}
	return dayRead{}
}

// monthOf reads a month's name, or how it begins.
func monthOf(s string) (time.Month, bool) {
	s = strings.TrimSuffix(s, ".")
	if s == "sept" {
		return time.September, true
	}
	for m := time.January; m <= time.December; m++ {
		if len(s) >= 3 && strings.HasPrefix(strings.ToLower(m.String()), s) {
			return m, true
		}
	}
	return 0, false
}

// weekday reads a weekday's name, or how it begins.
func weekday(s string) (time.Weekday, bool) {
	s = strings.TrimSuffix(s, ".")
	for d := time.Sunday; d <= time.Saturday; d++ {
		if len(s) >= 3 && strings.HasPrefix(strings.ToLower(d.String()), s) {
			return d, true
		}
	}
	return 0, false
}
