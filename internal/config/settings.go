package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// ownSettings are decided by each process for itself: where it listens, how much it does at once, where its own machine
// has what.
var ownSettings = []string{"key.file", "server.address",
	"server.tls_certificate", "server.tls_key", "workers", "pg_bin"}

// Settings returns what the configuration decides for everybody who uses a console, by its names in keepsake.yaml, for
// the audit trail. What is empty is not there. It holds no secret: of a database only where it is and as whom, of an
// address for alerts only of what service, of any other that there is one.
func (c *Config) Settings() map[string]string {
	out := map[string]string{}
	settings(out, "", reflect.ValueOf(c).Elem())
	return out
}

// settings adds what v holds, whatever fields a later version has.
func settings(out map[string]string, name string, v reflect.Value) {
	if v.IsZero() || slices.Contains(ownSettings, name) {
		return
	}
	if secret, ok := v.Interface().(keepsake.Secret); ok {
		out[name] = public(name, secret)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				settings(out, strings.TrimPrefix(name+"."+field.Tag.Get("yaml"), "."), v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String && v.Type().Elem() != reflect.TypeFor[keepsake.Secret]() {
			out[name] = strings.Join(v.Convert(reflect.TypeFor[[]string]()).Interface().([]string), ", ")
			return
		}
		for i := range v.Len() {
			settings(out, fmt.Sprintf("%s[%d]", name, i), v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			settings(out, name+"."+key.String(), v.MapIndex(key))
		}
	case reflect.Pointer: // what may be 0 on purpose
		out[name] = fmt.Sprint(v.Elem().Interface())
	default:
		out[name] = fmt.Sprint(v.Interface())
	}
}

// public is what may be said of a secret.
func public(name string, secret keepsake.Secret) string {
	scheme, _, isAddress := strings.Cut(secret.Reveal(), "://")
	switch {
	case isAddress && strings.HasPrefix(name, "alerts.urls"):
		return scheme
	case isAddress && (scheme == "postgres" || scheme == "postgresql"):
		if u, err := url.Parse(secret.Reveal()); err == nil {
			return u.User.Username() + "@" + u.Host + u.Path
		}
	}
	return "set"
}
