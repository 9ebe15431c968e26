package console_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/engine/storage/storagetest"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

var (
	admin = keepsake.Actor{ID: "1", Name: "amelia@example.org", Role: keepsake.RoleSuperAdmin, Address: "192.0.2.1"}
	bound = keepsake.Actor{
		ID:           "2",
		Name:         "bea@example.org",
		Role:         keepsake.RoleSuperAdmin,
		Platform:     "main",
		Organization: "org-1",
	}
)

// fakeEngine stands in for the engine where a test is about time and failure: what it does is written by the test.
type fakeEngine struct {
	mu        sync.Mutex
	points    []engine.Point
	backup    func(context.Context, engine.BackupInput, engine.Reporter) (engine.BackupResult, error)
	verify    func(engine.VerifyInput) (engine.VerifyResult, error)
	remaining []engine.VerifyFinding // what a repair leaves
	restores  []engine.RestoreInput
	removals  []engine.RemovalInput
	remove    func(engine.RemovalInput) engine.RemovalResult // nil: nothing is to go
	gone      []string                                       // what removal lists name and nobody lists any more
	unasked   []engine.Unasked                               // providers that do not list their points
	down      error                                          // what the platform answers
	stores    []engine.Provider
	shift     int            // days that its first wedding lies ahead
	undecided bool           // its weddings have no day
	all       int64          // how many weddings it counts
	then      int            // how many weddings the organization "many" had at the points, and has not any more
	days      map[string]int // weddings of each day
	without   string         // a tier that holds no table at the points
	marking   func()         // comes before a point is marked; nil: nothing
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{days: map[string]int{}, stores: []engine.Provider{
		{Name: "local", Medium: "disk", Store: storagetest.NewMem()},
		{Name: "s3", Medium: "s3", Store: storagetest.NewMem()},
		{Name: "away", Medium: "gcs", Offsite: true, Store: storagetest.NewMem()},
	}}
}

func copies(confirmed ...string) []keepsake.Copy {
	list := []keepsake.Copy{{Provider: "local", Medium: "disk"}, {Provider: "s3", Medium: "s3"},
		{Provider: "away", Medium: "gcs", Offsite: true}}
	for i := range list {
		for _, name := range confirmed {
			list[i].Confirmed = list[i].Confirmed || list[i].Provider == name
		}
	}
	return list
}

func fakePoint(id string, at time.Time, confirmed ...string) engine.Point {
	p := engine.Point{
		ID:          id,
		Time:        at,
		Type:        "full",
		Database:    "wedsync",
		Server:      "15.4",
		Tables:      3,
		Rows:        100,
		BytesRead:   1000,
		BytesStored: 500,
		BytesNew:    500,
		Chunks:      5,
		ChunksNew:   5,
		Seconds:     2,
		Copies:      copies(confirmed...),
	}
	v := keepsake.JudgeProtection(p.Copies)
	p.Protected, p.Lacks = v.Protected(), v.Lacks()
	return p
}

func (f *fakeEngine) Backup(
	ctx context.Context, in engine.BackupInput, r engine.Reporter,
) (engine.BackupResult, error) {
	if f.backup != nil {
		return f.backup(ctx, in, r)
	}
	return f.succeed(in, r, "local", "s3", "away")
}

// succeed is a backup that is confirmed at the named providers.
func (f *fakeEngine) succeed(
	in engine.BackupInput, r engine.Reporter, confirmed ...string,
) (engine.BackupResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := fakePoint(fmt.Sprintf("%s-%02d", time.Now().UTC().Format("20060102T150405.000Z"), len(f.points)),
		time.Now(), confirmed...)
	p.Type, p.Note, p.Labels = string(in.Type), in.Note, in.Labels
	f.points = append(f.points, p)
	r.Log(engine.LogLine{Time: time.Now(), Level: "info", Message: "read everything"})
	r.Progress(engine.Progress{
		Stage:      engine.StageDone,
		StartedAt:  time.Now(),
		UpdatedAt:  time.Now(),
		Point:      p.ID,
		RowsDone:   100,
		BytesDone:  2000,
		BytesTotal: 2000,
	})
	return engine.BackupResult{
		Point:         p.ID,
		Type:          p.Type,
		Time:          p.Time,
		Tables:        p.Tables,
		Rows:          p.Rows,
		BytesRead:     p.BytesRead,
		BytesNew:      p.BytesNew,
		BytesUploaded: 3 * p.BytesNew,
		BytesStored:   p.BytesStored,
		ChunksNew:     p.ChunksNew,
		ChunksTotal:   p.Chunks,
		Seconds:       p.Seconds,
		Copies:        p.Copies,
		Protected:     p.Protected,
		Lacks:         p.Lacks,
		NotCarried:    []keepsake.NotCarried{},
	}, nil
}

