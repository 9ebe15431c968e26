package config

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// minimal is a configuration without a mistake.
const minimal = "platform: {url: 'postgres://u:p@localhost/wedsync'}\nproviders:\n  - {name: local, type: file, " +
	"path: ./repo}\n"

// environ looks up in a map.
func environ(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keepsake.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string, env map[string]string) *Config {
	t.Helper()
	c, err := Load(write(t, text), environ(env))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := load(t, `
platform: {url: "postgres://…"}
console:  {url: "postgres://k:p@localhost/keepsake"}
key:      {file: ./keepsake.key}
providers:
  - {name: local,    type: file, path: ./repo, medium: disk}
  - {name: supabase, type: s3, medium: supabase, endpoint: "https://s3.example", region: eu-west-1, bucket: backups, prefix: "", path_style: true, access_key_id: "${S3_KEY}", secret_access_key: "${S3_SECRET}"}
  - {name: offsite,  type: gcs, medium: gcs, bucket: backups-eu, offsite: true, endpoint: "", credentials_file: ""}
`, map[string]string{"S3_KEY": "id", "S3_SECRET": `a"b: #c'd\e`,
		"KEEPSAKE_PLATFORM_URL": "postgres://u:p@localhost/wedsync"})
	if c.Platform.URL.Reveal() != "postgres://u:p@localhost/wedsync" {
		t.Errorf("KEEPSAKE_PLATFORM_URL did not take the place of platform.url")
	}
	p := c.Providers
	if len(p) != 3 || p[0].Path != "./repo" || p[1].Endpoint != "https://s3.example" || !p[1].PathStyle ||
		p[1].Region != "eu-west-1" ||
		p[1].AccessKeyID != "id" || p[1].SecretAccessKey.Reveal() != `a"b: #c'd\e` || !p[2].Offsite ||
		p[2].Bucket != "backups-eu" {
		t.Errorf("providers: %+v", p)
	}
	if got := c.Resolve(p[0].Path); got != filepath.Join(filepath.Dir(c.Path()), "repo") {
		t.Errorf("a relative path became %s", got)
	}
	if c.Server.Address != DefaultAddress || len(c.ManagedSchemas) < 10 || c.DataMap.Wedding.Table != "public.weddings" ||
		c.DataMap.TierOf("public", "clients") != keepsake.TierCritical {
		t.Errorf("defaults: %+v", c)
	}
}

