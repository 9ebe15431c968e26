package report_test

import (
	"encoding/json"
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

// TestRolesOfAnOldResult: a result that was stored before results named missing roles says those of the server's
// messages. A newer one that names none says none.
func TestRolesOfAnOldResult(t *testing.T) {
	t.Parallel()
	const exceptions = `"exceptions": [
		{"kind": "grant", "code": "42704", "error": "role \"app\" does not exist"},
		{"kind": "owner", "code": "42704", "error": "role \"App\" does not exist"},
		{"kind": "grant", "code": "42704", "error": "role \"app\" does not exist"},
		{"kind": "index", "code": "42704", "error": "operator class \"fast\" does not exist"},
		{"kind": "policy", "code": "42704", "error": "type \"mood\" does not exist", "sql": "CREATE POLICY p ON t"}]`
	for stored, want := range map[string]string{
		`{` + exceptions + `}`:                                 `create role "App"; create role app;`,
		`{"missing_roles": [], ` + exceptions + `}`:            "",
		`{"missing_roles": ["app"], ` + exceptions + `}`:       "create role app;",
		`{"missing_roles": ["app"], "exceptions": []}`:         "create role app;",
		`{"point": "20261123T070500Z-aa", "exceptions": null}`: "",
	} {
		var r report.RestoreResult
		if err := json.Unmarshal([]byte(stored), &r); err != nil {
			t.Fatal(err)
		}
		if got := r.CreateRoles(); got != want {
			t.Errorf("%s: %q, want %q", stored, got, want)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(stored, "missing_roles"); strings.Contains(string(again), "missing_roles") != named {
			t.Errorf("%s is written as %s", stored, again)
		}
	}
}
