// Package config reads keepsake.yaml and the environment. Every mistake is one line that says where, what is wrong and
// what to do. It opens storage providers, but talks to none of them.
package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Config is keepsake.yaml. Relative paths are relative to the file's own directory: see Resolve.
type Config struct {
	Platform  Platform         `yaml:"platform"`
	Console   ConsoleDatabase  `yaml:"console"` // absent for the command line
	Key       Key              `yaml:"key"`
	Providers []Provider       `yaml:"providers"` // in order of preference for reading
	DataMap   keepsake.DataMap `yaml:"data_map"`
	// ManagedSchemas belong to the hosting service: on a restore target that has them only rows are restored.
	ManagedSchemas []string `yaml:"managed_schemas"`
	Targets        []Target `yaml:"targets"`
	// TypedTargets is where the address of another server may lead that somebody types: public, private, networks. Empty
	// and there: nowhere.
	TypedTargets []string  `yaml:"typed_targets"`
	Server       Server    `yaml:"server"`
	Auth         Auth      `yaml:"auth"`
	Alerts       Alerts    `yaml:"alerts"`
	Schedule     Schedule  `yaml:"schedule"`
	Retention    Retention `yaml:"retention"`
	// Limits is how many backups of a type one actor may start within an hour; what is missing has the console's default.
	Limits  map[keepsake.BackupType]int `yaml:"limits"`
	Workers int                         `yaml:"workers"` // parallel readers and writers; 0: one per core, two at least
	PGBin   string                      `yaml:"pg_bin"`  // directory of pg_dump and pg_restore; empty: the newest found

	doc *document
	env func(string) (string, bool)
}

// Platform is the database that is protected.
type Platform struct {
	// Name is what rows of the console database call it; empty: keepsake.DefaultPlatform.
	Name string          `yaml:"name"`
	URL  keepsake.Secret `yaml:"url"`
}

// ConsoleDatabase is the console's own database: the role that it works as and the one that owns the tables.
type ConsoleDatabase struct {
	URL      keepsake.Secret `yaml:"url"`
	OwnerURL keepsake.Secret `yaml:"owner_url"` // empty: the same role does both
}

// Key says where the repository's key is.
type Key struct {
	File string `yaml:"file"`
}

// Provider is one storage target. Which fields apply depends on Type.
type Provider struct {
	Name            string          `yaml:"name"`
	Type            string          `yaml:"type"`   // file, s3 or gcs
	Medium          string          `yaml:"medium"` // empty: disk, s3 or gcs, by type
	Region          string          `yaml:"region"`
	Offsite         bool            `yaml:"offsite"`
	Path            string          `yaml:"path"`              // file
	Endpoint        string          `yaml:"endpoint"`          // s3, gcs; empty: AWS's or Google's own
	Bucket          string          `yaml:"bucket"`            // s3, gcs
	Prefix          string          `yaml:"prefix"`            // s3, gcs: folder inside the bucket
	PathStyle       bool            `yaml:"path_style"`        // s3
	AccessKeyID     string          `yaml:"access_key_id"`     // s3; empty: the machine's own identity
	SecretAccessKey keepsake.Secret `yaml:"secret_access_key"` // s3
	CredentialsFile string          `yaml:"credentials_file"`  // gcs; empty: the machine's own identity
}

// Target is a server that a restore from the console may create databases on.
type Target struct {
	Name string          `yaml:"name"`
	URL  keepsake.Secret `yaml:"url"`
}

// PlatformTarget is the name under which the console offers the platform's own server as a target.
const PlatformTarget = "platform server"

// Server says how the console is reached.
type Server struct {
	Address string `yaml:"address"`  // host:port to listen on
	BaseURL string `yaml:"base_url"` // as people type it; empty: made from the address
	// at least 32 bytes; empty: one is made and kept in the console database
	SessionSecret  keepsake.Secret `yaml:"session_secret"`
	TrustedProxies []string        `yaml:"trusted_proxies"` // networks whose X-Forwarded-* headers are believed
	TLSCertificate string          `yaml:"tls_certificate"` // PEM file; empty: plain HTTP
	TLSKey         string          `yaml:"tls_key"`         // PEM file
	SecondApprover bool            `yaml:"second_approver"` // restores of the whole database wait for another super admin
	// so many weddings may come back within a day without one; nil: policy.DefaultAlone
	AloneWeddings *int `yaml:"alone_weddings"`
	AloneShare    *int `yaml:"alone_share"` // and so many percent of all
}

