package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// TestLatestIsTheNewestOfTheBest draws recovery points and looks for the one that latest means kind by kind.
func TestLatestIsTheNewestOfTheBest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := make([]policy.Candidate, rapid.IntRange(0, 12).Draw(t, "points"))
		for i := range points {
			p := policy.Candidate{
				ID: fmt.Sprint(i),
				Type: rapid.SampledFrom([]keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental,
					keepsake.BackupCritical}).Draw(t, "type"),
				Suspect: rapid.SampledFrom([]string{"", "Every table is empty."}).Draw(t, "suspect"),
			}
			if rapid.IntRange(0, 3).Draw(t, "unreadable") == 0 {
				p = policy.Candidate{ID: p.ID, Err: errors.New("it does not open")}
			}
			points[i] = p
		}
		want := -1
		for _, kind := range []func(policy.Candidate) bool{
			func(c policy.Candidate) bool { return c.Whole() && c.Suspect == "" },
			policy.Candidate.Whole,
			func(c policy.Candidate) bool { return c.Suspect == "" },
			func(policy.Candidate) bool { return true },
		} {
			if want < 0 {
				want = slices.IndexFunc(points, func(c policy.Candidate) bool { return c.Err == nil && kind(c) })
			}
		}
		asked := 0
		found, passed, ok := policy.Latest(func(yield func(policy.Candidate) bool) {
			for _, c := range points {
				if asked++; !yield(c) {
					return
				}
			}
		})
		if ok != (want >= 0) || ok && found.ID != points[want].ID {
			t.Fatalf("found %+v, %t of %+v", found, ok, points)
		}
		if ok && found.Whole() && found.Suspect == "" && asked != want+1 {
			t.Errorf("asked for %d points and needed %d", asked, want+1)
		}
		var words []string // of what is newer and covers every tier, and of what nobody can read
		for i, c := range points[:asked] {
			if c.Err != nil || c.Whole() && i < want {
				words = append(words, c.ID)
			}
		}
		var got []string
		for _, c := range passed {
			got = append(got, c.ID)
			if c.Err == nil && (c.Suspect == "" || found.Suspect != "") {
				t.Errorf("%+v is passed by for %+v", c, found)
			}
		}
		if !slices.Equal(got, words) {
			t.Errorf("passed by: %v, want %v", got, words)
		}
	})
}
