package config

import (
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTypedTargets: without a word typed addresses lead to public and private networks, an empty list ends them, and
// what is no network is refused.
func TestTypedTargets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "public private", "typed_targets: []": "", "typed_targets: [public]": "public",
		"typed_targets: [10.20.0.0/16, 192.0.2.7]": "10.20.0.0/16 192.0.2.7",
	} {
		if c := load(t, minimal+text+"\n", nil); strings.Join(c.TypedTargets, " ") != want {
			t.Errorf("%q: %v, want %q", text, c.TypedTargets, want)
		}
	}
	_, err := Load(write(t, minimal+"typed_targets: [public, internal]\n"), environ(nil))
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), `"internal" is no network`) {
		t.Errorf("%v", err)
	}
}
