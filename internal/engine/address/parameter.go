package address

import (
	"net/url"
	"regexp"
	"strings"
)

// parameter returns one parameter of a connection string, which is a URL or libpq's "key=value" form.
func parameter(conn, name string) string {
	if strings.HasPrefix(conn, "postgres://") || strings.HasPrefix(conn, "postgresql://") {
		u, err := url.Parse(conn)
		if err != nil {
			return ""
		}
		return u.Query().Get(name)
	}
	m := regexp.MustCompile(`(?:^|\s)` + regexp.QuoteMeta(name) + `\s*=\s*('[^']*'|\S+)`).FindStringSubmatch(conn)
	if m == nil {
		return ""
	}
	return strings.Trim(m[1], "'")
}
