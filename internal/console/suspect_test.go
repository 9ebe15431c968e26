package console_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestASuspectBackupIsLoudAndPassedBy: the overview and the operation say what is wrong with it, latest goes on meaning
// the point before, and whoever says that it is right changes that, on record.
func TestASuspectBackupIsLoudAndPassedBy(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("20261101T000000Z-01", time.Now().Add(-time.Hour), "local", "s3", "away")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	sound := e.points[0].ID
	doubts := []keepsake.Doubt{{Kind: keepsake.DoubtRows, Table: "public.guests", Before: 7200, Rows: 20}}
	const words = "Table public.guests holds 20 rows, and held 7,200 rows before."
	e.backup = func(_ context.Context, in engine.BackupInput, r engine.Reporter) (engine.BackupResult, error) {
		result, err := e.succeed(in, r, "local", "s3", "away")
		result.Doubts = doubts
		e.mu.Lock()
		e.points[len(e.points)-1].Doubts = doubts
		e.mu.Unlock()
		return result, err
	}
	told(t, w)
	w.run(c, true)
	o, err := c.StartBackup(t.Context(), admin, console.StartBackupInput{Type: keepsake.BackupFull})
	if err != nil {
		t.Fatal(err)
	}
	o = await(t, c, o.ID, console.StateDone)
	suspect := o.Point
	if got := told(t, w); !slices.Equal(got, []string{"backup.end"}) {
		t.Errorf("told of %q", got)
	}
	lines, err := c.OperationLog(t.Context(), admin, o.ID, 0, 0)
	if err != nil || len(lines) == 0 || lines[len(lines)-1].Level != "warn" ||
		!strings.Contains(lines[len(lines)-1].Message, words) {
		t.Errorf("the operation's last words: %+v, %v", lines, err)
	}
	if n := w.count("select count(*) from audit_log where action = 'backup.end' and detail ->> 'doubts' = $1",
		words); n != 1 {
		t.Errorf("%d entries say why", n)
	}

	overview := func(newest string, suspects int) {
		t.Helper()
		d, err := c.Dashboard(t.Context(), admin)
		if err != nil || d.Newest == nil || d.Newest.ID != newest || len(d.Suspects) != suspects ||
			(d.Alarm == console.AlarmSuspect) != (suspects > 0) || strings.Contains(d.AlarmText, words) != (suspects > 0) {
			t.Errorf("%+v, %v", d, err)
		}
		p, err := c.GetPoint(t.Context(), admin, "latest")
		if err != nil || p.Point.ID != newest {
			t.Errorf("latest is %s, %v", p.Point.ID, err)
		}
	}
	overview(sound, 1)
	if p, err := c.GetPoint(t.Context(), admin, suspect); err != nil || !p.Point.Suspect() || len(p.Point.Doubts) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	save := func(trust keepsake.Trust) error {
		return c.SavePoint(t.Context(), admin, console.SavePointInput{ID: suspect, Trust: &trust})
	}
	if err := save("perhaps"); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("another word: %v", err)
	}
	for _, then := range []struct {
		trust    keepsake.Trust
		newest   string
		suspects int
	}{{keepsake.TrustAccepted, suspect, 0}, {keepsake.TrustUnsaid, sound, 1}, {keepsake.TrustAccepted, suspect, 0}} {
		if err := save(then.trust); err != nil {
			t.Fatal(err)
		}
		overview(then.newest, then.suspects)
	}
	const accepted = "select count(*) from audit_log where action = 'point.save' and detail::text like '%accepted%'"
	if n := w.count(accepted); n < 2 {
		t.Errorf("%d entries say that it was accepted", n)
	}

	e.mu.Lock()
	for i := range e.points { // the command line said otherwise
		if e.points[i].ID == suspect {
			e.points[i].Trust = keepsake.TrustDoubted
		}
	}
	e.mu.Unlock()
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	overview(sound, 0) // somebody knows
	if p, err := c.GetPoint(t.Context(), admin, suspect); err != nil ||
		p.Point.DoubtWords() != "Somebody said that it cannot be trusted." {
		t.Errorf("doubted at the command line: %+v, %v", p, err)
	}
	e.mu.Lock()
	for i := range e.points {
		e.points[i].Trust = keepsake.TrustDoubted
	}
	e.mu.Unlock()
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	overview(suspect, 0) // for want of another one
}

