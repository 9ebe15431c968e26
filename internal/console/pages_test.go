package console_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

func TestDashboard(t *testing.T) {
	t.Parallel()
	now := time.Now()
	whole := []string{"local", "s3", "away"}
	for _, x := range []struct {
		name    string
		points  []engine.Point
		alarm   console.AlarmKind
		protect bool
	}{
		{"empty", nil, console.AlarmNever, false},
		{"fresh", []engine.Point{fakePoint("a", now.Add(-time.Hour), whole...)}, console.AlarmNone, true},
		{"late", []engine.Point{fakePoint("a", now.Add(-25*time.Hour), whole...)}, console.AlarmLate, true},
		{"from the future", []engine.Point{fakePoint("a", now.Add(47*time.Hour), whole...)}, console.AlarmLate, true},
		{"after one from the future", []engine.Point{fakePoint("a", now.Add(47*time.Hour), whole...),
			fakePoint("b", now.Add(-time.Hour), whole...)}, console.AlarmNone, true},
		{"late, after one from the future", []engine.Point{fakePoint("a", now.Add(47*time.Hour), whole...),
			fakePoint("b", now.Add(-25*time.Hour), whole...)}, console.AlarmLate, true},
		{"lacking", []engine.Point{fakePoint("a", now.Add(-time.Hour), "local")}, console.AlarmFailed, false},
		{"only the critical tier is fresh", []engine.Point{fakePoint("a", now.Add(-25*time.Hour), whole...),
			critical(fakePoint("b", now, whole...))}, console.AlarmLate, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w, e := newWorld(t), newFakeEngine()
			e.points = x.points
			c := w.console(e)
			if err := c.SyncPoints(t.Context()); err != nil {
				t.Fatal(err)
			}
			d, err := c.Dashboard(t.Context(), admin)
			if err != nil {
				t.Fatal(err)
			}
			if d.Alarm != x.alarm || d.Protection.Protected() != x.protect ||
				(d.AlarmText == "") != (x.alarm == console.AlarmNone) || d.Points != int64(len(x.points)) {
				t.Errorf("alarm %q (%s), %+v, %d points", d.Alarm, d.AlarmText, d.Protection, d.Points)
			}
			if len(d.Providers) != 3 || !d.Providers[0].Reachable || d.Providers[0].Checked.IsZero() ||
				d.Providers[0].Points != int64(len(x.points)) {
				t.Errorf("providers: %+v", d.Providers)
			}
			if len(d.Weddings) != 2 || d.Weddings[0].Urgency != keepsake.UrgencyEmergency || d.Weddings[0].DaysLeft != 0 ||
				d.Weddings[1].Urgency != keepsake.UrgencyUrgent {
				t.Errorf("weddings: %+v, %s", d.Weddings, d.WeddingsMissing)
			}
		})
	}
}

func critical(p engine.Point) engine.Point { p.Type = "critical"; return p }

func TestDashboardWithoutPlatform(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.down = keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	c := w.console(e)
	d, err := c.Dashboard(t.Context(), admin)
	if err != nil || d.WeddingsMissing == "" || len(d.Weddings) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	est, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull)
	if err != nil || est.Unreachable == "" || est.Bytes != 0 {
		t.Errorf("%+v, %v", est, err)
	}
}

