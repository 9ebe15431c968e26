package report

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// aboutRoles are the kinds of what names a role, and nothing else that the server could lack.
var aboutRoles = []string{"owner", "grant", "default grant", "grantor", "policy", "user mapping"}

var (
	quotedName = regexp.MustCompile(`"([^"…]+)"`)
	plainName  = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

// CreateRoles returns, in one line, the statements that make the roles which the target's server lacks and something
// that could not be made names, or "" where there are none.
func (r RestoreResult) CreateRoles() string {
	missing := r.MissingRoles
	if missing == nil {
		missing = rolesSaid(r.Exceptions)
	}
	statements := make([]string, len(missing))
	for i, name := range missing {
		statements[i] = "create role " + identifier(name) + ";"
	}
	return strings.Join(statements, " ")
}

// rolesSaid are the missing roles of a result from before results named them, as the server's messages name them. It
// reads nothing else of a message, because these may be in any language.
func rolesSaid(exceptions []keepsake.Exception) (roles []string) {
	for _, e := range exceptions {
		// A server answers so to a statement that names a role which it lacks.
		if e.Code != pgerrcode.UndefinedObject || !slices.Contains(aboutRoles, e.Kind) {
			continue
		}
		if e.Kind == "policy" && !strings.Contains(e.SQL, " TO ") { // its condition may name what the server lacks
			continue
		}
		if name := quotedName.FindStringSubmatch(e.Error); name != nil {
			roles = append(roles, name[1])
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// identifier writes a name as SQL takes it.
func identifier(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
