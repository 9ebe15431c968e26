package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTestsAreListedWithWhatTheyFound: of all points and of one, by outcome, page by page, and none of it for one
// organization.
func TestTestsAreListedWithWhatTheyFound(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("20260101T000000Z-aa", time.Now().Add(-2*time.Hour), "local", "s3", "away"),
		fakePoint("20260102T000000Z-bb", time.Now().Add(-time.Hour), "local", "s3", "away")}
	e.verify = func(in engine.VerifyInput) (engine.VerifyResult, error) {
		r := engine.VerifyResult{
			OK:       true,
			Seconds:  1,
			Findings: []engine.VerifyFinding{},
			Copies:   map[string][]keepsake.Copy{},
			Proofs:   map[string]engine.PointProof{},
		}
		for _, p := range e.points {
			if in.Point == "" || in.Point == p.ID {
				r.Copies[p.ID] = copies("local", "s3", "away")
				r.Proofs[p.ID] = engine.PointProof{
					RowsExpected: 10,
					RowsFound:    10,
					Integrity:    map[string]float64{"local": 1, "s3": 1, "away": 1},
				}
			}
		}
		if in.Deep { // one copy is damaged, one provider does not answer
			r.OK, r.Findings = false, []engine.VerifyFinding{
				{Provider: "s3", Object: "chunks/ab", Problem: "damaged", Damage: true}, {Provider: "away", Problem: "no answer"}}
			r.Copies[in.Point], r.Proofs[in.Point] = copies("local"),
				engine.PointProof{RowsExpected: 10, RowsFound: 10, Integrity: map[string]float64{"local": 1, "s3": 0.5, "away": 0}}
		}
		return r, nil
	}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(c, true)
	for _, in := range []console.StartVerifyInput{{}, {Point: e.points[1].ID}, {Point: e.points[1].ID, Deep: true}} {
		o, err := c.StartVerify(t.Context(), admin, in)
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateDone)
	}
	yes, no := true, false
	for name, x := range map[string]struct {
		in   console.TestsInput
		want int
	}{
		"all": {console.TestsInput{}, 4}, "of one": {console.TestsInput{Point: e.points[0].ID}, 1},
		"of the latest": {console.TestsInput{Point: "latest"}, 3},
		"deep":          {console.TestsInput{Kind: "deep_verify"}, 1}, "passed": {console.TestsInput{Passed: &yes}, 3},
		"failed":         {console.TestsInput{Passed: &no}, 1},
		"of one, failed": {console.TestsInput{Point: e.points[0].ID, Passed: &no}, 0},
		"from":           {console.TestsInput{From: time.Now().Add(time.Hour)}, 0},
		"to":             {console.TestsInput{To: time.Now().Add(-time.Hour)}, 0},
	} {
		for _, limit := range []int{1, 2, 50} {
			in, got, seen := x.in, 0, map[string]bool{}
			in.Limit = limit
			for range 10 {
				page, err := c.ListTests(t.Context(), admin, in)
				if err != nil || len(page.Tests) > limit {
					t.Fatalf("%s: %+v, %v", name, page, err)
				}
				for _, test := range page.Tests {
					if seen[test.ID] {
						t.Errorf("%s: twice: %s", name, test.ID)
					}
					seen[test.ID], got = true, got+1
				}
				if in.Cursor = page.Next; in.Cursor == "" {
					break
				}
			}
			if got != x.want {
				t.Errorf("%s, %d a page: %d, want %d", name, limit, got, x.want)
			}
		}
	}
	failed, err := c.ListTests(t.Context(), admin, console.TestsInput{Passed: &no})
	if err != nil || len(failed.Tests) != 1 {
		t.Fatal(err)
	}
	d, err := c.GetTest(t.Context(), admin, failed.Tests[0].ID)
	if err != nil || d.Point != e.points[1].ID || d.Kind != "deep_verify" || len(d.Findings) != 2 || d.Proof == nil ||
		d.Proof.Integrity["s3"] != 0.5 || len(d.Copies) != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, x := range []struct {
		actor keepsake.Actor
		in    console.TestsInput
		want  keepsake.Code
	}{
		{bound, console.TestsInput{}, keepsake.CodeForbidden}, {admin, console.TestsInput{Cursor: "x"}, keepsake.CodeInvalid},
		{admin, console.TestsInput{Point: "nothing"}, keepsake.CodeNotFound},
		{admin, console.TestsInput{Cursor: "018f0000-0000-7000-8000-000000000001"}, keepsake.CodeInvalid},
		{admin, console.TestsInput{Kind: "\x00"}, keepsake.CodeInvalid},
	} {
		if _, err := c.ListTests(t.Context(), x.actor, x.in); keepsake.CodeOf(err) != x.want {
			t.Errorf("%s, %+v: %v, want %s", x.actor.Name, x.in, err, x.want)
		}
	}
	for actor, want := range map[string]keepsake.Code{bound.ID: keepsake.CodeForbidden, admin.ID: keepsake.CodeNotFound} {
		a := admin
		if actor == bound.ID {
			a = bound
		}
		if _, err := c.GetTest(t.Context(), a, "x"); keepsake.CodeOf(err) != want {
			t.Errorf("%s: %v", a.Name, err)
		}
	}

	// What the same verifications say of the providers: a share only of those that could be asked, by the newest that
	// could.
	state, err := c.Compliance(t.Context(), admin)
	if err != nil || state.AuditRows == 0 || state.NewestProtected == nil || state.NewestProtected.ID != e.points[0].ID ||
		len(state.Tiers) != 3 || state.Tiers[0].TooOld || state.Tiers[0].Restored != 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	got := ""
	for _, p := range state.Providers {
		got += fmt.Sprintf("%s %v %v, ", p.Name, p.Integrity, p.Deep)
	}
	if got != "local 1 true, s3 0.5 true, away 1 false, " {
		t.Errorf("providers: %s", got)
	}
	if _, err := c.Compliance(t.Context(), bound); keepsake.CodeOf(err) != keepsake.CodeForbidden {
		t.Errorf("of the platform, to somebody of one organization: %v", err)
	}
}

