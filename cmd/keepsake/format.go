package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// size writes bytes with a binary unit.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}

// count writes a number with thousands separated.
func count(n int64) string { return keepsake.Count(n) }

// some writes a number of things, in the singular for one.
func some(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return count(n) + " " + thing
}

// seconds writes how long something took.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", s)
	}
	return d.Round(time.Second).String()
}
