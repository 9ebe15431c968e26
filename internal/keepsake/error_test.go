package keepsake_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestCodeOfAnError(t *testing.T) {
	t.Parallel()
	inner := keepsake.Errorf(keepsake.CodeDamaged, "a chunk is damaged")
	for name, c := range map[string]struct {
		err  error
		want keepsake.Code
	}{
		"none":                     {nil, ""},
		"one without a code":       {errors.New("broken"), keepsake.CodeInternal},
		"wrapped":                  {fmt.Errorf("read: %w", inner), keepsake.CodeDamaged},
		"the outermost of several": {keepsake.Errorf(keepsake.CodeUnavailable, "away: %w", inner), keepsake.CodeUnavailable},
	} {
		if got := keepsake.CodeOf(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
