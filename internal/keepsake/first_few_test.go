package keepsake_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestFirstFew(t *testing.T) {
	t.Parallel()
	list := []string{"a", "b", "c"}
	for most, want := range map[int]string{1: "a and 2 more", 2: "a, b and 1 more", 3: "a, b, c", 9: "a, b, c"} {
		if got := keepsake.FirstFew(list, most); got != want {
			t.Errorf("%d: %q", most, got)
		}
	}
	if got := keepsake.FirstFew(nil, 2); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