func TestExampleIsValid(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../keepsake.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, name := range []string{"PLATFORM_PASSWORD", "CONSOLE_PASSWORD", "CONSOLE_OWNER_PASSWORD", "S3_KEY", "S3_SECRET",
		"ALERT_PASSWORD", "SUPABASE_ANON_KEY", "WATCHDOG_ID"} {
		env[name] = "secret"
	}
	c := load(t, string(raw), env)
	var copies []keepsake.Copy
	for _, p := range c.Providers {
		copies = append(copies, keepsake.Copy{Medium: p.Medium, Offsite: p.Offsite, Confirmed: true})
	}
	if v := keepsake.JudgeProtection(copies); !v.Protected() {
		t.Errorf("the example's providers cannot protect: %s", v.Lacks())
	}
	// What the example comments out must be true as well.
	full := strings.ReplaceAll(string(raw), "\n#!", "\n")
	if full == string(raw) {
		t.Fatal("the example comments nothing out with #!")
	}
	load(t, full, env)
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"NAME": "x", "DIGITS": "00123", "YES": "true", "FOUR": "4", "EMPTY": "", "LINES": "a\n- b"}
	for _, c := range []struct {
		name, text string
		got        func(*Config) any
		want       any
	}{
		{"inside a text", "key: {file: 'a${NAME}b${NAME}'}", func(c *Config) any { return c.Key.File }, "axbx"},
		{"escaped", "key: {file: '$${NAME}'}", func(c *Config) any { return c.Key.File }, "${NAME}"},
		{"unquoted, between braces", "key: {file: ${NAME}}", func(c *Config) any { return c.Key.File }, "x"},
		{"digits stay as they are", "key: {file: ${DIGITS}}", func(c *Config) any { return c.Key.File }, "00123"},
		{"written digits, too", "key: {file: 00123}", func(c *Config) any { return c.Key.File }, "00123"},
		{"line breaks are no YAML", "key: {file: '${LINES}'}", func(c *Config) any { return c.Key.File }, "a\n- b"},
		{"empty", "key: {file: '${EMPTY}'}", func(c *Config) any { return c.Key.File }, ""},
		{"a number", "workers: ${FOUR}", func(c *Config) any { return c.Workers }, 4},
		{"a limit", "limits: {full: ${FOUR}, emergency: 20}",
			func(c *Config) any { return c.Limits[keepsake.BackupFull] }, 4},
		{"a truth value", "providers: [{name: a, type: file, path: p, offsite: '${YES}'}]",
			func(c *Config) any { return c.Providers[0].Offsite }, true},
		{"not in a comment", "key: {file: k} # ${NOT_SET}", func(c *Config) any { return c.Key.File }, "k"},
		{"a dollar alone", "key: {file: 'a$b'}", func(c *Config) any { return c.Key.File }, "a$b"},
		{"in a block", "key:\n  file: >-\n    ${NAME}\n", func(c *Config) any { return c.Key.File }, "x"},
		{"no schemas at all", "managed_schemas: []", func(c *Config) any { return len(c.ManagedSchemas) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := c.text
			if !strings.HasPrefix(text, "providers") {
				text = "providers: [{name: a, type: file, path: p}]\n" + text
			}
			if got := c.got(load(t, text, env)); got != c.want {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestConsoleMayNotLiveInThePlatform(t *testing.T) {
	t.Parallel()
	const says = "it names the platform's own database: give the console one of its own"
	for _, c := range []struct {
		name, platform, console string
		same                    bool
	}{
		{"the port left out", "postgres://u:hunter2@db.example/wedsync",
			"postgresql://k:hunter2@db.example:5432/wedsync", true},
		{"capital letters in the host", "postgres://db.example/wedsync", "postgres://DB.Example./wedsync", true},
		{"other parameters", "postgres://db.example/wedsync?sslmode=disable",
			"postgres://db.example/wedsync?application_name=x", true},
		{"database and host as parameters", "postgres://db.example:6000/wedsync",
			"postgres://?host=db.example&port=6000&dbname=wedsync", true},
		{"names of this machine", "postgres://localhost/wedsync", "postgres://127.0.0.1/wedsync", true},
		{"two families of address", "postgres://[::1]:5432/wedsync", "postgres://127.0.0.1:5432/wedsync", true},
		{"the local socket", "postgres://localhost/wedsync", "postgres:///wedsync?host=/var/run/postgresql", true},
		{"one of several hosts", "postgres://a.example:5432,b.example:5433/wedsync",
			"postgres://b.example:5433/wedsync", true},
		{"percent-encoded", "postgres://db.example/wedsync", "postgres://db.example/wed%73ync", true},
		{"another database", "postgres://db.example/wedsync", "postgres://db.example/keepsake", false},
		{"a database in capital letters", "postgres://db.example/wedsync", "postgres://db.example/Wedsync", false},
		{"another port", "postgres://db.example/wedsync", "postgres://db.example:5433/wedsync", false},
		{"another host", "postgres://db.example/wedsync", "postgres://console.example/wedsync", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			both := map[string]string{"platform": c.platform, "console": c.console}
			text := func(group string) string { return group + ": {url: '" + both[group] + "'}\n" }
			const rest = "providers: [{name: a, type: file, path: p}]\n"
			for _, v := range []struct {
				where, text string
				env         map[string]string
			}{
				{"console.url", rest + text("platform") + text("console"), nil},
				{"console.url", rest + text("console"), map[string]string{"KEEPSAKE_PLATFORM_URL": c.platform}},
				{"KEEPSAKE_CONSOLE_URL", rest + text("platform"), map[string]string{"KEEPSAKE_CONSOLE_URL": c.console}},
				{"KEEPSAKE_CONSOLE_URL", rest, map[string]string{"KEEPSAKE_PLATFORM_URL": c.platform,
					"KEEPSAKE_CONSOLE_URL": c.console}},
			} {
				_, err := Load(write(t, v.text), environ(v.env))
				switch {
				case !c.same && err != nil:
					t.Errorf("refused: %v", err)
				case c.same && (keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), v.where+": "+says)):
					t.Errorf("got %v, want %q", err, v.where+": "+says)
				case c.same && strings.Contains(err.Error(), "hunter2"):
					t.Errorf("%v holds a secret", err)
				}
			}
		})
	}
}

// TestMistakes proves that every mistake is one line that says where, what and what to do, and never quotes a secret.
func TestMistakes(t *testing.T) {
	t.Parallel()
	one := "providers:\n  - {name: a, type: file, path: p}\n"
	for _, c := range []struct {
		name, text string
		env        map[string]string
		where, do  string // what stands behind the file's name, and words of the advice
	}{
		{"unknown field", one + "platfrom: {url: x}\n", nil, ":3: unknown field \"platfrom\"", "keepsake.example.yaml"},
		{"unknown field of a provider", "providers:\n  - name: a\n    type: file\n    pth: p\n", nil,
			":4: unknown field \"pth\"", "keepsake.example.yaml"},
		{"field twice", "key: {file: a}\nkey: {file: b}\n", nil, ":2: ", "already defined"},
		{"no YAML", "providers: [", nil, ":1: ", "correct it"},
		{"a list", "- a\n", nil, ":1: a list stands where a group of fields belongs", "correct it"},
		{"two documents", one + "---\nworkers: 1\n", nil, ":4: a second YAML document", "keep everything in one"},
		{"group of the wrong type", one + "key: 5\n", nil, ":3: ", "a group of fields belongs"},
		{"text of the wrong type", one + "key: {file: {a: b}}\n", nil, ":3: ", "a text belongs here"},
		{"number of the wrong type", one + "workers: many\n", nil, ":3: ", "a number belongs here"},
		{"an auth server's role that users write",
			one + "auth: {supabase: {url: 'https://x.example/auth/v1', role_claim: user_metadata.role}}\n", nil,
			":3: auth.supabase.role_claim", "app_metadata"},
		{"a short JWT secret", one + "auth: {supabase: {url: 'https://x.example/auth/v1', jwt_secret: short}}\n", nil,
			":3: auth.supabase.jwt_secret", "shorter than"},
		{"no auth server", one + "auth: {supabase: {require_mfa: true}}\n", nil, ":3: auth.supabase.url", "write it as"},
		{"truth value of the wrong type", "providers:\n  - {name: a, type: file, path: p, offsite: maybe}\n", nil, ":2: ",
			"true or false belongs here"},
		{"unset variable", one + "\nkey:\n  file: ${NOT_SET}\n", nil, ":5: the environment variable NOT_SET is not set",
			"set it"},
		{"no variable", one + "key: {file: '${}'}\n", nil, ":3: ${} names no environment variable", "$${"},
		{"unclosed variable", one + "key: {file: '${NAME'}\n", nil, ":3: ${ names no environment variable", "$${"},
		{"empty file", "", nil, ": providers: none is configured", "name at least one place"},
		{"no providers", "providers: []\n", nil, ":1: providers: none is configured", "name at least one place"},
		{"no name", "providers:\n  - {type: file, path: p}\n",
			nil, ":2: providers[0].name: a provider needs a name", "use 1 to 63"},
		{"bad name", "providers:\n  - {name: a b, type: file, path: p}\n",
			nil, ":2: providers[0].name (a b): ", "use 1 to 63"},
		{"one name twice", one + "  - {name: a, type: s3, bucket: b}\n", nil,
			":3: providers[1].name (a): another provider has this name", "give each its own"},
		{"one place twice", one + "  - {name: b, type: file, path: ./p}\n", nil,
			":3: providers[1] (b): it is the same place as provider a", "name another place"},
		{"one bucket twice", one + "  - {name: b, type: s3, bucket: x, prefix: q}\n  - {name: c, type: s3, bucket: x, " +
			"prefix: q/}\n", nil, ":4: providers[2] (c): it is the same place", "name another"},
		{"no type", "providers:\n  - {name: a, path: p}\n",
			nil, ":2: providers[0].type (a): \"\" is no type", "use file, s3 or gcs"},
		{"unknown type", "providers:\n  - {name: a, type: ftp}\n",
			nil, ":2: providers[0].type (a): \"ftp\" is no type", "use file, s3 or gcs"},
		{"no path", "providers:\n  - {name: a, type: file}\n",
			nil, ":2: providers[0].path (a): it is missing", "name the directory"},
		{"no bucket", "providers:\n  - {name: a, type: s3}\n",
			nil, ":2: providers[0].bucket (a): it is missing", "name the bucket"},
		{"no bucket at gcs", "providers:\n  - {name: a, type: gcs}\n",
			nil, ":2: providers[0].bucket (a): it is missing", "name the bucket"},
		{"bad medium", "providers:\n  - {name: a, type: file, path: p, medium: 'My Disk'}\n", nil,
			":2: providers[0].medium (a): ", "use one lower-case word"},
		{"field of another type", "providers:\n  - name: a\n    type: file\n    path: p\n    bucket: b\n", nil,
			":5: providers[0].bucket (a): a provider of type file has no such field", "remove it"},
		{"half a key pair", "providers:\n  - {name: a, type: s3, bucket: b, access_key_id: k}\n", nil,
			":2: providers[0].access_key_id (a): ", "give both"},
		{"bad endpoint", "providers:\n  - {name: a, type: s3, bucket: b, endpoint: 'minio:9000'}\n", nil,
			":2: providers[0].endpoint (a): it is no URL", "write https://host"},
		{"platform with a name that is none", one + "platform: {name: The platform}\n", nil,
			":3: platform.name: it is no name", "use small letters"},
		{"platform of another kind", one + "platform: {url: 'mysql://u:hunter2@h/d'}\n", nil,
			":3: platform.url: it is no PostgreSQL URL", "write postgres://"},
		{"platform without database", one + "platform: {url: 'postgres://u:hunter2@h'}\n", nil,
			":3: platform.url: it names no database", "add /database"},
		{"unreadable URL", one + "platform: {url: 'postgres://u:hunter2%zz@h/d'}\n",
			nil, ":3: platform.url: ", "percent-encoded"},
		{"one database for both", one + "platform: {url: 'postgres://u:hunter2@h/d'}\nconsole: {url: " +
			"'postgres://k:hunter2@h/d'}\n", nil, ":4: console.url: it names the platform's own database",
			"give the console one of its own"},
		{"unknown tier", one + "data_map:\n  tiers:\n    urgent: [a]\n", nil, ":5: data_map.tiers.urgent: this is no tier",
			"use critical, high or standard"},
		{"table in two tiers", one + "data_map:\n  tiers:\n    critical: [a]\n    high:\n      - b\n      - public.a\n", nil,
			":8: data_map.tiers.high[1]: table public.a is listed twice", "keep one"},
		{"weddings in a lower tier", one + "data_map:\n  tiers:\n    standard: [weddings]\n", nil,
			":5: data_map.tiers.standard[0]: table public.weddings is critical by definition", "take it off this list"},
		{"wedding without a day", one + "data_map:\n  wedding: {table: w}\n", nil, ":4: data_map.wedding.date: ", "name it"},
		{"target without a name", one + "targets:\n  - {url: 'postgres://h/d'}\n",
			nil, ":4: targets[0].name: ", "needs a name"},
		{"no address for alerts", one + "alerts:\n  urls: ['${TOKEN}']\n", map[string]string{"TOKEN": "xoxb-secret"},
			":4: alerts.urls[0]: it is no address", "shoutrrr"},
		{"nothing to be alerted on", one + "alerts: {on: [security, weather]}\n", nil,
			":3: alerts.on[1]: \"weather\" is nothing", "use security, failed, restore"},
		{"target without a URL", one + "targets:\n  - {name: t}\n", nil, ":4: targets[0].url: it is missing", "postgres://"},
		{"target of another kind", one + "targets:\n  - {name: t, url: 'http://h/d'}\n", nil,
			":4: targets[0].url: it is no PostgreSQL URL", "write postgres://"},
		{"one target twice", one + "targets:\n  - {name: t, url: 'postgres://h/d'}\n  - {name: t, url: 'postgres://h/d'}\n",
			nil, ":5: targets[1].name: ", "give each target its own"},
		{"a share above all", one + "server: {alone_share: 101}\n", nil, ":3: server.alone_share: ", "use 0 to 100 percent"},
		{"fewer weddings than none", one + "server: {alone_weddings: -1}\n",
			nil, ":3: server.alone_weddings: ", "0 for none"},
		{"bad address", one + "server: {address: localhost}\n", nil, ":3: server.address: ", "write host:port"},
		{"bad port", one + "server: {address: 'localhost:99999'}\n", nil, ":3: server.address: ", "write host:port"},
		{"bad base URL", one + "server: {base_url: keepsake.example}\n", nil, ":3: server.base_url: ", "write https://host"},
		{"base URL with a user", one + "server: {base_url: \"https://a:b@host\"}\n", nil, ":3: server.base_url: ", "a user"},
		{"base URL with a query", one + "server: {base_url: \"https://host?\"}\n", nil, ":3: server.base_url: ", "write"},
		{"base URL with a mark", one + "server: {base_url: \"https://host#a\"}\n", nil, ":3: server.base_url: ", "write"},
		{"base URL of no host", one + "server: {base_url: \"https://:8080\"}\n", nil, ":3: server.base_url: ", "write"},
		{"base URL of no port", one + "server: {base_url: \"https://a:99999\"}\n", nil, ":3: server.base_url: ", "write"},
		{"short secret", one + "server: {session_secret: hunter2}\n", nil, ":3: server.session_secret: it has 7 bytes",
			"use at least 32"},
		{"certificate without key", one + "server: {tls_certificate: c.pem}\n",
			nil, ":3: server.tls_certificate: ", "give both"},
		{"bad proxy", one + "server:\n  trusted_proxies:\n    - 10.0.0.0/8\n    - proxy\n", nil,
			":6: server.trusted_proxies[1]: \"proxy\" is no network", "write 10.0.0.0/8"},
		{"too many workers", one + "workers: 1000\n", nil, ":3: workers: 1000 is out of range", "use 1 to 64"},
		{"no backup at all", one + "limits: {full: 0}\n", nil, ":3: limits.full: 0 is out of range",
			"leave it out for the default"},
		{"limit of nothing", one + "limits: {hourly: 2}\n", nil, ":3: limits.hourly: this is no backup type",
			"use full, incremental"},
		{"negative workers", one + "workers: -1\n", nil, ":3: workers: -1 is out of range", "use 1 to 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.text)
			_, err := Load(path, environ(c.env))
			if keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil {
				t.Fatalf("got %v, want an error with code invalid", err)
			}
			text := keepsake.MessageOf(err)
			if !strings.HasPrefix(text, path+c.where) {
				t.Errorf("%q does not begin with where: %q", text, path+c.where)
			}
			if !strings.Contains(text, c.do) {
				t.Errorf("%q does not say what to do: %q", text, c.do)
			}
			if strings.ContainsAny(text, "\n\uE000\uE001") || strings.Contains(text, "hunter2") {
				t.Errorf("%q is not one clean line, or holds a secret", text)
			}
		})
	}
}

