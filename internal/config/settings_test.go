package config

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestSettingsHoldNoSecret: what may be said is said by the file's own names, and nothing else.
func TestSettingsHoldNoSecret(t *testing.T) {
	t.Parallel()
	c := load(t, `
platform: {url: "postgres://reader:p4ssword@db.example:5432/wedsync?sslmode=disable&password=p4ssword"}
console:  {url: "postgresql://k:p4ssword@db.example/keepsake", owner_url: "postgres://owner:p4ssword@db.example/keepsake"}
key:      {file: ./keepsake.key}
providers:
  - {name: local, type: file, path: ./repo}
  - {name: bucket, type: s3, endpoint: "https://s3.example", region: eu-west-1, bucket: backups, access_key_id: id, secret_access_key: p4ssword, offsite: true}
server: {address: "0.0.0.0:80", second_approver: true, alone_weddings: 0, alone_share: 5, session_secret: "p4ssword://p4ssword-p4ssword-p4ssword", trusted_proxies: [10.0.0.0/8, 192.168.0.0/16]}
targets: [{name: spare, url: "postgres://r:p4ssword@spare.example/postgres"}]
alerts: {urls: ["slack://xoxb:p4ssword@channel"], on: [security]}
limits: {full: 3}
`, nil)
	got := c.Settings()
	maps.DeleteFunc(got, func(name, _ string) bool {
		return strings.HasPrefix(name, "data_map.") || name == "managed_schemas" || strings.HasPrefix(name, "auth.supabase.")
	})
	want := map[string]string{
		"platform.name": "main", "platform.url": "reader@db.example:5432/wedsync",
		"console.url":       "k@db.example/keepsake",
		"console.owner_url": "owner@db.example/keepsake",
		"providers[0].name": "local", "providers[0].type": "file", "providers[0].path": "./repo",
		"providers[0].medium": "disk",
		"providers[1].name":   "bucket", "providers[1].type": "s3", "providers[1].medium": "s3",
		"providers[1].endpoint": "https://s3.example", "providers[1].region": "eu-west-1", "providers[1].bucket": "backups",
		"providers[1].access_key_id": "id", "providers[1].secret_access_key": "set", "providers[1].offsite": "true",
		"server.second_approver": "true", "server.alone_weddings": "0", "server.alone_share": "5",
		"server.session_secret": "set", "server.trusted_proxies": "10.0.0.0/8, 192.168.0.0/16",
		"targets[0].name": "spare", "targets[0].url": "r@spare.example/postgres", "alerts.urls[0]": "slack",
		"alerts.on": "security", "limits.full": "3", "typed_targets": "public, private",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestEverySettingIsThere: a field that is added to the configuration is put on record when it changes.
func TestEverySettingIsThere(t *testing.T) {
	t.Parallel()
	var fields func(name string, v reflect.Value)
	c := &Config{
		Providers: make([]Provider, 1),
		Targets:   make([]Target, 1),
		Alerts:    Alerts{URLs: make([]keepsake.Secret, 1)},
	}
	n := 0
	fields = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					fields(strings.TrimPrefix(name+"."+f.Tag.Get("yaml"), "."), v.Field(i))
				}
			}
			return
		case reflect.Slice:
			if v.Len() > 0 {
				fields(name+"[0]", v.Index(0))
				return
			}
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			if first := v.Index(0); first.Kind() == reflect.String {
				first.SetString("x")
			} else {
				fields(name+"[0]", first)
			}
		case reflect.Map:
			v.Set(reflect.MakeMap(v.Type()))
			value := reflect.New(v.Type().Elem()).Elem()
			if value.Kind() == reflect.Int {
				value.SetInt(7)
			} else {
				value.Set(reflect.ValueOf([]string{"x"}))
			}
			v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), value)
			name += ".k"
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int:
			v.SetInt(7)
		case reflect.Pointer: // to a 0 that is meant
			v.Set(reflect.New(v.Type().Elem()))
		default:
			v.SetString("x")
		}
		n++
		own := false
		for _, o := range ownSettings {
			own = own || o == name
		}
		if _, there := c.Settings()[name]; there == own && v.Kind() != reflect.Slice {
			t.Errorf("%s is in the settings: %v", name, there)
		}
	}
	fields("", reflect.ValueOf(c).Elem())
	if n < 40 {
		t.Errorf("%d fields were tried: this proves little", n)
	}
}
