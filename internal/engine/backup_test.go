package engine_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// providers returns three directories that satisfy the 3-2-1 rule.
func providers(t *testing.T) []engine.Provider {
	t.Helper()
	list := []engine.Provider{{Name: "local", Medium: "disk"}, {Name: "second", Medium: "s3"},
		{Name: "offsite", Medium: "gcs", Offsite: true}}
	for i := range list {
		store, err := storage.OpenFile(filepath.Join(t.TempDir(), list[i].Name))
		if err != nil {
			t.Fatal(err)
		}
		list[i].Store = store
	}
	return list
}

func newEngine(t *testing.T, url string, list []engine.Provider) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: repository.NewKeyFile()},
	})
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func run(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, q := range statements {
		if _, err := conn.Exec(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func backup(t *testing.T, e *engine.Engine, kind keepsake.BackupType) engine.BackupResult {
	t.Helper()
	r, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, engine.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnchangedRowsAreNeitherReadNorStoredAgain(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, `create table public.organizations (id int primary key, name text)`,
		`create table public.weddings (id uuid primary key default gen_random_uuid(), organization_id int references
			organizations,
			couple text, wedding_date date)`,
		`create table public.guests (id bigint generated always as identity primary key, wedding_id uuid references weddings,
			name text)`,
		`insert into organizations select i, 'Organization ' || i from generate_series(1, 10) i`,
		`insert into weddings select gen_random_uuid(), 1 + i % 10, 'Couple ' || i, '2026-11-23'::date + i
			from generate_series(1, 300) i`,
		`insert into guests (wedding_id, name) select w.id, repeat('guest ' || i, 20) from weddings w, generate_series(1,
			100) i`)
	awaitOlder(t, url)
	e := newEngine(t, url, providers(t))
	full := backup(t, e, keepsake.BackupFull)
	if full.Rows != 30310 || full.Tables != 3 || !full.Protected || full.ChunksNew != full.ChunksTotal {
		t.Fatalf("full backup: %+v", full)
	}
	again := backup(t, e, keepsake.BackupFull)
	if again.ChunksNew > 0 || again.BytesRead != full.BytesRead {
		t.Fatalf("a full backup of the same rows: %+v", again)
	}
	inc := backup(t, e, keepsake.BackupIncremental)
	if inc.Rows != full.Rows || inc.ChunksNew > 0 || inc.BytesRead > full.BytesRead/4 {
		t.Fatalf("an incremental backup of the same rows read %d of %d bytes, %+v", inc.BytesRead, full.BytesRead, inc)
	}
	run(t, url, `update guests set name = 'changed' where id = 5`, `delete from guests where id = 20000`)
	changed := backup(t, e, keepsake.BackupIncremental)
	if changed.Rows != full.Rows-1 || changed.ChunksNew < 1 || changed.ChunksNew > 2 ||
		changed.BytesNew > full.BytesNew/20 {
		t.Fatalf("an incremental backup after two changes: %+v", changed)
	}
	points, err := e.Points(t.Context(), "")
	if err != nil || len(points) != 4 || points[0].ID != changed.Point || !points[0].Protected {
		t.Fatalf("points: %v %+v", err, points)
	}
	verified, err := e.Verify(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard)
	if err != nil || !verified.OK || verified.Points != 4 {
		t.Fatalf("verify: %v %+v", err, verified)
	}
}
