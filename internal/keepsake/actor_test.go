package keepsake

import (
	"testing"
	"time"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		given []Permission
		p     Permission
		want  bool
	}{
		{"a session may what its role may", nil, MayRestore, true},
		{"a token may what it was given", []Permission{MayRead, MayBackup}, MayBackup, true},
		{"and nothing else", []Permission{MayRead, MayBackup}, MayRestore, false},
		{"a token without scopes may nothing", []Permission{}, MayRead, false},
	} {
		if got := (Actor{Role: RoleSuperAdmin, Permissions: test.given}).May(test.p); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

// TestProofsHaveATime: one is valid for five minutes, and one from a time to come proves nothing: the clock that wrote
// it was wrong. A minute is what two machines' clocks may differ by.
func TestProofsHaveATime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: true, StepUp: true, StepUp + 1: false, -ClockSlack: true,
		-ClockSlack - 1: false, -time.Hour: false} {
		if got := (Actor{Session: "s", ProvenAt: now.Add(-age)}).Proven(now); got != want {
			t.Errorf("a proof that is %s old: %t", age, got)
		}
	}
}