// TestARestoreKnowsWhichPointsAreSuspect: it records that its recovery point is suspect, or which newer ones latest
// passed by. Who approves it learns what somebody has said since.
func TestARestoreKnowsWhichPointsAreSuspect(t *testing.T) {
	t.Parallel()
	a := withApprovers(t)
	sound := a.e.points[0].ID
	const words = "Table public.guests no longer exists, and held 7,200 rows before."
	late := fakePoint("20991123T080000Z-bb", time.Now(), "local", "s3", "away")
	late.Doubts = []keepsake.Doubt{{Kind: keepsake.DoubtTable, Table: "public.guests", Before: 7200}}
	critical := fakePoint("20991123T090000Z-cc", time.Now(), "local", "s3", "away")
	critical.Type, critical.Doubts = string(keepsake.BackupCritical), late.Doubts
	a.e.points = append(a.e.points, late, critical)
	if err := a.c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	says := func(o console.Operation, err error, point, want string) {
		t.Helper()
		if got := strings.Join(o.PointWarnings(), "\n"); err != nil || o.Point != point || !strings.Contains(got, want) ||
			want == "" && got != "" {
			t.Errorf("of %s it says %q, %v; want %s, %q", o.Point, got, err, point, want)
		}
	}
	passed := "The newer recovery point " + late.ID + " of "
	proposed := a.wants(admin, console.ScopedInput{Scope: keepsake.Everything()}, false, console.StateProposed)
	says(proposed, nil, sound, passed)
	live := a.wants(admin, console.ScopedInput{Scope: keepsake.Everything()}, true, console.StateProposed)
	says(live, nil, sound, passed)
	for id, want := range map[string]int{"latest": 1, sound: 1, late.ID: 0} {
		d, err := a.c.GetPoint(t.Context(), admin, id)
		if err != nil || len(d.Passed) != want || want > 0 && (d.Passed[0].ID != late.ID || d.Passed[0].Why != words) {
			t.Errorf("point %s: %+v, %v", id, d.Passed, err)
		}
	}
	o, err := a.c.StartRestore(t.Context(), admin, console.StartRestoreInput{
		Point:        late.ID,
		Database:     "doubtful",
		Confirmation: "doubtful",
		Scope:        keepsake.Everything(),
	})
	says(o, err, late.ID, "This recovery point is suspect. "+words)

	doubted, accepted := keepsake.TrustDoubted, keepsake.TrustAccepted
	for id, trust := range map[string]*keepsake.Trust{sound: &doubted, late.ID: &accepted} {
		if err := a.c.SavePoint(t.Context(), admin, console.SavePointInput{ID: id, Trust: trust}); err != nil {
			t.Fatal(err)
		}
	}
	now, err := a.c.GetOperation(t.Context(), admin, proposed.ID)
	says(now, err, sound, "This recovery point is suspect. Somebody said that it cannot be trusted.")
	now, err = a.c.GetOperation(t.Context(), admin, o.ID)
	says(now, err, late.ID, "")
}

// TestWhatPeopleSaidStaysWhileNotesCannotBeRead: a look at the repository that could not read all notes on a point, and
// read nothing that decides, takes nobody's doubt away.
func TestWhatPeopleSaidStaysWhileNotesCannotBeRead(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("20261101T000000Z-01", time.Now().Add(-time.Hour), "local", "s3", "away")}
	c := w.console(e)
	id, p := e.points[0].ID, &e.points[0]
	looks := func(trust keepsake.Trust, unread []string, want keepsake.Trust) {
		t.Helper()
		e.mu.Lock()
		p.Trust, p.NotesUnread = trust, unread
		e.mu.Unlock()
		if err := c.SyncPoints(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, err := c.GetPoint(t.Context(), admin, id); err != nil || d.Point.Trust != want {
			t.Errorf("%q and %q unread: %q is known, %v; want %q", trust, unread, d.Point.Trust, err, want)
		}
	}
	why := []string{"Provider s3 could not be asked. It did not answer."}
	looks(keepsake.TrustDoubted, nil, keepsake.TrustDoubted)
	looks(keepsake.TrustUnsaid, why, keepsake.TrustDoubted)
	looks(keepsake.TrustAccepted, why, keepsake.TrustAccepted)
	looks(keepsake.TrustUnsaid, nil, keepsake.TrustUnsaid)
}