func TestDashboardOfAnOrganization(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local")}
	e.points[0].Note = "about somebody's wedding"
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := c.Dashboard(t.Context(), bound)
	if err != nil || len(d.Weddings) != 1 || d.Weddings[0].OrganizationID != "org-1" || d.Newest == nil ||
		d.Newest.Note != "" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	first, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull)
	if err != nil || first.Seconds != 0 || first.Measured != 0 || first.Tables != 2 || first.Rows != 100 ||
		first.Bytes != 4000 || first.Blocked || len(first.Findings) != 2 || first.Running != nil {
		t.Errorf("before any backup: %+v, %v", first, err)
	}
	o := startFull(t, c)
	if e, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull); err != nil || e.Running == nil ||
		e.Running.ID != o.ID {
		t.Errorf("while one runs: %+v, %v", e.Running, err)
	}
	w.run(c, true)
	await(t, c, o.ID, console.StateDone)
	// The fake took 2 s for 2,000 bytes; there are 4,000 now.
	if e, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupFull); err != nil || e.Measured != 1 ||
		e.Seconds != 4 {
		t.Errorf("after one: %v seconds from %d, %v", e.Seconds, e.Measured, err)
	}
	e, err := c.EstimateBackup(t.Context(), admin, keepsake.BackupCritical)
	if err != nil || e.Tables != 1 || e.Bytes != 1000 || !e.Tiers[0].Covered || e.Tiers[2].Covered ||
		e.Tiers[2].Largest[0] != "x.log" || e.Measured != 0 {
		t.Errorf("critical: %+v, %v", e, err)
	}
}