func TestMistakeInTheEnvironmentNamesTheVariable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"KEEPSAKE_PLATFORM_URL", "KEEPSAKE_CONSOLE_URL"} {
		_, err := Load(write(t, minimal), environ(map[string]string{name: "mysql://u:hunter2@h/d"}))
		if err == nil || !strings.HasPrefix(err.Error(), name+": it is no PostgreSQL URL") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), environ(nil))
	if keepsake.CodeOf(err) != keepsake.CodeInvalid ||
		!strings.Contains(err.Error(), "does not exist: copy keepsake.example.yaml") {
		t.Error(err)
	}
	_, err = Load(t.TempDir(), environ(nil))
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), "cannot be read") {
		t.Error(err)
	}
}

func TestKeySource(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, c := range []struct {
		name, file string
		env        map[string]string
		key        string
		says       string // words of the error; empty: none
	}{
		{"file", good + "\n", nil, good, ""},
		{"the environment comes before the file", "garbage", map[string]string{envKey: good}, good, ""},
		{"recovery key without the file", "", map[string]string{envRecovery: " AGE-SECRET-KEY-1X "}, "", ""},
		{"passphrase without the file", "", map[string]string{envPassphrase: "p"}, "", ""},
		{"nothing", "", nil, "", "there is no key at k: run keepsake init"},
		{"short", short, nil, "", ":4: key.file: the key is not 32 bytes in base64"},
		{"no base64", "hunter2 hunter2", nil, "", "15 characters are there"},
		{"short in the environment", "", map[string]string{envKey: short}, "", "KEEPSAKE_KEY: the key is not 32 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conf := load(t, minimal+"key: {file: k}\n", c.env)
			if c.file != "" {
				if err := os.WriteFile(conf.Resolve("k"), []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			src, err := conf.KeySource()
			if c.says != "" {
				if keepsake.CodeOf(err) != keepsake.CodeInvalid || !strings.Contains(err.Error(), c.says) ||
					strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil || src.Key.Reveal() != c.key {
				t.Errorf("got %q, %v", src.Key.Reveal(), err)
			}
			if want := strings.TrimSpace(c.env[envRecovery]); src.Recovery.Reveal() != want ||
				src.Passphrase.Reveal() != c.env[envPassphrase] {
				t.Errorf("recovery key %q, passphrase %q", src.Recovery.Reveal(), src.Passphrase.Reveal())
			}
		})
	}
	_, err := load(t, minimal, nil).KeySource()
	if err == nil || !strings.Contains(err.Error(), "key.file: no key is given: name its file") {
		t.Error(err)
	}
}

// TestBadProviderDoesNotStopTheOthers opens one that cannot be: its calls fail, and say why.
func TestBadProviderDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	conf := load(t, `providers:
  - {name: bad, type: gcs, bucket: b, credentials_file: none.json}
  - {name: file, type: file, path: keepsake.yaml}
  - {name: good, type: file, path: repo}
  - {name: s3, type: s3, bucket: b, endpoint: "http://127.0.0.1:1", access_key_id: a, secret_access_key: b}
`, nil)
	if err := os.Mkdir(conf.Resolve("repo"), 0o700); err != nil { // nothing but init makes a place
		t.Fatal(err)
	}
	list, err := conf.OpenProviders(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%v, %d providers", err, len(list))
	}
	for i, p := range list[:2] {
		if _, err := p.Store.Stat(t.Context(), "keepsake.json"); err == nil {
			t.Errorf("provider %d answers", i)
		} else {
			t.Logf("provider %d: %s", i, storage.Explain(err))
		}
	}
	if err := storage.Check(t.Context(), list[2].Store); err != nil {
		t.Errorf("the good provider fails with the bad ones: %v", err)
	}
}
