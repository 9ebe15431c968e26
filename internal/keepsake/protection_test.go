package keepsake_test

import (
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestLacksSaysWhatIsMissing checks the words for what the 3-2-1 rule lacks and for what to do: they name what is
// missing, never what is there.
func TestLacksSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	local, store, far := keepsake.Copy{Provider: "local", Medium: "disk"}, keepsake.Copy{Provider: "store", Medium: "s3"},
		keepsake.Copy{Provider: "far", Medium: "gcs", Offsite: true}
	confirmed := func(c keepsake.Copy) keepsake.Copy { c.Confirmed = true; return c }
	const configure = "Configure three providers on two media, one of them offsite, then repair: that copies to each " +
		"what it lacks."
	for _, c := range []struct {
		copies      []keepsake.Copy
		lacks, toDo string
	}{
		{[]keepsake.Copy{confirmed(local), confirmed(store), confirmed(far)}, "", ""},
		{[]keepsake.Copy{local, confirmed(store), confirmed(far)}, "1 of 3 copies is missing (local)",
			"Once local works, repair: that copies there what it lacks."},
		{[]keepsake.Copy{confirmed(local), store, far},
			"2 of 3 copies are missing (store, far); 1 of 2 media is missing; no offsite copy",
			"Once store and far work, repair: that copies there what they lack."},
		{[]keepsake.Copy{local, store, far}, "3 of 3 copies are missing (local, store, far); 2 of 2 media are missing; " +
			"no offsite copy",
			"Once local, store and far work, repair: that copies there what they lack."},
		{[]keepsake.Copy{confirmed(local), confirmed(store)}, "1 of 3 copies is missing; no offsite copy", configure},
		{nil, "3 of 3 copies are missing; 2 of 2 media are missing; no offsite copy", configure},
	} {
		p := keepsake.JudgeProtection(c.copies)
		if p.Lacks() != c.lacks || p.Remedy() != c.toDo || p.Protected() != (c.lacks == "") {
			t.Errorf("%+v: lacks %q, remedy %q", c.copies, p.Lacks(), p.Remedy())
		}
	}
}
