package config

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"os"
	"strings"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// keySize is the length of a repository's key in bytes.
const keySize = 32

// HasKey reports whether the environment gives a key, so that no key file is needed.
func (c *Config) HasKey() bool { return c.getenv(envKey) != "" }

// KeySource gathers what can open the repository. KEEPSAKE_KEY, when set, is used instead of the key file. A writer's
// key may stand where the key stands.
func (c *Config) KeySource() (repository.KeySource, error) {
	k := repository.KeySource{
		Key:        keepsake.Secret(strings.TrimSpace(c.getenv(envKey))),
		Passphrase: keepsake.Secret(c.getenv(envPassphrase)),
		Recovery:   keepsake.Secret(strings.TrimSpace(c.getenv(envRecovery))),
	}
	where := envKey
	if k.Key == "" && c.Key.File != "" {
		where = c.where("key", "file")
		raw, err := os.ReadFile(c.Resolve(c.Key.File))
		switch {
		case err == nil:
			k.Key = keepsake.Secret(strings.TrimSpace(string(raw)))
		case errors.Is(err, os.ErrNotExist) && (k.Passphrase != "" || k.Recovery != ""):
		case errors.Is(err, os.ErrNotExist):
			return k, keepsake.Errorf(keepsake.CodeInvalid,
				"%s: there is no key at %s: run keepsake init to make one, put it back, or set %s, %s or %s",
				where, c.Key.File, envKey, envPassphrase, envRecovery)
		default:
			return k, keepsake.Errorf(keepsake.CodeInvalid, "%s: %s cannot be read: %w: correct its owner and mode", where,
				c.Key.File, errors.Unwrap(err))
		}
	}
	if repository.IsWriterKey(k.Key) {
		k.Key, k.Writer = "", k.Key
		return k, nil
	}
	if k.Key != "" {
		if n, err := base64.StdEncoding.DecodeString(k.Key.Reveal()); err != nil || len(n) != keySize {
			return k, keepsake.Errorf(keepsake.CodeInvalid,
				"%s: the key is not %d bytes in base64 (44 characters): %d characters are there; give it as keepsake init wrote it",
				where, keySize, len(k.Key.Reveal()))
		}
	}
	if k.Key == "" && k.Passphrase == "" && k.Recovery == "" {
		return k, keepsake.Errorf(keepsake.CodeInvalid, "%s: no key is given: name its file, or set %s, %s or %s",
			c.where("key", "file"), envKey, envPassphrase, envRecovery)
	}
	return k, nil
}

// OpenProviders opens every provider. One that cannot be opened becomes a provider whose every call fails with the
// reason: it must not keep the others from working. The only error is ctx's.
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
		list = append(list, engine.Provider{
			Name:    p.Name,
			Medium:  p.Medium,
			Region:  p.Region,
			Offsite: p.Offsite,
			Store:   store,
		})
	}
	return list, nil
}

func (c *Config) open(ctx context.Context, p *Provider) (store storage.Provider, err error) {
	switch p.Type {
	case typeFile:
		store, err = storage.OpenFile(c.Resolve(p.Path))
	case typeS3:
		store, err = storage.OpenS3(ctx, storage.S3Options{
			Endpoint:        p.Endpoint,
			Region:          p.Region,
			Bucket:          p.Bucket,
			Prefix:          p.Prefix,
			PathStyle:       p.PathStyle,
			AccessKeyID:     p.AccessKeyID,
			SecretAccessKey: p.SecretAccessKey,
		})
	default:
		store, err = storage.OpenGCS(ctx, storage.GCSOptions{
			Endpoint:        p.Endpoint,
			Bucket:          p.Bucket,
			Prefix:          p.Prefix,
			CredentialsFile: c.Resolve(p.CredentialsFile),
		})
	}
	if err != nil {
		return nil, err
	}
	return storage.Retry(store, storage.RetryOptions{}), nil
}

// Certificate loads what server.tls_certificate and server.tls_key name, or returns nil for plain HTTP.
func (c *Config) Certificate() (*tls.Certificate, error) {
	if c.Server.TLSCertificate == "" {
		return nil, nil //nolint:nilnil // no certificate is an answer, not a failure
	}
	pair, err := tls.LoadX509KeyPair(c.Resolve(c.Server.TLSCertificate), c.Resolve(c.Server.TLSKey))
	if err != nil {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"%s: the certificate cannot be used: %w: name PEM files that belong together",
			c.where("server", "tls_certificate"), err)
	}
	return &pair, nil
}

// Engine builds the engine that this configuration describes. It sends nothing to anybody.
func (c *Config) Engine(ctx context.Context) (*engine.Engine, error) {
	key, err := c.KeySource()
	if err != nil {
		return nil, err
	}
	providers, err := c.OpenProviders(ctx)
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Options{
		PlatformURL:    c.Platform.URL,
		ConsoleURL:     c.Console.URL,
		Providers:      providers,
		Key:            key,
		DataMap:        c.DataMap,
		ManagedSchemas: c.ManagedSchemas,
		PGBin:          c.Resolve(c.PGBin),
		Workers:        c.Workers,
	}), nil
}
