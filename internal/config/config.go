// Package config reads keepsake.yaml and the environment. Every mistake is one line that says what is wrong, where, and what
// to do. It opens storage providers, but talks to none of them.
package config

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Config is keepsake.yaml. Relative paths are relative to the file's own directory.
type Config struct {
	Platform  Database         `yaml:"platform"`
	Console   Database         `yaml:"console"`
	Key       Key              `yaml:"key"`
	Providers []Provider       `yaml:"providers"`
	DataMap   keepsake.DataMap `yaml:"data_map"`
	// ManagedSchemas belong to the hosting service: on a restore target that has them only rows are restored.
	ManagedSchemas []string `yaml:"managed_schemas"`
	Targets        []Target `yaml:"targets"`
	Server         Server   `yaml:"server"`
	Workers        int      `yaml:"workers"` // parallel readers and writers; 0: one per core, two at least
	PGBin          string   `yaml:"pg_bin"`  // directory of pg_dump and pg_restore; empty: the newest found

	path   string
	getenv func(string) string
}

// Database is a connection URL.
type Database struct {
	URL string `yaml:"url"`
}

// Key says where the repository's key is.
type Key struct {
	File string `yaml:"file"`
}

// Provider is one storage target. Which fields apply depends on Type.
type Provider struct {
	Name            string `yaml:"name"`
	Type            string `yaml:"type"` // file, s3 or gcs
	Medium          string `yaml:"medium"`
	Region          string `yaml:"region"`
	Offsite         bool   `yaml:"offsite"`
	Path            string `yaml:"path"`              // file
	Endpoint        string `yaml:"endpoint"`          // s3, gcs
	Bucket          string `yaml:"bucket"`            // s3, gcs
	Prefix          string `yaml:"prefix"`            // s3, gcs
	PathStyle       bool   `yaml:"path_style"`        // s3
	AccessKeyID     string `yaml:"access_key_id"`     // s3
	SecretAccessKey string `yaml:"secret_access_key"` // s3
	CredentialsFile string `yaml:"credentials_file"`  // gcs
}

// Target is a server that a restore may create databases on.
type Target struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// Server says how the console is reached.
type Server struct {
	Address        string   `yaml:"address"`         // host:port to listen on
	BaseURL        string   `yaml:"base_url"`        // as people type it; https makes cookies Secure
	SessionSecret  string   `yaml:"session_secret"`  // at least 32 characters; empty: one is made and kept in the console database
	TrustedProxies []string `yaml:"trusted_proxies"` // networks whose X-Forwarded-* headers are believed
	TLSCertificate string   `yaml:"tls_certificate"`
	TLSKey         string   `yaml:"tls_key"`
}

// DefaultManagedSchemas are the schemas that Supabase makes in every project.
var DefaultManagedSchemas = []string{"auth", "storage", "realtime", "supabase_functions", "supabase_migrations", "vault", "graphql",
	"graphql_public", "pgsodium", "pgsodium_masks", "extensions", "pgbouncer", "net", "cron"}

// DefaultAddress is where the console listens: this machine only, until somebody decides otherwise.
const DefaultAddress = "127.0.0.1:8080"

// Load reads the file at path, fills in ${NAME} from the environment, lets the environment override databases and key, and
// checks everything that can be checked without a connection. getenv is os.Getenv outside tests.
func Load(path string, getenv func(string) string, lookup func(string) (string, bool)) (*Config, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: the configuration file does not exist: copy keepsake.example.yaml, or name another with --config", path)
	}
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: the configuration file cannot be read: %w", path, err)
	}
	text, err := expand(path, string(raw), lookup)
	if err != nil {
		return nil, err
	}
	c := &Config{path: path, getenv: getenv, ManagedSchemas: DefaultManagedSchemas}
	if err := yaml.UnmarshalWithOptions([]byte(text), c, yaml.Strict()); err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: %s", path, oneLine(err))
	}
	c.override()
	if err := c.check(); err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: %w", path, err)
	}
	return c, nil
}

var reference = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// expand replaces ${NAME} by the environment variable; $${ stands for ${ itself. Comments are left alone.
func expand(path, text string, lookup func(string) (string, bool)) (string, error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		var missing string
		lines[i] = reference.ReplaceAllStringFunc(line, func(m string) string {
			if strings.HasPrefix(m, "$$") {
				return m[1:]
			}
			name := m[2 : len(m)-1]
			value, ok := lookup(name)
			if !ok && missing == "" {
				missing = name
			}
			return value
		})
		if missing != "" {
			return "", keepsake.Errorf(keepsake.CodeInvalid, "%s:%d: the environment variable %s is not set: set it, or write $${ for a literal ${", path, i+1, missing)
		}
	}
	return strings.Join(lines, "\n"), nil
}