func (f *fakeEngine) Verify(_ context.Context, in engine.VerifyInput, _ engine.Reporter) (engine.VerifyResult, error) {
	if f.verify != nil {
		return f.verify(in)
	}
	return engine.VerifyResult{
		OK:       true,
		Seconds:  1,
		Findings: []engine.VerifyFinding{},
		Copies:   map[string][]keepsake.Copy{in.Point: copies("local", "s3", "away")},
	}, nil
}

func (f *fakeEngine) Remove(_ context.Context, in engine.RemovalInput, _ engine.Reporter) (
	engine.RemovalResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removals = append(f.removals, in)
	remove := f.remove
	f.mu.Unlock()
	defer f.mu.Lock()
	if remove == nil {
		return engine.RemovalResult{Pending: []engine.PendingPoint{}}, nil
	}
	return remove(in), nil
}

func (f *fakeEngine) Removals(context.Context) (engine.PendingRemovals, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.PendingRemovals{Gone: slices.Clone(f.gone)}, nil
}

func (f *fakeEngine) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeEngine) Repair(context.Context, engine.VerifyInput, engine.Reporter) (engine.RepairResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := engine.RepairResult{
		Points:    len(f.points),
		Copied:    3,
		Bytes:     300,
		Seconds:   1,
		Remaining: append([]engine.VerifyFinding{}, f.remaining...),
		Copies:    map[string][]keepsake.Copy{},
		Protected: map[string]bool{},
	}
	for i := range f.points {
		f.points[i].Copies = copies("local", "s3", "away")
		r.Copies[f.points[i].ID], r.Protected[f.points[i].ID] = f.points[i].Copies, true
	}
	return r, nil
}

// Health writes to each store that is due.
func (f *fakeEngine) Health(ctx context.Context, write func(string) bool) ([]engine.ProviderHealth, error) {
	var out []engine.ProviderHealth
	for _, p := range f.Providers() {
		h := engine.ProviderHealth{Name: p.Name, Written: write(p.Name)}
		if err := storage.Check(ctx, p.Store); err != nil {
			h.Error, h.Written = storage.Explain(err), false
		}
		out = append(out, h)
	}
	return out, ctx.Err()
}

func (f *fakeEngine) SettleRestore(context.Context, keepsake.Secret, engine.RestoreEnd) (bool, error) {
	return false, nil
}

func (f *fakeEngine) Restore(
	_ context.Context, in engine.RestoreInput, _ engine.Reporter,
) (engine.RestoreResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restores = append(f.restores, in)
	return engine.RestoreResult{
		Point:       in.Point,
		Provider:    "local",
		Tables:      3,
		Rows:        100,
		Bytes:       1000,
		Seconds:     3,
		Verified:    true,
		Outcome:     engine.OutcomeRestored,
		TierSeconds: map[string]float64{"critical": 1},
		NotCarried:  []keepsake.NotCarried{},
	}, nil
}

func (f *fakeEngine) Points(_ context.Context, provider string) ([]engine.Point, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := append([]engine.Point{}, f.points...)
	if provider == "" {
		return list, nil
	}
	for i := range list {
		for _, cp := range list[i].Copies {
			if cp.Provider == provider {
				list[i].Copies = []keepsake.Copy{cp}
			}
		}
	}
	return list, nil
}

func (f *fakeEngine) ListPoints(ctx context.Context, provider string) (engine.PointList, error) {
	points, err := f.Points(ctx, provider)
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.PointList{Points: points, Unasked: f.unasked}, err
}

func (f *fakeEngine) Point(_ context.Context, id string) (engine.PointDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.points {
		if p.ID == id || id == "latest" {
			list := []engine.PointTable{{Schema: "public", Name: "users", Tier: "critical"},
				{Schema: "public", Name: "guests", Tier: "high"}, {Schema: "public", Name: "photos", Tier: "standard"}}
			return engine.PointDetail{
				Point:     p,
				LSN:       "0/1",
				TableList: slices.DeleteFunc(list, func(t engine.PointTable) bool { return t.Tier == f.without }),
			}, nil
		}
	}
	return engine.PointDetail{}, keepsake.Errorf(keepsake.CodeDamaged, "no provider has a readable manifest")
}

func (f *fakeEngine) CheckPlatform(context.Context) []engine.CheckFinding { return nil }

func (f *fakeEngine) AskPlatform(ctx context.Context) (bool, error) {
	look, err := f.LookAtPlatform(ctx)
	return look.Standby, err
}

func (f *fakeEngine) CheckRepository(context.Context) []engine.CheckFinding {
	return []engine.CheckFinding{{Area: "key", Level: "ok", Message: "opens"},
		{Area: "provider away", Level: "error", Message: "is away", Action: "wait"}}
}

