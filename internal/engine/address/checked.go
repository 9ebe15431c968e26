package address

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// checkedPrefix marks the connection string of a typed server whose host was looked up and allowed. What follows is
// base64 without padding: no parser but this package's takes it, so whoever hands it to another by mistake gets an
// error and no connection.
const checkedPrefix = "keepsake-checked:"

// Checked returns the connection string of a database of the server, for Config and Environment. It leads to the
// addresses that Policy.Check has found and to no other, whatever the name resolves to later.
func (s Server) Checked(database string) keepsake.Secret {
	s.Database = database
	u := s.url("postgres")
	q := url.Values{"sslmode": {s.SSLMode}}
	for _, addr := range s.at {
		q.Add("at", addr.String())
	}
	u.RawQuery = q.Encode()
	return keepsake.Secret(checkedPrefix + base64.RawURLEncoding.EncodeToString([]byte(u.String())))
}

// IsChecked reports whether Server.Checked made the connection string.
func IsChecked(conn keepsake.Secret) bool {
	return strings.HasPrefix(conn.Reveal(), checkedPrefix)
}

var errChecked = keepsake.Errorf(keepsake.CodeInvalid, "The address of the other server cannot be read: type it again.")

// open reads what Checked has written.
func open(conn keepsake.Secret) (Server, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(conn.Reveal(), checkedPrefix))
	if err != nil {
		return Server{}, errChecked
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		return Server{}, errChecked
	}
	q := u.Query()
	var at []netip.Addr
	for _, text := range q["at"] {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return Server{}, errChecked
		}
		at = append(at, addr)
	}
	q.Del("at")
	u.RawQuery = q.Encode()
	s, err := Read(keepsake.Secret(u.String()))
	if err != nil || len(at) == 0 {
		return Server{}, errChecked
	}
	s.at = at
	return s, nil
}

// WithDatabase returns the connection string with another database. It takes the operator's own strings and those of
// Server.Checked.
func WithDatabase(conn keepsake.Secret, name string) (keepsake.Secret, error) {
	raw := conn.Reveal()
	if IsChecked(conn) {
		s, err := open(conn)
		return s.Checked(name), err
	}
	if !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
		// Of a parameter that stands twice the last one counts.
		return keepsake.Secret(raw + " dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "'"), nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errURL // the parser's own words may quote the password
	}
	u.Path, u.RawPath = "/"+name, ""
	q := u.Query()
	q.Del("dbname") // they would win over the path
	q.Del("database")
	u.RawQuery = q.Encode()
	return keepsake.Secret(u.String()), nil
}
