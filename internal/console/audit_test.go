package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// fakeNotes is a repository of notes.
type fakeNotes struct {
	mu   sync.Mutex
	now  func() time.Time
	list []engine.Note
	err  error
}

func (f *fakeNotes) KeepNote(_ context.Context, _ string, plain []byte) (engine.Kept, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, engine.Note{Time: f.now(), Plain: plain})
	return engine.Kept{At: []string{"local"}}, f.err
}

func (f *fakeNotes) ListNotes(context.Context, string) (engine.Notes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.Notes{List: f.list}, f.err
}

func (f *fakeNotes) ReadNote(context.Context, string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) == 0 {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "there is no note")
	}
	return f.list[len(f.list)-1].Plain, nil
}

func (f *fakeNotes) NoteTime(context.Context, string) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.Notes{List: f.list}.Newest(), nil
}

// tamper writes as the owner of the tables, with the triggers off.
func (w *world) tamper(sql string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), dbtest.Owner(w.t, w.url).Reveal())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) }()
	_, err = conn.Exec(w.t.Context(), "alter table audit_log disable trigger all, no force row level security; "+sql+
		"; alter table audit_log enable trigger all, force row level security")
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestTheTrailIsSealedEveryHour in which anything was recorded, soon after a security event, and on past a break, which
// is on record once.
func TestTheTrailIsSealedEveryHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Date(2026, 12, 24, 9, 0, 0, 0, time.UTC) // the whole trail is read once a day
	notes := &fakeNotes{now: func() time.Time { return now }}
	c := w.console(newFakeEngine(), func(d *console.Deps) { d.Notes, d.Now = notes, func() time.Time { return now } })
	begin := func() {
		t.Helper()
		if _, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{}); err != nil {
			t.Fatal(err)
		}
	}
	seal := func(want int) {
		t.Helper()
		if err := c.SealAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(notes.list) != want {
			t.Fatalf("%d seals, want %d", len(notes.list), want)
		}
	}
	begin()
	seal(1)
	begin()
	seal(1)
	guess := func() {
		t.Helper()
		if err := audit.RecordRefused(t.Context(), w.db, admin, audit.Entry{Action: "session.start"}); err != nil {
			t.Fatal(err)
		}
	}
	for n := 2; n <= 6; n++ { // each is a security event, and each is sealed after a minute
		guess()
		seal(n - 1)
		now = now.Add(time.Minute)
		seal(n)
		seal(n)
	}
	guess() // but not for ever: who guesses passwords fills no repository
	now = now.Add(time.Minute)
	seal(6)
	now = now.Add(9 * time.Minute)
	seal(7)
	now = now.Add(2 * time.Hour)
	seal(7) // nothing happened
	begin()
	seal(8)
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{})
	if err != nil || page.Verdict == nil || !page.Verdict.Intact || page.Verdict.Sealed.Row != 9 ||
		page.Verdict.Rows != 9 || len(page.Rows) != 9 {
		t.Fatalf("%+v, %v", page.Verdict, err)
	}
	now = now.Add(24 * time.Hour)
	seal(9)
	now = now.Add(24 * time.Hour)
	w.tamper("update audit_log set target = 'x' where id = 2")
	seal(10)
	seal(10)
	broken := func() int {
		return w.count("select count(*) from audit_log where action = 'audit.broken' and security and outcome = 'failed'")
	}
	if n := broken(); n != 1 {
		t.Errorf("the broken trail is on record %d times, want once", n)
	}
	v, err := c.VerifyAudit(t.Context(), admin)
	if err == nil && (len(v.Sections) != 2 || v.Sections[0].To != 1 || v.Sections[1].From != 3 ||
		v.Sections[1].Sealed == nil || v.Sections[1].Sealed.Row < 9) {
		t.Errorf("what is vouched for before and after: %+v", v.Sections)
	}
	if err != nil || v.Intact || v.Broken != 2 || broken() != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	notes.err = keepsake.Errorf(keepsake.CodeUnavailable, "every provider is away")
	if v, err := c.VerifyAudit(t.Context(), admin); err != nil || v.Unsealed != "every provider is away" || v.Broken != 2 {
		t.Errorf("without seals: %+v, %v", v, err)
	}
}

