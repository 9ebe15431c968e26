package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// quick gives up on a store that is away after moments, and on one that hangs after a few seconds.
var quick = storage.RetryOptions{
	Attempts: 2,
	Wait:     time.Millisecond,
	MaxWait:  time.Millisecond,
	Patience: 5 * time.Second,
}

func ofWedding(id string) keepsake.Scope { return keepsake.MustScope(keepsake.WeddingScope(id)) }

func ofTier(t keepsake.Tier) keepsake.Scope { return keepsake.MustScope(keepsake.TierScope(t)) }

// engineWith returns an engine for a key and providers that may have been used before.
func engineWith(t testing.TB, url string, list []engine.Provider, key keepsake.Secret) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	t.Cleanup(e.Close)
	if _, err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func openFile(t testing.TB, dir string) storage.Provider {
	t.Helper()
	p, err := storage.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openS3(t *testing.T, b testenv.S3Bucket, endpoint string) storage.Provider {
	t.Helper()
	p, err := storage.OpenS3(t.Context(), storage.S3Options{
		Endpoint:        endpoint,
		Region:          testenv.Region,
		Bucket:          b.Name,
		PathStyle:       true,
		AccessKeyID:     b.AccessKey,
		SecretAccessKey: keepsake.Secret(b.SecretKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openGCS(t *testing.T, b testenv.GCSBucket) storage.Provider {
	t.Helper()
	p, err := storage.OpenGCS(t.Context(), storage.GCSOptions{Endpoint: b.Endpoint, Bucket: b.Name})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trio is one provider of each kind, each with faults to switch on.
type trio struct {
	list   []engine.Provider
	faults map[string]*storagetest.FaultyProvider
}

// newTrio returns a directory, a bucket on a real S3 server and one on a GCS emulator: together they satisfy the 3-2-1
// rule.
func newTrio(t *testing.T) trio {
	t.Helper()
	b := testenv.S3(t)
	return trioOf(t, openFile(t, filepath.Join(t.TempDir(), "local")),
		openS3(t, b, b.Endpoint), openGCS(t, testenv.GCS(t)))
}

func trioOf(t *testing.T, stores ...storage.Provider) trio {
	t.Helper()
	w := trio{
		list: []engine.Provider{{Name: "local", Medium: "disk"}, {Name: "cloud", Medium: "s3"},
			{Name: "offsite", Medium: "gcs", Offsite: true}},
		faults: map[string]*storagetest.FaultyProvider{},
	}
	for i := range w.list {
		f := storagetest.Faulty(stores[i])
		w.faults[w.list[i].Name], w.list[i].Store = f, storage.Retry(f, quick)
	}
	return w
}

// season fills a database with a small wedding platform whose tables make about twenty-five chunks.
func season(t *testing.T) string {
	t.Helper()
	url := testenv.DB(t)
	run(t, url, `create table organizations (id int primary key, name text)`,
		`create table weddings (id uuid primary key, organization_id int references organizations, couple text,
			wedding_date date)`,
		`create table guests (id bigint generated always as identity primary key, wedding_id uuid references weddings,
			name text)`,
		`insert into organizations select i, 'Organization ' || i from generate_series(1, 10) i`,
		`insert into weddings select md5(i::text)::uuid, 1 + i % 10, 'Couple ' || i, '2026-11-23'::date + i
			from generate_series(1, 200) i`,
		`insert into guests (wedding_id, name) select w.id, 'guest ' || i || repeat(' of the couple', 9)
			from weddings w, generate_series(1, 60) i`)
	for i := range 16 {
		run(t, url,
			fmt.Sprintf("create table notes_%d as select i, md5((i * %d)::text) as line from generate_series(1, 50) i", i, i+1))
	}
	return url
}

// grow adds rows to a season, so that the next backup has something new.
func grow(t *testing.T, url string) {
	t.Helper()
	run(t, url, "insert into notes_0 select i, 'new ' || random() from generate_series(1, 50) i",
		"update notes_1 set line = 'changed' where i = 7")
}

// watcher is a Reporter that keeps what it hears and lets a test act on it.
type watcher struct {
	mu         sync.Mutex
	lines      []engine.LogLine
	last       engine.Progress
	onProgress func(engine.Progress)
}

func (w *watcher) Progress(p engine.Progress) {
	w.mu.Lock()
	w.last = p
	w.mu.Unlock()
	if w.onProgress != nil {
		w.onProgress(p)
	}
}

func (w *watcher) Log(l engine.LogLine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, l)
}

// copyOf returns one provider's copy in a report.
func copyOf(t *testing.T, copies []keepsake.Copy, provider string) keepsake.Copy {
	t.Helper()
	for _, c := range copies {
		if c.Provider == provider {
			return c
		}
	}
	t.Fatalf("no copy of provider %s in %+v", provider, copies)
	return keepsake.Copy{}
}

// wantProtected fails unless every recovery point is protected, every copy of every object is sound and nothing else
// was found.
func wantProtected(t *testing.T, e *engine.Engine, points int) {
	t.Helper()
	r, err := e.Verify(t.Context(), engine.VerifyInput{Deep: true}, engine.Discard)
	if err != nil || !r.OK || r.Points != points {
		t.Fatalf("deep verification of %d points: %v %+v", points, err, r)
	}
	for id, copies := range r.Copies {
		if v := keepsake.JudgeProtection(copies); !v.Protected() {
			t.Errorf("recovery point %s is not protected: %s", id, v.Lacks())
		}
	}
	list, err := e.Points(t.Context(), "")
	if err != nil || len(list) != points {
		t.Fatalf("points: %v %+v", err, list)
	}
	for _, p := range list {
		if !p.Protected {
			t.Errorf("the list says that %s is not protected: %s", p.ID, p.Lacks)
		}
	}
}

// wantError fails unless err has the code and its message holds every one of the words.
func wantError(t *testing.T, err error, code keepsake.Code, words ...string) {
	t.Helper()
	if err == nil || keepsake.CodeOf(err) != code {
		t.Errorf("error %v (%s), want code %s", err, keepsake.CodeOf(err), code)
		return
	}
	for _, w := range words {
		if !strings.Contains(keepsake.MessageOf(err), w) {
			t.Errorf("the message %q does not say %q", keepsake.MessageOf(err), w)
		}
	}
}

// one returns the single value of a query.
func one[T any](t *testing.T, url, query string, args ...any) T {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var v T
	if err := conn.QueryRow(ctx, query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// dropRole drops a role, quoted, when the test has ended. Databases of the test that name it are dropped meanwhile, and
// nobody waits for that.
func dropRole(t *testing.T, url, role string) {
	t.Helper()
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var pg *pgconn.PgError
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
			_, err = conn.Exec(context.Background(), "select pg_sleep(0.01); drop owned by "+role+" cascade; drop role "+role)
			if !errors.As(err, &pg) || pg.Code != pgerrcode.DependentObjectsStillExist {
				break
			}
		}
		if err != nil {
			t.Errorf("drop role %s: %v", role, err)
		}
	})
}

// wantUnwritten fails unless the database holds nothing at all.
func wantUnwritten(t *testing.T, url string) {
	t.Helper()
	n := one[int](t, url, `select (select count(*) from pg_class where relnamespace not in (select oid from pg_namespace
		where nspname ~ '^(pg_|information_schema)'))
		+ (select count(*) from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema'))`)
	if n != 0 {
		t.Errorf("the target holds %d objects, want none: schema\n%s", n, schemaOf(t, url))
	}
}

// wantUnfinished fails unless the database is empty or says of itself that it is incomplete.
func wantUnfinished(t *testing.T, url string) {
	t.Helper()
	if one[bool](t, url, "select to_regclass('keepsake_restore.run') is null") {
		wantUnwritten(t, url)
	}
}

// repositoryOf returns the keyring of the repository in a directory.
func repositoryOf(t *testing.T, dir string, key keepsake.Secret) *repository.Keyring {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, repository.HeaderKey))
	if err != nil {
		t.Fatal(err)
	}
	h, err := repository.ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := h.Unlock(repository.KeySource{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// pagesIn reads index pages in a directory.
func pagesIn(t *testing.T, dir string, key keepsake.Secret) repository.Fetch {
	t.Helper()
	keys := repositoryOf(t, dir, key)
	return func(_ context.Context, r repository.Ref) ([]byte, error) {
		sealed, err := os.ReadFile(filepath.Join(dir, r.Key()))
		if err != nil {
			return nil, err
		}
		return keys.Open(nil, &r, sealed)
	}
}

// rangesIn are the ranges of a table of a recovery point in a directory.
func rangesIn(t *testing.T, dir string, key keepsake.Secret, table *repository.Table) (ranges []repository.Range) {
	t.Helper()
	for r, err := range table.EachRange(t.Context(), pagesIn(t, dir, key)) {
		if err != nil {
			t.Fatal(err)
		}
		ranges = append(ranges, *r)
	}
	return ranges
}

// manifestIn opens and loads one manifest in a directory.
func manifestIn(t *testing.T, dir string, key keepsake.Secret, id string) *repository.Manifest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, repository.ManifestKey(id)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := repositoryOf(t, dir, key).OpenManifest(repository.ManifestKey(id), raw)
	if err == nil {
		err = m.Load(t.Context(), pagesIn(t, dir, key))
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noise is bytes that no compression makes shorter, the same for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	r := rand.NewChaCha8(s)
	_, _ = r.Read(b)
	return b
}

var errAway = errors.New("connection reset by peer (made so by a test)")
