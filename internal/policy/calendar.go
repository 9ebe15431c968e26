package policy

import (
	"maps"
	"slices"
	"time"
)

// calendar is how many weddings there are on each day, to be asked for many days.
type calendar struct {
	days    []int // since 1970, in order
	upto    []int // weddings up to that day
	undated int
}

func calendarOf(byDate map[string]int) (c calendar) {
	on := make(map[int]int, len(byDate))
	for date, n := range byDate {
		if t, err := time.Parse(time.DateOnly, date); err == nil {
			on[dayNumber(t)] += n
		} else if date == "" {
			c.undated = n
		}
	}
	c.days = slices.Sorted(maps.Keys(on))
	total := 0
	for _, d := range c.days {
		total += on[d]
		c.upto = append(c.upto, total)
	}
	return c
}

func dayNumber(t time.Time) int { return int(t.Unix() / int64(oneDay/time.Second)) }

// between counts the weddings from so many days after today to so many, both included.
func (c calendar) between(today time.Time, from, to int) int {
	upto := func(day int) int {
		if i, _ := slices.BinarySearch(c.days, day+1); i > 0 {
			return c.upto[i-1]
		}
		return 0
	}
	if from > to {
		return 0
	}
	return upto(dayNumber(today)+to) - upto(dayNumber(today)+from-1)
}
