// Package format turns numbers, sizes and times into words for people: binary units, grouped thousands, times with
// their zone, durations in words. Every page uses it, and nothing else does the same.
package format

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views/ui"
)

// Count writes 1234567 as "1,234,567".
func Count(n int64) string { return keepsake.Count(n) }

// Plural writes "1 table" and "2,000 tables"; many is the plural.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Bytes writes a size in binary units with at most three significant digits: "512 B", "13 MiB", "1.6 GiB".
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(-n)
	}
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		v /= 1024
		if v < 999.5 {
			break
		}
	}
	digits := 1
	if v >= 99.95 {
		digits = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', digits, 64), ".0") + " " + unit
}

// Rate writes bytes a second, or "" where the rate is zero.
func Rate(perSecond float64) string {
	if perSecond < 1 || math.IsInf(perSecond, 0) || math.IsNaN(perSecond) {
		return ""
	}
	return Bytes(int64(perSecond)) + "/s"
}

// RowRate writes rows a second, or "" where the rate is zero.
func RowRate(perSecond float64) string {
	if perSecond < 1 || math.IsInf(perSecond, 0) || math.IsNaN(perSecond) {
		return ""
	}
	if perSecond >= 1000 {
		perSecond = math.Round(perSecond/100) * 100
	}
	return Count(int64(perSecond)) + " rows/s"
}

// Percent writes a share from 0 to 1. A share below 1 is never written as 100 %.
func Percent(share float64) string { return strconv.Itoa(PercentOf(share)) + " %" }

// PercentOf returns a share from 0 to 1 in whole percent. A share below 1 is never 100.
func PercentOf(share float64) int {
	switch {
	case math.IsNaN(share) || share <= 0:
		return 0
	case share >= 1:
		return 100
	default:
		return min(99, int(math.Round(share*100)))
	}
}

// Duration writes the two largest units: "0.4 s", "51 s", "2 min 51 s", "3 h 5 min", "2 days 9 h".
func Duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if d < 10*time.Second {
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return join(fmt.Sprintf("%d min", s/60), s%60, "s")
	case s < 86400:
		return join(fmt.Sprintf("%d h", s/3600), s%3600/60, "min")
	default:
		return join(Plural(s/86400, "day", "days"), s%86400/3600, "h")
	}
}

// Every writes an interval: "every 30 s", "every minute", "every 15 min", "every day".
func Every(d time.Duration) string {
	switch d {
	case time.Minute:
		return "every minute"
	case time.Hour:
		return "every hour"
	case 24 * time.Hour:
		return "every day"
	}
	return "every " + Duration(d)
}

// Seconds writes a number of seconds as Duration does.
func Seconds(s float64) string { return Duration(time.Duration(s * float64(time.Second))) }

// Left writes how long something will still take, rounded: "a few seconds", "about 40 s", "about 3 min".
func Left(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 5*time.Second:
		return "a few seconds"
	case d < time.Minute:
		return fmt.Sprintf("about %d s", int(math.Ceil(d.Seconds()/5))*5)
	case d < time.Hour:
		return fmt.Sprintf("about %d min", int(math.Ceil(d.Minutes())))
	default:
		return "about " + join(fmt.Sprintf("%d h", int(d.Hours())), int64(d.Minutes())%60, "min")
	}
}

func join(first string, n int64, unit string) string {
	if n == 0 {
		return first
	}
	return fmt.Sprintf("%s %d %s", first, n, unit)
}

// Clock knows the present moment and the zone that times are written in.
type Clock struct {
	Now  time.Time
	Zone *time.Location
}

// When writes a moment in three spellings. A zero time gives a zero When.
func (c Clock) When(t time.Time) ui.When {
	if t.IsZero() {
		return ui.When{}
	}
	return ui.When{ISO: t.UTC().Format(time.RFC3339), Absolute: c.Exact(t), Relative: c.Relative(t)}
}

// Exact writes "Mon 23 Nov 2026, 14:05 UTC".
func (c Clock) Exact(t time.Time) string { return t.In(c.zone()).Format("Mon 2 Jan 2006, 15:04 MST") }

// Second writes "Mon 23 Nov 2026, 14:05:09 UTC". It tells recovery points of one minute apart.
func (c Clock) Second(t time.Time) string {
	return t.In(c.zone()).Format("Mon 2 Jan 2006, 15:04:05 MST")
}

// TimeOfDay writes "14:05:09".
func (c Clock) TimeOfDay(t time.Time) string { return t.In(c.zone()).Format("15:04:05") }

// ToTheSecond writes "14:05:09 UTC".
func (c Clock) ToTheSecond(t time.Time) string { return t.In(c.zone()).Format("15:04:05 MST") }

// Relative writes "just now", "12 min ago", "in 3 h", "2 days ago".
func (c Clock) Relative(t time.Time) string {
	d := c.Now.Sub(t)
	switch words := largest(d.Abs()); {
	case words == "" && d >= 0:
		return "just now"
	case words == "":
		return "in a moment"
	case d >= 0:
		return words + " ago"
	default:
		return "in " + words
	}
}

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

func largest(d time.Duration) string {
	switch {
	case d < time.Minute:
		return ""
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return Plural(int64(d.Hours())/24, "day", "days")
	}
}

// Date writes a calendar day, "Sat 28 Nov 2026", without moving it between zones.
func Date(day time.Time) string {
	if day.IsZero() {
		return "no date yet"
	}
	return day.Format("Mon 2 Jan 2006")
}

// Days splits the days before a wedding into a large and a small word: "5"/"days", "Today"/"", "3"/"days ago".
func Days(before int) (number, unit string) {
	switch {
	case before == 0:
		return "Today", ""
	case before == 1 || before == -1:
		unit = "day"
	default:
		unit = "days"
	}
	if before < 0 {
		return strconv.Itoa(-before), unit + " ago"
	}
	return strconv.Itoa(before), unit
}

// Names writes the first few names and how many more there are.
func Names(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + Count(int64(len(names)-most)) + " more"
}

// And writes a list as people say it: "a, b and c".
func And(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " and " + items[last]
}

// Table writes the name of a table as people say it: without the schema where it is public.
func Table(schema, name string) string {
	if schema == "" || schema == "public" {
		return name
	}
	return keepsake.TableName(schema, name)
}

// TableOf does the same as Table for a full name.
func TableOf(full string) string {
	schema, name := keepsake.SplitTableName(full)
	return Table(schema, name)
}

// Short writes the first twelve characters of a checksum.
func Short(hash string) string {
	if len(hash) > 12 {
		return hash[:12] + "…"
	}
	return hash
}

// Title capitalises the first letter and writes underscores as spaces: "post_event" becomes "Post event".
func Title(word string) string {
	return Capital(strings.ReplaceAll(word, "_", " "))
}

// Capital makes the first letter a capital, in any alphabet.
func Capital(words string) string {
	first, size := utf8.DecodeRuneInString(words)
	if first == utf8.RuneError {
		return words
	}
	return string(unicode.ToUpper(first)) + words[size:]
}