var yamlPosition = regexp.MustCompile(`^\[(\d+):(\d+)\] `)

// oneLine shortens the YAML library's error, which draws the source, to its first line.
func oneLine(err error) string {
	line, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	if m := yamlPosition.FindStringSubmatch(line); m != nil {
		line = "line " + m[1] + ": " + yamlPosition.ReplaceAllString(line, "")
	}
	return line + ": see keepsake.example.yaml for every field"
}

func (c *Config) override() {
	if v := c.getenv("KEEPSAKE_PLATFORM_URL"); v != "" {
		c.Platform.URL = v
	}
	if v := c.getenv("KEEPSAKE_CONSOLE_URL"); v != "" {
		c.Console.URL = v
	}
	if c.Server.Address == "" {
		c.Server.Address = DefaultAddress
	}
	d := keepsake.DefaultDataMap()
	if c.DataMap.Wedding.Table == "" {
		c.DataMap.Wedding = d.Wedding
	}
	if c.DataMap.Organization.Table == "" {
		c.DataMap.Organization = d.Organization
	}
	if len(c.DataMap.Tiers) == 0 {
		c.DataMap.Tiers = d.Tiers
	}
}

// check returns the first mistake.
func (c *Config) check() error {
	for _, u := range []struct{ field, url string }{{"platform.url", c.Platform.URL}, {"console.url", c.Console.URL}} {
		if err := checkDatabase(u.field, u.url); err != nil {
			return err
		}
	}
	for tier := range c.DataMap.Tiers {
		if _, err := keepsake.ParseTier(string(tier)); err != nil {
			return fmt.Errorf("data_map.tiers: %w", err)
		}
	}
	if len(c.Providers) == 0 {
		return errors.New("providers: none is configured: name at least one place to keep backups; three make them protected")
	}
	if len(c.Providers) > maxProviders {
		return fmt.Errorf("providers: %d are configured: at most %d can be", len(c.Providers), maxProviders)
	}
	seen := map[string]bool{}
	for i := range c.Providers {
		p := &c.Providers[i]
		if err := p.check(); err != nil {
			return fmt.Errorf("providers[%d]%s: %w", i, named(p.Name), err)
		}
		if seen[p.Name] {
			return fmt.Errorf("providers[%d]: the name %q is taken by another provider: give each its own", i, p.Name)
		}
		seen[p.Name] = true
	}
	targets := map[string]bool{}
	for i, t := range c.Targets {
		if t.Name == "" || t.URL == "" || targets[t.Name] {
			return fmt.Errorf("targets[%d]%s: each target needs a name of its own and a url", i, named(t.Name))
		}
		targets[t.Name] = true
		if err := checkDatabase(fmt.Sprintf("targets[%d].url", i), t.URL); err != nil {
			return err
		}
	}
	if s := c.Server.SessionSecret; s != "" && len(s) < 32 {
		return fmt.Errorf("server.session_secret: it has %d characters: use at least 32, or leave it out to have one made", len(s))
	}
	return nil
}

const maxProviders = 16

func named(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func checkDatabase(field, raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return fmt.Errorf("%s: it is not a PostgreSQL URL: write postgres://user:password@host:5432/database, with special characters of the password percent-encoded", field)
	}
	if strings.Trim(u.Path, "/") == "" && u.Query().Get("dbname") == "" {
		return fmt.Errorf("%s: it names no database: add /database to its end", field)
	}
	return nil
}

var providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (p *Provider) check() error {
	if !providerName.MatchString(p.Name) {
		return errors.New("name: use 1 to 63 letters, digits, dots, dashes and underscores")
	}
	var foreign []string
	stray := func(field string, set bool) {
		if set {
			foreign = append(foreign, field)
		}
	}
	switch p.Type {
	case "file":
		if p.Path == "" {
			return errors.New("path: name the directory to keep objects in")
		}
		stray("bucket", p.Bucket != "")
		stray("endpoint", p.Endpoint != "")
		stray("access_key_id", p.AccessKeyID != "")
		p.defaultMedium("disk")
	case "s3":
		if p.Bucket == "" {
			return errors.New("bucket: name the bucket to keep objects in")
		}
		if (p.AccessKeyID == "") != (p.SecretAccessKey == "") {
			return errors.New("access_key_id and secret_access_key go together: give both, or none to use the machine's own identity")
		}
		stray("path", p.Path != "")
		stray("credentials_file", p.CredentialsFile != "")
		p.defaultMedium("s3")
	case "gcs":
		if p.Bucket == "" {
			return errors.New("bucket: name the bucket to keep objects in")
		}
		stray("path", p.Path != "")
		stray("access_key_id", p.AccessKeyID != "")
		p.defaultMedium("gcs")
	default:
		return fmt.Errorf("type: %q is unknown: use file, s3 or gcs", p.Type)
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%s: a provider of type %s has no such field: remove it", strings.Join(foreign, ", "), p.Type)
	}
	if p.Endpoint != "" {
		if u, err := url.Parse(p.Endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("endpoint: %q is not a URL: write https://host", p.Endpoint)
		}
	}
	return nil
}

