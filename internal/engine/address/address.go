// Package address turns the address of a PostgreSQL server into a connection. What the configuration or the command
// line gives is the operator's own and may be anything that pgx takes. What somebody typed into a page is built from
// user, password, TCP host, port, database and sslmode: it never reaches libpq's or pgx's parser, so it names no file
// of this machine and is sent nothing of its environment.
package address

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Server is a server whose address somebody typed.
type Server struct {
	User     string
	Password keepsake.Secret
	Host     string // a DNS name, or an address without a zone
	Port     uint16
	Database string
	SSLMode  string // one of sslModes

	at []netip.Addr // where Host led when it was checked; empty before
}

// sslModes are the ways of using TLS that a typed address may ask for. None of them needs a file of its own.
var sslModes = []string{"prefer", "require", "verify-full", "disable"}

const (
	defaultPort     = 5432
	defaultDatabase = "postgres"
	maxTyped        = 2000 // bytes of an address
)

// form is how an address is written, for every message that refuses one.
const form = "Write it as postgres://role:password@host:port/database, one host, special characters of the password " +
	"percent-encoded."

func refuse(format string, args ...any) (Server, error) {
	return Server{}, keepsake.Errorf(keepsake.CodeInvalid, format+" "+form, args...)
}

// Read reads an address that somebody typed. It names and refuses whatever the address has beyond a Server's fields.
// Its errors hold no other part of what was typed, because that may be a password.
func Read(typed keepsake.Secret) (Server, error) {
	u, err := url.Parse(typed.Reveal())
	if err != nil || len(typed.Reveal()) > maxTyped || u.Scheme != "postgres" && u.Scheme != "postgresql" ||
		u.Opaque != "" || u.Fragment != "" {
		return refuse("This is not the address of a PostgreSQL server.")
	}
	password, _ := u.User.Password()
	s := Server{
		User:     u.User.Username(),
		Password: keepsake.Secret(password),
		Database: cmp.Or(strings.TrimPrefix(u.Path, "/"), defaultDatabase),
	}
	if s.User == "" {
		return refuse("The address names no role to sign in as.")
	}
	if s.Host, err = readHost(u.Hostname()); err != nil {
		return Server{}, err
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), strconv.Itoa(defaultPort)), 10, 16)
	if err != nil || port == 0 || strings.HasSuffix(u.Host, ":") {
		return refuse("The port is not a number from 1 to 65535.")
	}
	s.Port = uint16(port)
	if !plain(s.User, 63) || !plain(s.Database, 63) || !plain(password, 1000) {
		return refuse("The role, the password or the database has a character in it that no name has, or is too long.")
	}
	if s.SSLMode, err = readOptions(u.RawQuery); err != nil {
		return Server{}, err
	}
	return s, nil
}

func plain(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s,
		func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

var (
	label     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	numberish = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]*|[0-9]+)$`)
	setting   = regexp.MustCompile(`^[a-z_]{2,32}$`)
)

// readHost takes a DNS name or an IP address in its usual form. Resolvers of some systems take 0x7f.1 and 2130706433
// for addresses too: they are refused, as is whatever is a path, several hosts,
// or an address on one of this machine's interfaces.
func readHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			_, err := refuse("The host must not name an interface of this machine (%%zone).")
			return "", err
		}
		return addr.Unmap().String(), nil
	}
	name := strings.TrimSuffix(host, ".")
	labels := strings.Split(name, ".")
	bad := func(l string) bool { return !label.MatchString(l) }
	if len(name) > 253 || slices.ContainsFunc(labels, bad) || numberish.MatchString(labels[len(labels)-1]) {
		_, err := refuse("The host is neither a name such as db.example.org nor an address such as 192.0.2.7. Sockets and " +
			"several hosts cannot be used here.")
		return "", err
	}
	return strings.ToLower(name), nil
}

// readOptions takes sslmode and nothing else, once.
func readOptions(raw string) (string, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		_, err := refuse("What follows the question mark cannot be read.")
		return "", err
	}
	for name := range query {
		if name == "sslmode" {
			continue
		}
		if !setting.MatchString(name) { // it may be a part of a password that was not encoded
			name = "what follows the question mark"
		}
		_, err := refuse("%s cannot be set in an address that is typed: besides sslmode nothing can. A server that needs "+
			"more belongs into the configuration, as one of its targets.", name)
		return "", err
	}
	mode := "prefer"
	if values := query["sslmode"]; len(values) > 1 {
		mode = ""
	} else if len(values) == 1 {
		mode = values[0]
	}
	if !slices.Contains(sslModes, mode) {
		_, err := refuse("sslmode can be one of %s.", strings.Join(sslModes, ", "))
		return "", err
	}
	return mode, nil
}

// Name returns the server's host and port.
func (s Server) Name() string { return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// Typed returns the address as Read takes it.
func (s Server) Typed() keepsake.Secret {
	u := s.url("postgres")
	u.RawQuery = url.Values{"sslmode": {s.SSLMode}}.Encode()
	return keepsake.Secret(u.String())
}

func (s Server) url(scheme string) *url.URL {
	return &url.URL{
		Scheme: scheme,
		User:   url.UserPassword(s.User, s.Password.Reveal()),
		Host:   s.Name(),
		Path:   "/" + s.Database,
	}
}
