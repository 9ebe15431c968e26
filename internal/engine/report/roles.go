package report

import (
	"regexp"
	"strings"
)

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// CreateRoles returns, in one line, the statements that make the roles which the target's server lacks and something
// that could not be made names, or "" where there are none.
func (r RestoreResult) CreateRoles() string {
	statements := make([]string, len(r.MissingRoles))
	for i, name := range r.MissingRoles {
		statements[i] = "create role " + identifier(name) + ";"
	}
	return strings.Join(statements, " ")
}

// identifier writes a name as SQL takes it.
func identifier(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
