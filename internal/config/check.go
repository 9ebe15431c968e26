package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// The types of provider.
const (
	typeFile = "file"
	typeS3   = "s3"
	typeGCS  = "gcs"
)

// The limits of what makes sense.
const (
	maxProviders = 16 // an index keeps one bit for each
	maxWorkers   = 64
	maxLimit     = 1000
	minSecret    = 32 // bytes of a session secret
)

// mistake is what is wrong with the field at path, and what to do.
type mistake struct {
	path []any
	text string
}

func wrong(text string, path ...any) *mistake { return &mistake{path, text} }

// check returns the first mistake as an Error with CodeInvalid.
func (c *Config) check() error {
	for _, group := range []func() *mistake{c.checkDatabases, c.checkDataMap, c.checkProviders, c.checkTargets,
		c.checkServer, c.checkAuth, c.checkAlerts, c.checkSchedule, c.checkRetention, c.checkRest} {
		if m := group(); m != nil {
			return keepsake.Errorf(keepsake.CodeInvalid, "%s: %s", c.where(m.path...), m.text)
		}
	}
	return nil
}

// where says where a field stands: in the file, or in the environment variable that takes its place.
func (c *Config) where(path ...any) string {
	if len(path) == 2 && path[1] == "owner_url" && c.getenv(envOwner) != "" {
		return envOwner
	}
	if len(path) == 2 && path[1] == "url" {
		for group, variable := range map[any]string{"platform": envPlatform, "console": envConsole} {
			if path[0] == group && c.getenv(variable) != "" {
				return variable
			}
		}
	}
	at := c.doc.at(path...)
	if len(path) > 1 && path[0] == "providers" {
		if i, ok := path[1].(int); ok && c.Providers[i].Name != "" {
			at += " (" + c.Providers[i].Name + ")"
		}
	}
	return at
}

func (c *Config) checkDatabases() *mistake {
	if !keepsake.IsPlatformName(c.Platform.Name) {
		return wrong("it is no name: use small letters, digits and dashes, a letter first and 40 at most",
			"platform", "name")
	}
	platform, problem := parseDatabase(c.Platform.URL)
	if problem != "" {
		return wrong(problem, "platform", "url")
	}
	console, problem := parseDatabase(c.Console.URL)
	if problem != "" {
		return wrong(problem, "console", "url")
	}
	owner, problem := parseDatabase(c.Console.OwnerURL)
	if problem != "" {
		return wrong(problem, "console", "owner_url")
	}
	if platform != nil && owner != nil && sameDatabase(c.Platform.URL, c.Console.OwnerURL) {
		return wrong("it names the platform's own database: it leads to the console's, like console.url, as the "+
			"role that owns it", "console", "owner_url")
	}
	if platform != nil && console != nil && sameDatabase(c.Platform.URL, c.Console.URL) {
		return wrong("it names the platform's own database: give the console one of its own, it may be on the same server",
			"console", "url")
	}
	return nil
}

// sameDatabase reports whether two URLs lead to one database, with what they leave out filled in as the driver does:
// port 5432, the PG… variables of the environment. A URL that the driver refuses leads nowhere.
func sameDatabase(a, b keepsake.Secret) bool {
	one, err := pgx.ParseConfig(a.Reveal())
	if err != nil {
		return false
	}
	other, err := pgx.ParseConfig(b.Reveal())
	if err != nil || one.Database != other.Database {
		return false
	}
	known := addresses(one)
	return slices.ContainsFunc(addresses(other), func(at string) bool { return slices.Contains(known, at) })
}

