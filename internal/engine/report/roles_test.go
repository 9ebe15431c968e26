package report_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine/report"
)

// TestARoleIsCreatedAsItIsNamed: what PostgreSQL reads in the statement is the role's name, whatever is in it.
func TestARoleIsCreatedAsItIsNamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching("[a-zA-Z0-9_ ;.'\"\\\\é-]{1,20}").Draw(t, "role")
		r := report.RestoreResult{MissingRoles: []string{name}}
		written, ok := strings.CutPrefix(r.CreateRoles(), "create role ")
		written, ended := strings.CutSuffix(written, ";")
		if quoted := strings.HasPrefix(written, `"`); quoted {
			inside := strings.TrimSuffix(written[1:], `"`)
			if pairs := strings.ReplaceAll(inside, `""`, ""); strings.Contains(pairs, `"`) {
				t.Errorf("the name ends early in %s", written)
			}
			written = strings.ReplaceAll(inside, `""`, `"`)
		} else if written != strings.ToLower(written) || strings.ContainsAny(written, " ;.'-") {
			t.Errorf("%s needs quotes", written)
		}
		if !ok || !ended || written != name {
			t.Errorf("%q is created by %s", name, r.CreateRoles())
		}
	})
}
