package report

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
)

// aboutRoles are the kinds of what names a role, and nothing else that the server could lack.
var aboutRoles = []string{"owner", "grant", "default grant", "grantor", "policy", "user mapping"}

var (
	quotedName = regexp.MustCompile(`"([^"…]+)"`)
	plainName  = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

// CreateRoles returns, in one line, the statements that make the roles which the target's server lacks, or "" where
// it lacks none. It reads nothing but names in the server's messages, because these may be in any language.
func (r RestoreResult) CreateRoles() string {
	var statements []string
	for _, e := range r.Exceptions {
		// A server answers so to a statement that names a role which it lacks.
		if e.Code != pgerrcode.UndefinedObject || !slices.Contains(aboutRoles, e.Kind) {
			continue
		}
		if e.Kind == "policy" && !strings.Contains(e.SQL, " TO ") { // its condition may name what the server lacks
			continue
		}
		if name := quotedName.FindStringSubmatch(e.Error); name != nil {
			statements = append(statements, "create role "+identifier(name[1])+";")
		}
	}
	slices.Sort(statements)
	return strings.Join(slices.Compact(statements), " ")
}

// identifier writes a name as SQL takes it.
func identifier(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return `"` + name + `"` // quotedName takes none with a quote in it
}
