package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestScopeFlagsRoundTrip: the flags that a preview prints for its scope name the same scope when they are read.
func TestScopeFlagsRoundTrip(t *testing.T) {
	t.Parallel()
	must := keepsake.MustScope
	for _, s := range []keepsake.Scope{must(keepsake.WeddingScope("7")), must(keepsake.OrganizationScope("a")),
		must(keepsake.TierScope(keepsake.TierHigh)),
		must(keepsake.TierScope(keepsake.TierStandard, keepsake.TierCritical)), keepsake.Everything()} {
		var c wideName
		parser, err := kong.New(&c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(strings.Fields(flagsOf(s))); err != nil {
			t.Errorf("%s: %v", flagsOf(s), err)
		}
		if in, err := c.input("latest", "missing"); in.Scope != s || err != nil {
			t.Errorf("%s of %s is read as %s, %v", flagsOf(s), s, in.Scope, err)
		}
		if d := c.deed("scope.preview", "", "latest", map[string]any{}); d.target != s.Target() {
			t.Errorf("%s: the trail says %q", s, d.target)
		}
	}
}

// TestScopeFlagsOfNoScope: whoever names no scope, or two, is told so, and a restore without one is of everything.
func TestScopeFlagsOfNoScope(t *testing.T) {
	t.Parallel()
	two := wideName{scopeFlags: scopeFlags{WeddingID: "7", Everything: true}}
	for _, c := range []wideName{{}, two} {
		if _, err := c.input("latest", ""); keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	whole, err := (&restoreCommand{}).scope()
	if whole != keepsake.Everything() || err != nil {
		t.Errorf("a restore without a scope is of %s, %v", whole, err)
	}
	of, err := (&restoreCommand{WeddingID: "7", Tier: []keepsake.Tier{keepsake.TierHigh}}).scope()
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil {
		t.Errorf("a restore of a wedding and a tier is of %s, %v", of, err)
	}
}
