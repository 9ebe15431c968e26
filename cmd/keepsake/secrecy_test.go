package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/testenv"
)

// TestAProviderHoldsNothingToRead: of what is backed up and of what is written beside it, neither a word nor a name is
// at a provider, in whatever the objects are called or hold.
func TestAProviderHoldsNothingToRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season,
		"create table unspeakable_things (whispered_column text)",
		"insert into unspeakable_things select repeat('Persephone Quillfeather ', 20) from generate_series(1, 2000)",
		"comment on table unspeakable_things is 'a comment that nobody reads'")...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup", "--note", "before the elopement")
	w.must(t, exitDone, "mark", "latest", "--label", "confidant=Ottoline")
	database := w.platform[strings.LastIndex(w.platform, "/")+1:]
	database, _, _ = strings.Cut(database, "?")
	words := []string{"unspeakable_things", "whispered_column", "Persephone", "Quillfeather",
		"a comment that nobody reads", "before the elopement", "confidant", "Ottoline", "weddings", "guests", database}
	files := 0
	err := filepath.WalkDir(filepath.Join(w.dir, "repos"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		held, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		held = append(held, []byte("\n"+path[len(w.dir):])...)
		for _, word := range words {
			for _, form := range []string{word, base64.StdEncoding.EncodeToString([]byte(word))[:len(word)],
				hex.EncodeToString([]byte(word))} {
				if bytes.Contains(held, []byte(form)) {
					t.Errorf("%s holds %q", path[len(w.dir):], form)
				}
			}
		}
		return nil
	})
	if err != nil || files < 9 {
		t.Fatalf("%d files, %v", files, err)
	}
}

// TestTheConsoleDatabaseHoldsNoKey: whoever reads all of it finds no password, no key, no token and no provider's
// credentials, and of the platform no row but the names of weddings that were worked on.
func TestTheConsoleDatabaseHoldsNoKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	c := s.client()
	c.ended(field[string](s.send("POST", "/api/backups/create", map[string]any{"type": "full", "note": "seen"}).want(202),
		"id"))
	preview := field[string](s.send("POST", "/api/backups/restore", map[string]any{"wedding": "3"}).want(200),
		"preview.name")
	if preview == "" {
		t.Fatal("no preview")
	}
	// A server that no configuration names: its address is typed, and kept with the operation.
	post := signedIn(t, s.base, "ada@example.com")
	point := "/points/" + field[string](s.send("GET", "/api/backups/recovery-points/latest", nil).want(200), "id") +
		"/restore"
	form := url.Values{"target": {"another server"}, "url": {w.platform}, "database": {"elsewhere_1"},
		"tier": {"critical", "high", "standard"}}
	sealed := regexp.MustCompile(`name="sealed" value="([^"]+)"`).FindStringSubmatch(post(point, form))
	if sealed == nil {
		t.Fatal("the address was not sealed")
	}
	form.Del("url")
	form.Set("sealed", sealed[1])
	form.Set("confirm", "elsewhere_1")
	if page := post(point+"/confirm", form); !strings.Contains(page, "Restore to elsewhere_1") {
		t.Fatalf("it was not started:\n%s", page)
	}

	conn, err := pgx.Connect(t.Context(), w.env["KEEPSAKE_CONSOLE_OWNER_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "set keepsake.role = 'system'"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname "+
		"in ('public', 'river')")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	var all strings.Builder
	for _, table := range tables {
		var text string
		if err := conn.QueryRow(t.Context(), "select coalesce(string_agg(t::text, E'\\n'), '') from "+table+" t").Scan(
			&text); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		all.WriteString(text)
	}
	key, err := os.ReadFile(filepath.Join(w.dir, "keepsake.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := append([]string{consolePassword, s.token, strings.TrimSpace(string(key))}, w.secrets...)
	if !strings.Contains(all.String(), "ada@example.com") || !strings.Contains(all.String(), "seen") {
		t.Fatal("the test does not read the tables")
	}
	for i, secret := range secrets {
		testenv.Secret("a secret", secret)
		if len(secret) > 7 && strings.Contains(all.String(), secret) {
			t.Errorf("secret %d of %d is in the console database", i+1, len(secrets))
		}
	}
}
