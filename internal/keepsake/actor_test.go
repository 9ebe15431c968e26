package keepsake

import "testing"

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