func TestListsPage(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	for i := range 25 {
		e.points = append(e.points, fakePoint(fmt.Sprintf("p%02d", i), time.Now().Add(time.Duration(i)*time.Minute), "local"))
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	var points []string
	for cursor := ""; ; {
		page, err := c.ListPoints(t.Context(), admin, console.PointsInput{Cursor: cursor, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Points {
			points = append(points, p.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(points) != 25 || points[0] != "p24" || points[24] != "p00" {
		t.Errorf("points: %v", points)
	}
	var started []string
	for range 5 {
		o, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{})
		if err != nil {
			t.Fatal(err)
		}
		started = append([]string{o.ID}, started...)
	}
	first, err := c.ListOperations(t.Context(), admin, console.ListInput{Limit: 3, Kind: console.KindVerify, Active: true})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := c.ListOperations(t.Context(), admin,
		console.ListInput{Limit: 3, Kind: console.KindVerify, Cursor: first.Next})
	if err != nil || second.Next != "" {
		t.Fatalf("%+v, %v", second, err)
	}
	var got []string
	for _, o := range append(first.Operations, second.Operations...) {
		got = append(got, o.ID)
	}
	if !slices.Equal(got, started) {
		t.Errorf("operations %v, want %v", got, started)
	}
	if _, err := c.ListOperations(t.Context(), admin, console.ListInput{Cursor: "x'; --"}); keepsake.CodeOf(
		err) != keepsake.CodeInvalid {
		t.Errorf("a forged cursor: %v", err)
	}
	if _, err := c.GetPoint(t.Context(), admin, "p\x00"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("an impossible id: %v", err)
	}
}

func TestVerifyUpdatesCopies(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	e.verify = func(engine.VerifyInput) (engine.VerifyResult, error) {
		return engine.VerifyResult{
			OK:      false,
			Seconds: 1,
			Findings: []engine.VerifyFinding{
				{Provider: "s3", Object: "chunks/aa", Problem: "missing", Damage: true},
				{Provider: "away", Problem: "did not answer", Away: true}},
			Copies: map[string][]keepsake.Copy{"a": copies("local"), "unknown": copies()},
		}, nil
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	o, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: "a", Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if o = await(t, c, o.ID, console.StateDone); o.OK || !o.Degraded() || !o.Deep {
		t.Errorf("%+v", o)
	}
	p, err := c.GetPoint(t.Context(), admin, "a")
	if err != nil {
		t.Fatal(err)
	}
	confirmed := map[string]bool{}
	for _, cp := range p.Point.Copies {
		confirmed[cp.Provider] = cp.Confirmed
	}
	if !confirmed["local"] || confirmed["s3"] || !confirmed["away"] || p.Point.Protected {
		t.Errorf("copies: %+v: damage counts, silence does not", p.Point.Copies)
	}
	if err := c.SyncPoints(t.Context()); err != nil { // every provider lists the manifest, and that proves nothing
		t.Fatal(err)
	}
	if again, err := c.GetPoint(t.Context(), admin, "a"); err != nil || !slices.Equal(again.Point.Copies, p.Point.Copies) {
		t.Errorf("a list of manifests overruled the test: %+v, %v", again.Point.Copies, err)
	}
	if len(p.Tests) != 1 || p.Tests[0].OK || p.Tests[0].Kind != "deep_verify" || p.Tests[0].Findings != 1 ||
		!slices.Equal(p.Tests[0].Away, []string{"away"}) {
		t.Errorf("tests: %+v", p.Tests)
	}
}

func TestVerifyKeepsWhatItProved(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	proof := engine.PointProof{
		RowsExpected: 100,
		RowsFound:    60,
		Integrity:    map[string]float64{"local": 1, "s3": 0.5, "away": 0},
		Tables:       []engine.TableProof{{Table: "public.users", RowsExpected: 50, RowsFound: 10}},
	}
	silent := ""
	e.verify = func(engine.VerifyInput) (engine.VerifyResult, error) {
		return engine.VerifyResult{
			Seconds: 1,
			Findings: []engine.VerifyFinding{{Provider: "s3", Object: "chunks/aa", Problem: "missing", Damage: true},
				{Provider: "away", Problem: "no answer", Damage: silent == "", Away: silent != ""}},
			Copies: map[string][]keepsake.Copy{"a": copies("local")},
			Proofs: map[string]engine.PointProof{"a": proof},
		}, nil
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	verify := func() *engine.PointProof {
		t.Helper()
		o, err := c.StartVerify(t.Context(), admin, console.StartVerifyInput{Point: "a"})
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
		p, err := c.GetPoint(t.Context(), admin, "a")
		if err != nil {
			t.Fatal(err)
		}
		return p.Point.Proof
	}
	if got := verify(); got == nil || got.RowsFound != 60 || got.Score() != 0.5 || len(got.Tables) != 1 {
		t.Errorf("%+v", got)
	}
	silent, proof.RowsFound = "away", 1 // whoever could not ask everybody overrules nothing
	if got := verify(); got == nil || got.RowsFound != 60 {
		t.Errorf("%+v", got)
	}
}

func TestSyncBelievesOnlyWhoAnswered(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.points = []engine.Point{fakePoint("a", e.points[0].Time, "local")} // s3 lost it; away is away
	e.stores[2].Store = storage.Unavailable(context.DeadlineExceeded)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := c.Dashboard(t.Context(), admin)
	if err != nil || d.Newest.Protected || d.Protection.Copies != 2 || d.Protection.Offsite != 1 {
		t.Errorf("%+v, %v", d.Newest, err)
	}
	if p := d.Providers[2]; p.Reachable || p.Error == "" || p.Points != 1 {
		t.Errorf("the provider that is away: %+v", p)
	}
}

func TestRebuildFromOneProvider(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away"),
		fakePoint("b", time.Now(), "local", "s3", "away"),
		{ID: "c", Type: "unreadable", Time: time.Now(), Lacks: "damaged"}}
	c := w.console(e)
	for range 2 {
		if n, err := c.RebuildFromProvider(t.Context(), admin, "s3"); err != nil || n != 3 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	p, err := c.GetPoint(t.Context(), admin, "a")
	if err != nil || p.Point.Protected || len(p.Point.Copies) != 3 || p.Point.Database != "wedsync" {
		t.Errorf("after reading one provider: %+v, %v", p.Point, err)
	}
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err = c.GetPoint(t.Context(), admin, "a"); err != nil || !p.Point.Protected {
		t.Errorf("after asking the others: %+v, %v", p.Point, err)
	}
	if n, err := c.RebuildFromProvider(t.Context(), admin, "s3"); err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	if p, err = c.GetPoint(t.Context(), admin, "a"); err != nil || !p.Point.Protected {
		t.Errorf("rebuilding again forgot the other copies: %+v, %v", p.Point, err)
	}
	if _, err := c.RebuildFromProvider(t.Context(), admin, "moon"); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("unknown provider: %v", err)
	}
	if _, err := c.RebuildFromProvider(t.Context(), bound, "s3"); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("bound to an organization: %v", err)
	}
}