// TestAuditIsReadWithinAnOrganization: who is bound to one sees what its people did, and neither the verdict nor
// anything else.
func TestAuditIsReadWithinAnOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	org := admin
	org.ID, org.Platform, org.Organization = "7", "main", "org-1"
	if _, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.VerifyAudit(t.Context(), org); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("verify by an organization's admin: %v", err)
	}
	page, err := c.ListAudit(t.Context(), org, audit.Filter{})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].Action != "audit.verify" ||
		page.Rows[0].Outcome != audit.Refused || !page.Rows[0].Security || page.Verdict != nil {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := c.ListAudit(t.Context(), keepsake.Actor{}, audit.Filter{}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("nobody: %v", err)
	}
	var out bytes.Buffer
	if err := c.ExportAudit(t.Context(), org, audit.Filter{Action: "audit.verify"}, "jsonl", &out); err != nil ||
		strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), `"org-1"`) {
		t.Errorf("export: %v\n%s", err, out.String())
	}
	if err := c.ExportAudit(t.Context(), org, audit.Filter{}, "xml", &out); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("an unknown format: %v", err)
	}
	if n := w.count("select count(*) from audit_log where action = 'audit.export'"); n != 2 {
		t.Errorf("%d exports on record, want one that was made and one that was refused", n)
	}
}

// TestTheTrailIsPagedAndExportedWhole with more rows than any page holds.
func TestTheTrailIsPagedAndExportedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tamper(`insert into audit_log select n, now(), '1', 'a@example.org', 'super_admin', '', '', '', '', 'backup.start',
		'op', 'allowed', '{}', sha256(n::text::bytea), sha256(('h' || n)::bytea)
		from generate_series(1, 1234) n; alter table audit_head disable trigger all, no force row level security; update
			audit_head set last_id = 1234, hash = sha256('h1234');
		alter table audit_head enable trigger all, force row level security`)
	c := w.console(newFakeEngine())
	seen, before := 0, int64(0)
	for pages := 0; pages == 0 || before > 0; pages++ {
		page, err := c.ListAudit(t.Context(), admin, audit.Filter{Before: before})
		if err != nil || pages > 30 {
			t.Fatal(err)
		}
		seen, before = seen+len(page.Rows), page.Next
	}
	var out bytes.Buffer
	if err := c.ExportAudit(t.Context(), admin, audit.Filter{}, "jsonl", &out); err != nil {
		t.Fatal(err)
	}
	last := int64(1 << 60)
	lines := 0
	for d := json.NewDecoder(&out); d.More(); lines++ {
		var row struct{ ID int64 }
		if err := d.Decode(&row); err != nil || row.ID >= last {
			t.Fatalf("%d after %d: %v", row.ID, last, err)
		}
		last = row.ID
	}
	if seen != 1234 || lines != 1235 {
		t.Errorf("%d rows on pages, %d exported", seen, lines)
	}
}

// TestChangedSettingsSayWhatTheyWere: a recovery point's note and a wedding's milestone.
func TestChangedSettingsSayWhatTheyWere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newFakeEngine()
	e.points = []engine.Point{fakePoint("20261123T070500.000Z-aa", time.Now(), "local")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"first", "second"} {
		if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "latest", Note: &note}); err != nil {
			t.Fatal(err)
		}
	}
	christmas := time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC)
	for _, day := range []time.Time{christmas, christmas.AddDate(0, 0, 1), {}} {
		if err := c.SaveMilestone(t.Context(), admin,
			console.SaveMilestoneInput{WeddingID: "w1", Name: "tasting", Day: day}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{})
	// the oldest: no console has made the point
	if err != nil || len(page.Rows) != 6 || page.Rows[5].Action != "backup.found" {
		t.Fatalf("%+v, %v", page.Rows, err)
	}
	for i, want := range []string{`"before":"2026-12-26"`, `"before":"2026-12-25"`, `"before":null`,
		`"before":{"labels":{},"locked":false,"note":"first","trust":""}`,
		`"after":{"labels":{},"locked":false,"note":"first","trust":""}`} {
		if got := string(page.Rows[i].Detail); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", page.Rows[i].Action, got, want)
		}
	}
	if page.Rows[0].WeddingID != "w1" || page.Rows[4].Point != "20261123T070500.000Z-aa" {
		t.Errorf("what they are about: %+v, %+v", page.Rows[0], page.Rows[4])
	}
}

// brokenExport breaks off in the middle, as does the browser that it is for.
type brokenExport struct{ console.Scopes }