// TestPointsAndOperationsAreFoundByWhatTheyAreFor: wedding, organization, milestone, phase, tier, protection.
func TestPointsAndOperationsAreFoundByWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	now := time.Now()
	mark := func(wedding, milestone string, days int) []keepsake.WeddingMark {
		return []keepsake.WeddingMark{{
			WeddingID: wedding,
			Date:      now.AddDate(0, 0, days).UTC().Format(time.DateOnly),
			Milestone: milestone,
		}}
	}
	all := []string{"local", "s3", "away"}
	e.points = []engine.Point{fakePoint("p1", now.Add(-4*time.Minute), all...),
		fakePoint("p2", now.Add(-3*time.Minute), all...), fakePoint("p3", now.Add(-2*time.Minute), "local"),
		critical(fakePoint("p4", now.Add(-time.Minute), all...))}
	e.points[0].Weddings, e.points[1].Weddings = mark("w1", "final_payment", 100), mark("w2", "", 6)
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	no := false
	for want, in := range map[string][]console.PointsInput{
		"p1": {{WeddingID: "w1"}, {Organization: "org-1"}, {Milestone: "final_payment"}, {Phase: keepsake.PhasePlanning},
			{Organization: "org-1", Milestone: "final_payment", WeddingID: "w1"}},
		"p2": {{WeddingID: "w2"}, {Organization: "org-2"}, {Phase: keepsake.PhasePreparation}},
		"p3": {{Protected: &no}}, "p4": {{Type: keepsake.BackupCritical}}, "p4 p3 p2 p1 ": {{Tier: keepsake.TierCritical}},
		"p3 p2 p1 ": {{Tier: keepsake.TierHigh}},
		"":          {{Organization: "org-3"}, {Organization: "org-2", WeddingID: "w1"}, {Phase: keepsake.PhasePostEvent}},
	} {
		for _, in := range in {
			page, err := c.ListPoints(t.Context(), admin, in)
			got := ""
			for _, p := range page.Points {
				got += p.ID + " "
			}
			if err != nil || got != want && got != want+" " {
				t.Errorf("%+v: %q, want %q, %v", in, got, want, err)
			}
		}
	}
	if _, err := c.ListPoints(t.Context(), admin, console.PointsInput{Cursor: "nothing"}); keepsake.CodeOf(
		err) != keepsake.CodeInvalid {
		t.Errorf("a page that is none: %v", err)
	}
	for _, in := range []console.PointsInput{{WeddingID: "w2"}, {Organization: "org-1"}, {Milestone: "final_payment"}} {
		if _, err := c.ListPoints(t.Context(), bound, in); keepsake.CodeOf(err) != keepsake.CodeForbidden {
			t.Errorf("somebody of org-1 asks for %+v: %v", in, err)
		}
	}
	if page, err := c.ListPoints(t.Context(), bound,
		console.PointsInput{WeddingID: "w1", Milestone: "final_payment"}); err != nil || len(page.Points) != 1 ||
		page.Points[0].Weddings[0].WeddingID != "w1" {
		t.Errorf("somebody of org-1 asks for its wedding: %+v, %v", page, err)
	}

	var ids []string
	for actor, in := range map[*keepsake.Actor]console.StartBackupInput{
		&bound: {Type: keepsake.BackupIncremental, WeddingID: "w1"},
		&admin: {Type: keepsake.BackupIncremental, WeddingID: "w2"}} {
		o, err := c.StartBackup(t.Context(), *actor, in)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CancelOperation(t.Context(), admin, o.ID); err != nil { // one at a time
			t.Fatal(err)
		}
		ids = append(ids, o.ID)
	}
	for _, x := range []struct {
		actor keepsake.Actor
		in    console.ListInput
		want  int
	}{
		// The backups that made the four points are listed too: no console has started them.
		{admin, console.ListInput{}, len(ids) + 4}, {admin, console.ListInput{Organization: "org-1"}, 2},
		{admin, console.ListInput{Organization: "org-2"}, 2},
		{admin, console.ListInput{Organization: "org-2", WeddingID: "w1"}, 0},
		{bound, console.ListInput{}, 1}, {bound, console.ListInput{Organization: "org-1"}, 1},
		{bound, console.ListInput{Organization: "org-2"}, 0},
	} {
		if page, err := c.ListOperations(t.Context(), x.actor, x.in); err != nil || len(page.Operations) != x.want {
			t.Errorf("%s, %+v: %d operations, want %d, %v", x.actor.Name, x.in, len(page.Operations), x.want, err)
		}
	}
	e.down = keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	if page, err := c.ListPoints(t.Context(), admin, console.PointsInput{Organization: "org-1"}); err != nil ||
		len(page.Points) != 1 {
		t.Errorf("the newest recovery point says whose weddings are whose: %+v, %v", page, err)
	}
	e.points = nil
	if _, err := c.ListPoints(t.Context(), admin, console.PointsInput{Organization: "org-1"}); keepsake.CodeOf(
		err) != keepsake.CodeUnavailable {
		t.Errorf("nobody can say whose weddings are whose: %v", err)
	}
}
