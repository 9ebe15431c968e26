package address

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// errURL never quotes the URL, which holds a password.
var errURL = keepsake.Errorf(keepsake.CodeInvalid,
	"the database URL cannot be read: it must look like postgres://user:password@host:5432/database")

// patience is how long connecting to one address of a typed server may take.
const patience = 10 * time.Second

// Config returns pgx's settings for a connection string. Only the operator's own connection strings reach pgx's
// parser.
func Config(conn keepsake.Secret) (*pgx.ConnConfig, error) {
	if IsChecked(conn) {
		s, err := open(conn)
		if err != nil {
			return nil, err
		}
		return s.config()
	}
	config, err := pgx.ParseConfig(conn.Reveal())
	if err != nil {
		return nil, errURL
	}
	if _, set := config.RuntimeParams["hostaddr"]; set { // the driver would ask the server for a setting of that name
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"hostaddr cannot be used in the address of a database: give the address as the host")
	}
	if config.Database == "" { // the server takes the role's name for it, and so do judgements and tools
		config.Database = config.User
	}
	return config, nil
}

// blank is a connection string that says everything which the environment could say otherwise. Only a configuration
// that went through the parser may be connected with, so one comes from here and has every field emptied or set anew.
const blank = "host=127.0.0.1 port=5432 user=nobody password=none dbname=none sslmode=disable " +
	"sslnegotiation=postgres sslcertmode=disable sslrootcert='' sslcert='' " +
	"sslkey='' sslpassword='' passfile='' connect_timeout=1 target_session_attrs=any min_protocol_version=3.0 " +
	"max_protocol_version=3.0 channel_binding=prefer require_auth=''"

func (s Server) config() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(blank)
	if err != nil { // PGSERVICE names what is not there: nothing connects in such an environment
		return nil, keepsake.Errorf(keepsake.CodeUnavailable,
			"The environment of this process names a PostgreSQL service that cannot be read: unset PGSERVICE.")
	}
	frontend, watcher, onError := config.BuildFrontend, config.BuildContextWatcherHandler, config.OnPgError
	empty(&config.Config)
	config.BuildFrontend, config.BuildContextWatcherHandler, config.OnPgError = frontend, watcher, onError
	config.Host, config.Port, config.User, config.Password, config.Database = s.Host, s.Port, s.User, s.Password.Reveal(),
		s.Database
	config.ConnectTimeout, config.RuntimeParams = patience, map[string]string{}
	config.SSLNegotiation, config.SSLCertMode, config.ChannelBinding = "postgres", "disable", "prefer"
	config.MinProtocolVersion, config.MaxProtocolVersion = "3.0", "3.0"
	config.LookupFunc = func(context.Context, string) ([]string, error) {
		var at []string
		for _, addr := range s.at {
			at = append(at, addr.String())
		}
		return at, nil
	}
	config.DialFunc = (&net.Dialer{Timeout: patience, KeepAlive: 5 * time.Minute}).DialContext
	//nolint:gosec // as libpq does it below verify-full
	encrypted := &tls.Config{ServerName: s.Host, InsecureSkipVerify: true}
	switch s.SSLMode {
	case "prefer":
		config.TLSConfig = encrypted
		config.Fallbacks = []*pgconn.FallbackConfig{{Host: s.Host, Port: s.Port}}
	case "require":
		config.TLSConfig = encrypted
	case "verify-full":
		config.TLSConfig = &tls.Config{ServerName: s.Host}
	}
	return config, nil
}

// empty sets every exported field to its zero value, those of later versions too.
func empty(config *pgconn.Config) {
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			v.Field(i).SetZero()
		}
	}
}

// roots are where systems keep the certificates of public authorities; libpq, unlike Go, must be told.
var roots = []string{"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// Environment returns a connection as variables of libpq (PostgreSQL, libpq, "Environment Variables"), for a program
// that gets no other variables.
func Environment(conn keepsake.Secret) ([]string, error) {
	if !IsChecked(conn) {
		return operators(conn)
	}
	s, err := open(conn)
	if err != nil {
		return nil, err
	}
	// Each address stands with the name that its certificate is for. Libpq tries them in this order, as Keepsake does.
	var hosts, at []string
	for _, addr := range s.at {
		hosts, at = append(hosts, s.Host), append(at, addr.String())
	}
	// Without a home libpq finds no password file, no certificate and no key there.
	// None of them is for a server that somebody typed.
	env := []string{
		"HOME=/dev/null",
		"PGHOST=" + strings.Join(hosts, ","),
		"PGHOSTADDR=" + strings.Join(at, ","),
		"PGPORT=" + strconv.Itoa(int(s.Port)),
		"PGUSER=" + s.User,
		"PGPASSWORD=" + s.Password.Reveal(),
		"PGDATABASE=" + s.Database,
		"PGSSLMODE=" + s.SSLMode,
		"PGGSSENCMODE=disable",
	}
	if s.SSLMode == "verify-full" {
		for _, file := range roots {
			if _, err := os.Stat(file); err == nil {
				env = append(env, "PGSSLROOTCERT="+file)
				break
			}
		}
	}
	return env, nil
}

func operators(conn keepsake.Secret) ([]string, error) {
	config, err := Config(conn)
	if err != nil {
		return nil, err
	}
	hosts, ports := []string{config.Host}, []string{strconv.Itoa(int(config.Port))}
	for _, f := range config.Fallbacks { // one for each host, or two where TLS is tried first
		port := strconv.Itoa(int(f.Port))
		if last := len(hosts) - 1; hosts[last] != f.Host || ports[last] != port {
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	env := []string{"PGHOST=" + strings.Join(hosts, ","), "PGPORT=" + strings.Join(ports, ","), "PGUSER=" + config.User,
		"PGPASSWORD=" + config.Password, "PGDATABASE=" + config.Database}
	for name, variable := range map[string]string{"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
		"sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "channel_binding": "PGCHANNELBINDING",
		"target_session_attrs": "PGTARGETSESSIONATTRS"} {
		v := cmp.Or(parameter(conn.Reveal(), name), os.Getenv(variable))
		if name == "sslmode" && v == "" { // a service file may say it, which no tool is given
			v = strictness(config)
		}
		if v != "" {
			env = append(env, variable+"="+v)
		}
	}
	return env, nil
}

// strictness is the sslmode that a configuration came from, as far as libpq must not ask for less.
func strictness(config *pgx.ConnConfig) string {
	plain := func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil }
	switch {
	case config.TLSConfig == nil || slices.ContainsFunc(config.Fallbacks, plain):
		return ""
	case !config.TLSConfig.InsecureSkipVerify:
		return "verify-full"
	case config.TLSConfig.VerifyPeerCertificate != nil:
		return "verify-ca"
	}
	return "require"
}
