package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main() // exits
	}
	testenv.Main(m)
}

// place is one provider of a test: a directory that says it is of some medium.
type place struct {
	name, medium string
	offsite      bool
}

// protecting are places that satisfy the 3-2-1 rule.
var protecting = []place{{"local", "disk", false}, {"second", "s3", false}, {"far", "gcs", true}}

// world is a platform database, places to keep backups in and a configuration that names them.
type world struct {
	dir, config string
	platform    string
	env         map[string]string
	secrets     []string // what no output may hold
}

// newWorld returns a world whose platform holds the statements' work.
func newWorld(t *testing.T, places []place, statements ...string) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), platform: testenv.DB(t), env: map[string]string{}}
	w.config = filepath.Join(w.dir, "keepsake.yaml")
	var b strings.Builder
	// A backup that a test does not begin would be in its way.
	b.WriteString("platform: {url: \"${PLATFORM}\"}\nkey: {file: ./keepsake.key}\nschedule: {automatic: false}\n" +
		"providers:\n")
	for _, p := range places {
		_, _ = fmt.Fprintf(&b, "  - {name: %s, type: file, path: ./repos/%s, medium: %s, offsite: %v}\n", p.name, p.name,
			p.medium, p.offsite)
	}
	w.write(t, w.config, b.String())
	w.env["PLATFORM"] = w.platform
	w.hide(t, w.platform)
	execute(t, w.platform, statements...)
	return w
}

// hide makes the URL's password something that no output may hold.
func (w *world) hide(t *testing.T, raw string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if password, ok := u.User.Password(); ok && password != "" {
		w.secrets = append(w.secrets, password)
		testenv.DSN(raw)
	} else {
		t.Fatal("the database's URL holds no password: the test would prove nothing about it")
	}
}

func (w *world) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// output is what one run left behind.
type output struct {
	code     int
	out, err string
}

// run runs the program with the world's configuration. It fails the test when a secret is printed.
func (w *world) run(t *testing.T, args ...string) output {
	t.Helper()
	return w.runWith(t, "", args...)
}

func (w *world) runWith(t *testing.T, stdin string, args ...string) output {
	t.Helper()
	if slices.Contains(args, "--password-stdin") {
		testenv.Secret("a password", strings.TrimSpace(stdin))
	}
	for _, name := range []string{"KEEPSAKE_KEY", "KEEPSAKE_PASSPHRASE", "KEEPSAKE_RECOVERY_KEY"} {
		testenv.Secret(name, w.env[name])
	}
	if key, err := os.ReadFile(filepath.Join(w.dir, "keepsake.key")); err == nil {
		testenv.Secret("the repository's key", strings.TrimSpace(string(key)))
	}
	o := program(t.Context(), w.env, stdin, append([]string{"--config", w.config}, args...)...)
	for _, secret := range w.secrets {
		if strings.Contains(o.out+o.err, secret) {
			t.Errorf("keepsake %v printed a secret:\n%s%s", args, o.out, o.err)
		}
	}
	return o
}

// must runs the program and fails the test unless it ends with the exit code.
func (w *world) must(t *testing.T, code int, args ...string) output {
	t.Helper()
	o := w.run(t, args...)
	if o.code != code {
		t.Fatalf("keepsake %v ended with %d, want %d\n%s%s", args, o.code, code, o.out, o.err)
	}
	return o
}

// program runs the whole program but for the process around it.
func program(ctx context.Context, env map[string]string, stdin string, args ...string) output {
	var out, errs bytes.Buffer
	code := run(ctx, args, environ(env), stdio{strings.NewReader(stdin), &out, &errs})
	if !slices.Contains(args, "init") && !slices.Contains(args, "writer-key") { // which print a key on purpose
		testenv.Saw(fmt.Sprintf("keepsake %v", args), out.String()+errs.String())
	}
	return output{code, out.String(), errs.String()}
}

func environ(m map[string]string) lookupEnv {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// document reads the one JSON document that a command prints, and fails on anything beside it.
func document[T any](t *testing.T, o output) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(o.out), &v); err != nil {
		t.Fatalf("standard output is no single JSON document: %v\n%s\n%s", err, o.out, o.err)
	}
	return v
}

// failure is the JSON form of an error.
type failure struct {
	Error struct{ Code, Message string }
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn := connect(t, url)
	for _, q := range statements {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn := connect(t, url)
	// a database with a session on it cannot be dropped
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// beside returns the URL of a database of this name on the same server, which goes away with the test.
func beside(t *testing.T, raw, name string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.Path += "_" + name
	database := pgx.Identifier{u.Path[1:]}.Sanitize()
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), raw)
		if err != nil {
			t.Log(err)
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		_, _ = conn.Exec(context.Background(), "drop database if exists "+database+" with (force)")
	})
	return u.String()
}

// chunks returns the paths of every chunk that a provider holds.
func (w *world) chunks(t *testing.T, provider string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "repos", provider, "chunks", "*", "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no chunk at %s: %v", provider, err)
	}
	return found
}

// flip changes one bit in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
