package platform

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

const dayMicros = 24 * 3600 * 1_000_000

// dayForm is a day's, which is that of its first moment. Beyond what timestamps can be it wraps around: no matter.
func dayForm(buf []byte, days int64) []byte {
	switch days {
	case math.MaxInt32:
		days = math.MaxInt64
	case math.MinInt32:
		days = math.MinInt64
	default:
		days *= dayMicros
	}
	return binary.BigEndian.AppendUint64(buf, uint64(days))
}

// moment reads a day, and a time of it, as PostgreSQL prints them in ISO style and in UTC: days since 2000.
func moment(text string) (days, micros int64, err error) {
	switch text {
	case "infinity":
		return math.MaxInt32, 0, nil
	case "-infinity":
		return math.MinInt32, 0, nil
	}
	text, before := strings.CutSuffix(text, " BC")
	day, time, timed := strings.Cut(text, " ")
	var parts [3]int64
	fields := strings.Split(day, "-")
	if len(fields) != 3 {
		return 0, 0, errRow
	}
	for i, f := range fields {
		if parts[i], err = strconv.ParseInt(f, 10, 32); err != nil {
			return 0, 0, err
		}
	}
	if timed {
		if micros, err = clock(strings.TrimSuffix(time, "+00")); err != nil {
			return 0, 0, err
		}
	}
	year, month := parts[0], parts[1]
	if before {
		year = 1 - year
	}
	// Years begin in March here, so that a leap day is the last of its year (Hinnant, days_from_civil).
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	of := year - era*400
	n := era*146097 + of*365 + of/4 - of/100 + (153*(month-3)+2)/5 + parts[2] - 1
	return n - 730425, micros, nil // from 0000-03-01 to 2000-01-01
}

// clock reads a time of day, in microseconds.
func clock(text string) (micros int64, err error) {
	whole, part, _ := strings.Cut(text, ".")
	fields := strings.Split(whole, ":")
	if len(fields) != 3 {
		return 0, errRow
	}
	for _, f := range append(fields, (part + "000000")[:6]) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		if len(f) == 6 {
			micros = micros*1_000_000 + n
		} else {
			micros = micros*60 + n
		}
	}
	return micros, nil
}