func (p *Provider) defaultMedium(medium string) {
	if p.Medium == "" {
		p.Medium = medium
	}
}

// Resolve returns a path of the configuration relative to the file's directory.
func (c *Config) Resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.path), path)
}

// KeySource gathers what can open the repository. KEEPSAKE_KEY, when set, is used instead of the key file.
func (c *Config) KeySource() (repository.KeySource, error) {
	k := repository.KeySource{Key: keepsake.Secret(c.getenv("KEEPSAKE_KEY")), Passphrase: keepsake.Secret(c.getenv("KEEPSAKE_PASSPHRASE")),
		Recovery: keepsake.Secret(strings.TrimSpace(c.getenv("KEEPSAKE_RECOVERY_KEY")))}
	if k.Key == "" && c.Key.File != "" {
		raw, err := os.ReadFile(c.Resolve(c.Key.File))
		if err != nil && (!errors.Is(err, os.ErrNotExist) || k.Passphrase == "" && k.Recovery == "") {
			return k, keepsake.Errorf(keepsake.CodeInvalid,
				"%s: key.file: %s cannot be read: run keepsake init to make one, put it back, or set KEEPSAKE_KEY, KEEPSAKE_PASSPHRASE or KEEPSAKE_RECOVERY_KEY", c.path, c.Key.File)
		}
		k.Key = keepsake.Secret(strings.TrimSpace(string(raw)))
	}
	if k.Key != "" {
		n, err := base64.StdEncoding.DecodeString(k.Key.Reveal())
		if err != nil || len(n) != 32 {
			return k, keepsake.Errorf(keepsake.CodeInvalid, "%s: the key decodes to %d bytes: it must be 32 bytes in base64, as keepsake init wrote it", c.path, len(n))
		}
	}
	if k.Key == "" && k.Passphrase == "" && k.Recovery == "" {
		return k, keepsake.Errorf(keepsake.CodeInvalid, "%s: key: no key is given: set key.file, KEEPSAKE_KEY, KEEPSAKE_PASSPHRASE or KEEPSAKE_RECOVERY_KEY", c.path)
	}
	return k, nil
}

// OpenProviders opens every provider. One that cannot be opened becomes a provider whose every call fails with the reason:
// it must not keep the others from working.
func (c *Config) OpenProviders(ctx context.Context) ([]engine.Provider, error) {
	list := make([]engine.Provider, 0, len(c.Providers))
	for i := range c.Providers {
		p := &c.Providers[i]
		store, err := c.open(ctx, p)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			store = storage.Unavailable(err)
		}
		list = append(list, engine.Provider{Name: p.Name, Medium: p.Medium, Region: p.Region, Offsite: p.Offsite, Store: store})
	}
	return list, nil
}

func (c *Config) open(ctx context.Context, p *Provider) (store storage.Provider, err error) {
	switch p.Type {
	case "file":
		store, err = storage.OpenFile(c.Resolve(p.Path))
	case "s3":
		store, err = storage.OpenS3(ctx, storage.S3Options{Endpoint: p.Endpoint, Region: p.Region, Bucket: p.Bucket, Prefix: p.Prefix,
			PathStyle: p.PathStyle, AccessKeyID: p.AccessKeyID, SecretAccessKey: keepsake.Secret(p.SecretAccessKey)})
	default:
		store, err = storage.OpenGCS(ctx, storage.GCSOptions{Endpoint: p.Endpoint, Bucket: p.Bucket, Prefix: p.Prefix,
			CredentialsFile: c.Resolve(p.CredentialsFile)})
	}
	if err != nil {
		return nil, err
	}
	return storage.Retry(store, storage.RetryOptions{}), nil
}

// Engine builds the engine that this configuration describes.
func (c *Config) Engine(ctx context.Context, options engine.Options) (*engine.Engine, error) {
	key, err := c.KeySource()
	if err != nil {
		return nil, err
	}
	providers, err := c.OpenProviders(ctx)
	if err != nil {
		return nil, err
	}
	options.PlatformURL, options.Providers, options.Key = keepsake.Secret(c.Platform.URL), providers, key
	options.DataMap, options.ManagedSchemas, options.PGBin = c.DataMap, c.ManagedSchemas, c.PGBin
	if options.Workers == 0 {
		options.Workers = c.Workers
	}
	return engine.New(options), nil
}

// Path is where the configuration was read from.
func (c *Config) Path() string { return c.path }
