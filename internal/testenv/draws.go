package testenv

import (
	"testing"

	"pgregory.net/rapid"
)

// Draws checks a property of n draws instead of rapid's hundred: for properties of which each draw takes a database, a
// repository or seconds. One that fails is drawn further until the least case is found.
func Draws(t *testing.T, n int, property func(*rapid.T)) {
	t.Helper()
	drawn, failed := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if drawn++; drawn > n && !failed {
			return
		}
		defer func() { failed = failed || rt.Failed() }()
		property(rt)
	})
}
