package engine_test

import (
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestTablesAreReadByTier: a backup reads critical tables first, then high ones, then the others, whatever their sizes,
// and within a tier the largest first.
func TestTablesAreReadByTier(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key, note text)",
		"insert into guests select i, repeat('g', 500) from generate_series(1, 4000) i",
		"create table payments (id int primary key, note text)",
		"insert into payments select i, repeat('p', 500) from generate_series(1, 2000) i",
		"create table clients (id int primary key, note text)",
		"insert into clients select i, repeat('c', 500) from generate_series(1, 1000) i",
		"create table weddings (id int primary key, couple text, wedding_date date)",
		"insert into weddings values (1, 'Ada & Ben', '2026-12-05')", "analyze")
	e := newEngine(t, url, providers(t))
	var read []string
	planned := &watcher{onProgress: func(p engine.Progress) {
		for _, table := range p.Tables {
			if !slices.Contains(read, table.Name) {
				read = append(read, table.Name)
			}
		}
	}}
	if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, planned); err != nil {
		t.Fatal(err)
	}
	read = slices.DeleteFunc(read, func(name string) bool { return name == "pg_largeobject" })
	if want := []string{"clients", "weddings", "payments", "guests"}; !slices.Equal(read, want) {
		t.Errorf("read in the order %v, want %v", read, want)
	}
}