// addresses returns every host and port that a connection may be made to. All names of this machine, and the directory
// of a local socket, are one host.
func addresses(c *pgx.ConnConfig) []string {
	list := []string{address(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		list = append(list, address(f.Host, f.Port))
	}
	return list
}

func address(host string, port uint16) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	addr, err := netip.ParseAddr(host)
	if host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || err == nil &&
		addr.Unmap().IsLoopback() {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// parseDatabase returns the URL, nil for none, or what is wrong with it. It never quotes it: it holds a password.
func parseDatabase(raw keepsake.Secret) (*url.URL, string) {
	if raw == "" {
		return nil, ""
	}
	u, err := url.Parse(raw.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, "it is no PostgreSQL URL: write postgres://user:password@host:5432/database, special characters of the " +
			"password percent-encoded"
	}
	if strings.Trim(u.Path, "/") == "" && u.Query().Get("dbname") == "" {
		return nil, "it names no database: add /database to its end"
	}
	return u, ""
}

// parseWeb reads the address of a web server: a host that is there, perhaps a port and a path, and nothing that would
// stand in the way of what is written behind it.
func parseWeb(raw string) (u *url.URL, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(raw, "?#") {
		return nil, false
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	return u, err == nil && port > 0 && !strings.HasSuffix(u.Host, ":")
}

func (c *Config) checkDataMap() *mistake {
	tierOf := map[string]keepsake.Tier{}
	for tier := range c.DataMap.Tiers {
		if known, err := keepsake.ParseTier(string(tier)); err != nil || known != tier {
			return wrong("this is no tier: use critical, high or standard", "data_map", "tiers", string(tier))
		}
	}
	for _, tier := range keepsake.Tiers() {
		for i, table := range c.DataMap.Tiers[tier] {
			full := keepsake.QualifiedName(table)
			if other, twice := tierOf[full]; twice {
				return wrong(fmt.Sprintf("table %s is listed twice, also as %s: keep one", full, other), "data_map", "tiers",
					string(tier), i)
			}
			tierOf[full] = tier
			if tier != keepsake.TierCritical && c.DataMap.IsRoot(full) {
				return wrong(fmt.Sprintf("table %s is critical by definition, as the table of weddings and that of "+
					"organizations are: "+
					"take it off this list", full), "data_map", "tiers", string(tier), i)
			}
		}
	}
	for i, k := range c.DataMap.ForeignKeys {
		switch {
		case k.Table == "" || k.References == "":
			return wrong("a reference needs the table it is in and the table it leads to: name both",
				"data_map", "foreign_keys", i)
		case len(k.Columns) == 0 || len(k.Columns) != len(k.ReferencedColumns):
			return wrong("columns and referenced_columns must name the same number of columns, at least one", "data_map",
				"foreign_keys", i)
		}
	}
	if w := c.DataMap.Wedding; w.Date == "" {
		return wrong("the column of the wedding day is missing: name it", "data_map", "wedding", "date")
	}
	return nil
}

func (c *Config) checkProviders() *mistake {
	if len(c.Providers) == 0 {
		return wrong("none is configured: name at least one place to keep backups; three, on two media and one of them "+
			"offsite, make them protected", "providers")
	}
	if len(c.Providers) > maxProviders {
		return wrong(fmt.Sprintf("%d are configured: at most %d can be", len(c.Providers), maxProviders), "providers")
	}
	names, places := map[string]bool{}, map[string]string{}
	for i, p := range c.Providers {
		if m := p.check(); m != nil {
			m.path = append([]any{"providers", i}, m.path...)
			return m
		}
		if names[p.Name] {
			return wrong("another provider has this name already: give each its own", "providers", i, "name")
		}
		names[p.Name] = true
		place := strings.Join([]string{p.Type, c.Resolve(p.Path), p.Endpoint, p.Bucket, strings.Trim(p.Prefix, "/")}, "\x00")
		if other, same := places[place]; same {
			return wrong(fmt.Sprintf("it is the same place as provider %s: a copy there is no second copy, name another place",
				other), "providers", i)
		}
		places[place] = p.Name
	}
	return nil
}

var (
	providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	mediumName   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)
)

func (p *Provider) check() *mistake {
	if !providerName.MatchString(p.Name) {
		return wrong("a provider needs a name: use 1 to 63 letters, digits, dots, dashes and underscores", "name")
	}
	if p.Type != typeFile && p.Type != typeS3 && p.Type != typeGCS {
		return wrong(fmt.Sprintf("%q is no type of provider: use file, s3 or gcs", p.Type), "type")
	}
	if !mediumName.MatchString(p.Medium) {
		return wrong("use one lower-case word, such as disk, s3, supabase or gcs: two media are told apart by it", "medium")
	}
	if p.Type == typeFile && p.Path == "" {
		return wrong("it is missing: name the directory to keep objects in", "path")
	}
	if p.Type != typeFile && p.Bucket == "" {
		return wrong("it is missing: name the bucket to keep objects in", "bucket")
	}
	if m := p.checkForeign(); m != nil {
		return m
	}
	if (p.AccessKeyID == "") != (p.SecretAccessKey == "") {
		return wrong("access_key_id and secret_access_key go together: give both, or neither to use the "+
			"machine's own identity", "access_key_id")
	}
	if p.Endpoint != "" {
		if _, ok := parseWeb(p.Endpoint); !ok {
			return wrong("it is no URL of a store: write https://host, without a user", "endpoint")
		}
	}
	return nil
}

// checkForeign refuses fields of another type of provider: they would be ignored, and somebody means something by them.
func (p *Provider) checkForeign() *mistake {
	for _, f := range []struct {
		name  string
		set   bool
		types string
	}{
		{"path", p.Path != "", typeFile},
		{"endpoint", p.Endpoint != "", typeS3 + typeGCS},
		{"bucket", p.Bucket != "", typeS3 + typeGCS},
		{"prefix", p.Prefix != "", typeS3 + typeGCS},
		{"path_style", p.PathStyle, typeS3},
		{"access_key_id", p.AccessKeyID != "", typeS3},
		{"secret_access_key", p.SecretAccessKey != "", typeS3},
		{"credentials_file", p.CredentialsFile != "", typeGCS},
	} {
		if f.set && !strings.Contains(f.types, p.Type) {
			return wrong("a provider of type "+p.Type+" has no such field: remove it", f.name)
		}
	}
	return nil
}

func (c *Config) checkTargets() *mistake {
	names := map[string]bool{PlatformTarget: true}
	for i, t := range c.Targets {
		if strings.TrimSpace(t.Name) == "" {
			return wrong("a target needs a name: people choose it by that", "targets", i, "name")
		}
		if names[t.Name] {
			return wrong(fmt.Sprintf("the name %q is taken: give each target its own", t.Name), "targets", i, "name")
		}
		names[t.Name] = true
		if t.URL == "" {
			return wrong("it is missing: name a database on the server to connect to first, such as "+
				"postgres://user:password@host:5432/postgres", "targets", i, "url")
		}
		if _, problem := parseDatabase(t.URL); problem != "" {
			return wrong(problem, "targets", i, "url")
		}
	}
	for i, word := range c.TypedTargets {
		if _, err := parseNetwork(word); err != nil && word != "public" && word != "private" {
			return wrong(fmt.Sprintf("%q is no network: write public, private, 10.20.0.0/16 or an address", word),
				"typed_targets", i)
		}
	}
	return nil
}

func (c *Config) checkServer() *mistake {
	s := c.Server
	if problem := CheckAddress(s.Address); problem != "" {
		return wrong(problem, "server", "address")
	}
	if s.BaseURL != "" {
		if u, ok := parseWeb(s.BaseURL); !ok || strings.Trim(u.Path, "/") != "" { // alerts and pages carry it everywhere
			return wrong("it is no address of a site: write https://host, without a path or a user", "server", "base_url")
		}
	}
	if n := len(s.SessionSecret.Reveal()); n > 0 && n < minSecret {
		return wrong(fmt.Sprintf("it has %d bytes: use at least %d, or leave it out to have one made", n, minSecret),
			"server", "session_secret")
	}
	if (s.TLSCertificate == "") != (s.TLSKey == "") {
		return wrong("tls_certificate and tls_key go together: give both, or neither", "server", "tls_certificate")
	}
	for i, network := range s.TrustedProxies {
		if _, err := parseNetwork(network); err != nil {
			return wrong(fmt.Sprintf("%q is no network: write 10.0.0.0/8 or an address", network),
				"server", "trusted_proxies", i)
		}
	}
	if n := s.AloneWeddings; n != nil && *n < 0 {
		return wrong("it is below 0: say how many weddings one person may bring back within a day, 0 for none",
			"server", "alone_weddings")
	}
	if n := s.AloneShare; n != nil && (*n < 0 || *n > 100) {
		return wrong(fmt.Sprintf("%d is no share: use 0 to 100 percent of all weddings", *n), "server", "alone_share")
	}
	return nil
}

// CheckAddress says what is wrong with an address to listen on, or "".
func CheckAddress(address string) string {
	_, port, err := net.SplitHostPort(address)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n > 65535 {
		return fmt.Sprintf("%q is no address to listen on: write host:port, such as %s", address, DefaultAddress)
	}
	return ""
}

func (c *Config) checkRest() *mistake {
	for _, t := range slices.Sorted(maps.Keys(c.Limits)) {
		if known, err := keepsake.ParseBackupType(string(t)); err != nil || known != t {
			return wrong("this is no backup type: use full, incremental, critical, wedding or emergency", "limits", string(t))
		}
		if n := c.Limits[t]; n < 1 || n > maxLimit {
			return wrong(fmt.Sprintf("%d is out of range: use 1 to %d backups an hour, or leave it out for the default",
				n, maxLimit), "limits", string(t))
		}
	}
	if c.Workers < 0 || c.Workers > maxWorkers {
		return wrong(fmt.Sprintf("%d is out of range: use 1 to %d, or leave it out for one per core", c.Workers, maxWorkers),
			"workers")
	}
	return nil
}