func (f *fakeEngine) Tables(context.Context) ([]engine.TableEstimate, error) {
	return []engine.TableEstimate{{Schema: "public", Name: "users", Tier: "critical", Rows: 10, Bytes: 1000},
		{Schema: "x", Name: "log", Tier: "standard", Rows: 90, Bytes: 3000}}, f.down
}

func (f *fakeEngine) Weddings(_ context.Context, q engine.WeddingQuery) ([]engine.Wedding, error) {
	if f.down != nil {
		return nil, f.down
	}
	return f.weddings(q), nil
}

func (f *fakeEngine) MarkPoint(_ context.Context, id string, m engine.PointMark) (engine.Kept, error) {
	if f.marking != nil {
		f.marking()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.points {
		if f.points[i].ID == id {
			p := &f.points[i]
			p.Note, p.Labels, p.Locked, p.Trust = m.Note, m.Labels, m.Locked, m.Trust
		}
	}
	return engine.Kept{}, f.down
}

func (f *fakeEngine) NewestPoint(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.points) == 0 {
		return "", f.down
	}
	return f.points[0].ID, f.down
}

func (f *fakeEngine) PointIDs(context.Context) ([]string, error) { return nil, nil }

func (f *fakeEngine) NewestPointsTo(context.Context, string, int) ([]engine.Point, error) {
	return nil, nil
}

func (f *fakeEngine) NewestPoints(_ context.Context, most int) ([]engine.Point, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.points[:min(most, len(f.points))], nil
}

func (f *fakeEngine) CountWeddingDays(context.Context) (map[string]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.days), f.down
}

func (f *fakeEngine) CountWeddings(_ context.Context, organization string) (all, theirs int64, err error) {
	list := f.weddings(engine.WeddingQuery{Organization: organization, Limit: 100})
	return max(2, f.all), int64(len(list)), f.down
}

func (f *fakeEngine) CountWeddingsAt(ctx context.Context, point string, theirs func(organization string) bool) (all,
	of int64, err error) {
	list, _, err := f.WeddingsAt(ctx, point, engine.WeddingQuery{Limit: 100})
	for _, w := range list {
		if theirs(w.OrganizationID) {
			of++
		}
	}
	return int64(len(list)), of, err
}

// WeddingsAt knows one wedding that the platform has lost.
func (f *fakeEngine) WeddingsAt(
	_ context.Context, _ string, q engine.WeddingQuery,
) ([]engine.Wedding, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.points) == 0 {
		return nil, time.Time{}, keepsake.Errorf(keepsake.CodeNotFound, "there is no recovery point yet")
	}
	if slices.Contains(q.IDs, "lost") {
		return []engine.Wedding{{ID: "lost", Couple: "L & M", OrganizationID: "org-1", Date: q.Today}}, f.points[0].Time, nil
	}
	list := f.weddings(q)
	for i := range f.then {
		list = append(list, engine.Wedding{ID: fmt.Sprint("m", i), OrganizationID: "many", Date: q.Today})
	}
	return list, f.points[0].Time, nil
}

func (f *fakeEngine) FindWeddings(_ context.Context, q engine.WeddingSearch) (engine.FoundWeddings, error) {
	if f.down != nil {
		return engine.FoundWeddings{}, f.down
	}
	return f.find(q), nil
}

func (f *fakeEngine) FindWeddingsAt(ctx context.Context, point string, q engine.WeddingSearch) (engine.FoundWeddings,
	time.Time, error) {
	_, at, err := f.WeddingsAt(ctx, point, engine.WeddingQuery{Today: q.Today})
	return f.find(q), at, err
}

// KnownWeddings are those of WeddingsAt.
func (f *fakeEngine) KnownWeddings(ctx context.Context, q engine.WeddingQuery) ([]engine.Wedding, time.Time, error) {
	return f.WeddingsAt(ctx, "latest", q)
}

// FindGone finds none.
func (f *fakeEngine) FindGone(
	ctx context.Context, q engine.WeddingSearch, _ bool,
) (engine.FoundWeddings, time.Time, error) {
	_, at, err := f.WeddingsAt(ctx, "latest", engine.WeddingQuery{Today: q.Today})
	return engine.FoundWeddings{}, at, err
}

func (f *fakeEngine) find(q engine.WeddingSearch) (found engine.FoundWeddings) {
	all := engine.WeddingQuery{Organization: q.Organization, Today: q.Today, Limit: 1 << 10}
	found.Total = len(f.weddings(all))
	if a := q.After; a != nil {
		all.After = &engine.WeddingPlace{Day: a.Date, Couple: a.Couple, ID: a.ID}
	}
	list := f.weddings(all)
	found.Weddings = list[:min(q.Limit, len(list))]
	return found
}

