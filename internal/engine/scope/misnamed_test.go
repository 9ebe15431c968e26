package scope

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/fold"
)

// TestMisnamedIsWhatDoesNotConfirm: a fingerprint tells the name that its preview showed from every other one, as
// confirming does.
func TestMisnamedIsWhatDoesNotConfirm(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{"Zoë & Łukasz", "zoe & lukasz", "Zoe and Lukasz", "Müller", "Mueller", "muller",
		"Anne-Marie", "Anne Marie", "annemarie", "7", "everything", "critical tier", "Ann", ""})
	rapid.Check(t, func(t *rapid.T) {
		shown, typed := name.Filter(func(s string) bool { return s != "" }).Draw(t, "shown"), name.Draw(t, "typed")
		p := Preview{Point: "p", Name: shown}
		if err := p.seal(); err != nil {
			t.Fatal(err)
		}
		if got := Misnamed(p.Fingerprint, typed); got == fold.SameName(typed, shown) {
			t.Fatalf("%q for %q: misnamed %v", typed, shown, got)
		}
		if Misnamed("f00d", typed) || Misnamed("", typed) || Misnamed("f00d-12", typed) {
			t.Fatal("what is no fingerprint says that a name is wrong")
		}
	})
}
