package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAStoppedBackupSaysWhatIsThere: that no recovery point was made is said only where the backup does not know
// better.
func TestAStoppedBackupSaysWhatIsThere(t *testing.T) {
	t.Parallel()
	there := &keepsake.Error{Code: keepsake.CodeCancelled, Message: "recovery point 7 is at disk", Err: context.Canceled}
	for _, x := range []struct {
		err  error
		want string
	}{{context.Canceled, "no recovery point was made"}, {there, "recovery point 7 is at disk"}} {
		err := interrupted("backup", x.err)
		if m := keepsake.MessageOf(err); keepsake.CodeOf(err) != keepsake.CodeCancelled || !strings.Contains(m, x.want) ||
			errors.Is(x.err, there) && strings.Contains(m, "no recovery point") {
			t.Errorf("%v is said as %s", x.err, m)
		}
	}
}