// DefaultManagedSchemas returns the schemas that Supabase makes in every project.
func DefaultManagedSchemas() []string {
	return []string{"auth", "storage", "realtime", "supabase_functions", "supabase_migrations", "vault", "graphql",
		"graphql_public",
		"pgsodium", "pgsodium_masks", "extensions", "pgbouncer", "net", "cron"}
}

// DefaultAddress is where the console listens: this machine only, until somebody decides otherwise.
const DefaultAddress = "127.0.0.1:8080"

// Load reads the file at path, fills in ${NAME} from the environment, lets the environment override databases and key,
// and checks everything that can be checked without a connection. lookup is os.LookupEnv outside tests. A mistake is an
// Error with CodeInvalid.
func Load(path string, lookup func(string) (string, bool)) (*Config, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"%s: the configuration file does not exist: copy keepsake.example.yaml there, or name another with --config", path)
	}
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"%s: the configuration file cannot be read: %w", path, errors.Unwrap(err))
	}
	doc, err := parse(path, raw, lookup)
	if err != nil {
		return nil, err
	}
	c := &Config{doc: doc, env: lookup}
	if err := doc.decode(c); err != nil {
		return nil, err
	}
	c.override()
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// Path is where the configuration was read from.
func (c *Config) Path() string { return c.doc.path }

// Resolve returns a path of the configuration relative to the file's directory.
func (c *Config) Resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.doc.path), path)
}

// getenv returns an environment variable, or "".
func (c *Config) getenv(name string) string {
	value, _ := c.env(name)
	return value
}

// The environment variables that take the place of fields.
const (
	envPlatform   = "KEEPSAKE_PLATFORM_URL"
	envConsole    = "KEEPSAKE_CONSOLE_URL"
	envOwner      = "KEEPSAKE_CONSOLE_OWNER_URL"
	envKey        = "KEEPSAKE_KEY"
	envPassphrase = "KEEPSAKE_PASSPHRASE"
	envRecovery   = "KEEPSAKE_RECOVERY_KEY"
)

func (c *Config) override() {
	if v := c.getenv(envPlatform); v != "" {
		c.Platform.URL = keepsake.Secret(v)
	}
	if v := c.getenv(envConsole); v != "" {
		c.Console.URL = keepsake.Secret(v)
	}
	if v := c.getenv(envOwner); v != "" {
		c.Console.OwnerURL = keepsake.Secret(v)
	}
}

func (c *Config) setDefaults() {
	if c.Platform.Name == "" {
		c.Platform.Name = keepsake.DefaultPlatform
	}
	if c.Server.Address == "" {
		c.Server.Address = DefaultAddress
	}
	if c.ManagedSchemas == nil {
		c.ManagedSchemas = DefaultManagedSchemas()
	}
	if c.TypedTargets == nil {
		c.TypedTargets = []string{"public", "private"}
	}
	if len(c.Alerts.On) == 0 {
		c.Alerts.On = []string{"security", "failed"}
	}
	d := keepsake.DefaultDataMap()
	if c.DataMap.Wedding.Table == "" {
		c.DataMap.Wedding = d.Wedding
	}
	if c.DataMap.Organization.Table == "" {
		c.DataMap.Organization = d.Organization
	}
	if c.DataMap.Vendor.Table == "" {
		c.DataMap.Vendor = d.Vendor
	}
	if len(c.DataMap.Tiers) == 0 {
		c.DataMap.Tiers = d.Tiers
	}
	for i := range c.Providers {
		p := &c.Providers[i]
		if p.Medium == "" {
			p.Medium = map[string]string{typeFile: "disk"}[p.Type]
		}
		if p.Medium == "" {
			p.Medium = p.Type
		}
	}
}

// ByTLS reports whether people are meant to reach the console by https.
func (c *Config) ByTLS() bool {
	return strings.HasPrefix(strings.ToLower(c.Server.BaseURL), "https://")
}

// TrustedProxies returns the networks whose X-Forwarded-* headers are believed.
func (c *Config) TrustedProxies() []netip.Prefix {
	var networks []netip.Prefix
	for _, s := range c.Server.TrustedProxies {
		if p, err := parseNetwork(s); err == nil { // check has refused the others
			networks = append(networks, p)
		}
	}
	return networks
}

func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}