func (brokenExport) Export(_ context.Context, _ engine.ScopeInput, _ scope.ExportAs, w io.Writer) error {
	_, err := w.Write([]byte("PK"))
	return err
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("the browser has gone") }

// TestExportsThatBreakOffAreOnRecord: that one was begun, and that it was not all of it.
func TestExportsThatBreakOffAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), func(d *console.Deps) { d.Platforms[0].Scopes = brokenExport{} })
	if err := c.ExportScope(t.Context(), admin, console.ScopedInput{Scope: theWedding("w1"), Point: "latest"},
		scope.ExportAs{Format: "csv"}, gone{}); err == nil {
		t.Error("the whole wedding was taken out")
	}
	if err := c.ExportAudit(t.Context(), admin, audit.Filter{}, "csv", gone{}); err == nil {
		t.Error("the whole trail was taken out")
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{})
	if err != nil || len(page.Rows) != 4 {
		t.Fatalf("%+v, %v", page.Rows, err)
	}
	for i, want := range []string{"audit.export failed",
		"audit.export allowed", "scope.export failed", "scope.export allowed"} {
		if got := page.Rows[i].Action + " " + string(page.Rows[i].Outcome); got != want {
			t.Errorf("entry %d: %s, want %s", i, got, want)
		}
	}
}

// TestWhatNamesNoOperationIsOnRecord, and what a token may not even look at.
func TestWhatNamesNoOperationIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	token := admin
	token.Permissions = []keepsake.Permission{keepsake.MayBackup}
	if err := c.CancelOperation(t.Context(), admin, "nonsense"); err == nil {
		t.Error("nonsense was cancelled")
	}
	if err := c.ApproveOperation(t.Context(), admin, "nonsense"); err == nil {
		t.Error("nonsense was approved")
	}
	if _, err := c.EstimateBackup(t.Context(), token, keepsake.BackupFull); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("a token without the scope to read: %v", err)
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{})
	if err != nil || len(page.Rows) != 3 {
		t.Fatalf("%+v, %v", page.Rows, err)
	}
	for i, want := range []string{"backup.estimate", "approval.give", "operation.cancel"} {
		if r := page.Rows[i]; r.Action != want || r.Outcome != audit.Refused {
			t.Errorf("entry %d: %s %s, want %s refused", i, r.Action, r.Outcome, want)
		}
	}
}

// TestATrailThatTakesNothingAnyMoreIsJudged: somebody set its end back, so that every new row collides with one that is
// there. Whoever asks hears of that, and not of an entry that could not be written.
func TestATrailThatTakesNothingAnyMoreIsJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	for range 3 {
		if _, err := c.VerifyAudit(t.Context(), admin); err != nil {
			t.Fatal(err)
		}
	}
	w.tamper("alter table audit_head disable trigger all, no force row level security; update audit_head set (last_id, " +
		"hash) = (select id, hash from audit_log where id = 2); " +
		"alter table audit_head enable trigger all, force row level security")
	v, err := c.VerifyAudit(t.Context(), admin)
	if err != nil || v.Intact || v.Broken != 3 {
		t.Fatalf("%+v, %v", v.Report, err)
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{})
	if err != nil || page.Verdict == nil || page.Verdict.Broken != 3 {
		t.Errorf("the page: %+v, %v", page.Verdict, err)
	}
}

// TestASealFromTheFutureIsNotFollowedByOneAnHour: the clock was a year ahead when it was made, and nothing has happened
// since.
func TestASealFromTheFutureIsNotFollowedByOneAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().AddDate(1, 0, 0)
	notes := &fakeNotes{now: func() time.Time { return now }}
	c := w.console(newFakeEngine(), func(d *console.Deps) { d.Notes, d.Now = notes, func() time.Time { return now } })
	if _, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{}); err != nil {
		t.Fatal(err)
	}
	seal := func() {
		t.Helper()
		if err := c.SealAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seal()
	now = time.Now()
	for range 3 {
		seal()
		// as the repository lists them
		slices.SortFunc(notes.list, func(a, b engine.Note) int { return a.Time.Compare(b.Time) })
	}
	if len(notes.list) != 2 {
		t.Errorf("%d seals, want that of the future and that of today", len(notes.list))
	}
	now = now.AddDate(0, 0, 1)
	if seal(); len(notes.list) != 3 {
		t.Errorf("%d seals, want one of the day after too", len(notes.list))
	}
}