func (f *fakeEngine) weddings(q engine.WeddingQuery) (list []engine.Wedding) {
	for _, w := range []engine.Wedding{{
		ID:             "w1",
		Couple:         "A & B",
		OrganizationID: "org-1",
		Date:           q.Today.AddDate(0, 0, f.shift),
	},
		{ID: "w2", Couple: "C & D", OrganizationID: "org-2", Date: q.Today.AddDate(0, 0, 6)}} {
		if f.undecided {
			w.Date = time.Time{}
		}
		if (q.Organization == "" || w.OrganizationID == q.Organization) && (q.IDs == nil || slices.Contains(q.IDs, w.ID)) &&
			(q.Days == nil || slices.ContainsFunc(q.Days, w.Date.Equal)) {
			list = append(list, w)
		}
	}
	if a := q.After; a != nil {
		list = list[slices.IndexFunc(list, func(w engine.Wedding) bool {
			return w.ID == a.ID && w.Couple == a.Couple &&
				w.Date.Equal(a.Day)
		})+1:]
	}
	return list[:min(q.Limit, len(list))]
}

// CheckTarget is the real one: what may be written into is not to be faked.
func (f *fakeEngine) CheckTarget(ctx context.Context, url keepsake.Secret) error {
	return engine.New(engine.Options{}).CheckTarget(ctx, url)
}

func (f *fakeEngine) SealTarget(_ context.Context, url keepsake.Secret) (string, error) {
	return "sealed:" + hex.EncodeToString([]byte(url.Reveal())), nil
}

func (f *fakeEngine) OpenTarget(_ context.Context, sealed string) (keepsake.Secret, error) {
	plain, err := hex.DecodeString(strings.TrimPrefix(sealed, "sealed:"))
	return keepsake.Secret(plain), err
}

func (f *fakeEngine) Providers() []engine.Provider { return f.stores }

// world is a console database and the consoles on it.
type world struct {
	t   *testing.T
	db  *db.DB
	url keepsake.Secret
}

func newWorld(t *testing.T) *world {
	t.Helper()
	url := dbtest.URL(t)
	testenv.DSN(url.Reveal())
	return &world{t: t, db: dbtest.Open(t, url), url: url}
}

var (
	// lasting is a lease that no living worker loses, however slow the machine is. What was given back is taken at once.
	lasting = console.LeaseTimes{Beat: 2 * time.Second, Expiry: 5 * time.Minute, Reconcile: 100 * time.Millisecond}
	// expiring is one that a test may wait for, of tests about workers that have died. A living one renews it ten times
	// before it is taken for dead.
	expiring = console.LeaseTimes{
		Beat:      500 * time.Millisecond,
		Expiry:    5 * time.Second,
		Reconcile: 100 * time.Millisecond,
	}
)

// takingOver makes a console take operations from the dead while the test waits.
func takingOver(d *console.Deps) { d.Lease = expiring }

func (w *world) console(e console.Engine, change ...func(*console.Deps)) *console.Console {
	w.t.Helper()
	d := console.Deps{DB: w.db, Platforms: []console.Platform{{Engine: e}}, Lease: lasting, Logger: testLog(w.t)}
	for _, f := range change {
		f(&d)
	}
	c, err := console.New(d)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// run runs a console until the test ends or the returned function is called, which returns when it has stopped.
func (w *world) run(c *console.Console, work bool) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, work) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// await watches an operation until it is in the state, and fails when it ends otherwise.
func await(t *testing.T, c *console.Console, id string, state console.State) console.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	events, err := c.Subscribe(ctx, admin, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var last console.Operation
	for ev := range events {
		if last = ev.Operation; last.State == state {
			return last
		}
	}
	t.Fatalf("operation %s is %s (%s), want %s", id, last.State, last.ErrorMessage, state)
	return last
}

// interrupt takes an operation, and its job, from a worker, as others do when it has fallen silent.
func (w *world) interrupt(id string) {
	w.t.Helper()
	err := w.db.InTx(w.t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(w.t.Context(),
			"update backup_operations set state = 'interrupted', worker = null, heartbeat_at = null where id = $1", id)
		if err == nil {
			_, err = tx.PG.Exec(w.t.Context(), "delete from river.river_job where args ->> 'operation' = $1", id)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// past writes as the owner of a table, past what puts it on record.
func (w *world) past(table, sql string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), dbtest.Owner(w.t, w.url).Reveal())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) }()
	_, err = conn.Exec(w.t.Context(), "alter table "+table+" disable trigger user, no force row level security; "+sql+
		"; alter table "+table+" enable trigger user, force row level security")
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	err := w.db.InTx(w.t.Context(), keepsake.System("test"),
		func(tx db.Tx) error { return tx.PG.QueryRow(w.t.Context(), sql, args...).Scan(&n) })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (f *fakeEngine) LookAtPlatform(context.Context) (engine.PlatformLook, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.PlatformLook{}, f.down
}
