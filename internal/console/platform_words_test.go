package console_test

import (
	"context"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAnAwayPlatformIsSaidOnce, in whole sentences and without the driver's words, whoever asks and however often.
func TestAnAwayPlatformIsSaidOnce(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]error{
		"The platform does not answer: the platform's database did not answer within 5 s.": &keepsake.Error{
			Code:    keepsake.CodeUnavailable,
			Message: "the platform's database did not answer within 5 s",
			Err:     context.DeadlineExceeded,
		},
		"The platform does not answer. db:5432/x has no free connection.": keepsake.Errorf(keepsake.CodeUnavailable,
			"db:5432/x has no free connection"),
		"The platform does not answer. Is it there?": keepsake.Errorf(keepsake.CodeUnavailable,
			"Is it there?"),
		"The platform does not let Keepsake in: the role may not.": keepsake.Errorf(keepsake.CodeForbidden,
			"the role may not"),
	} {
		w, e := newWorld(t), newFakeEngine()
		e.down = down
		c := w.console(e)
		for range 3 { // the first may ask; the others are told what is known
			d, err := c.Dashboard(t.Context(), admin)
			if err != nil || d.Platform.Words != name || d.Platform.Readable() {
				t.Errorf("%q, %v, want %q", d.Platform.Words, err, name)
			}
			if !strings.HasPrefix(d.WeddingsMissing, name+" ") ||
				strings.Count(d.WeddingsMissing, "The platform does not") != 1 {
				t.Errorf("weddings: %q", d.WeddingsMissing)
			}
		}
	}
}
