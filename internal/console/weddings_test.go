package console_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestWeddingsOutliveThePlatform: the list and a wedding's page come from the newest recovery point when the platform
// is away, and so does a wedding that the platform has lost.
func TestWeddingsOutliveThePlatform(t *testing.T) {
	t.Parallel()
	whole := []string{"local", "s3", "away"}
	w, e := newWorld(t), newFakeEngine()
	now := time.Now()
	e.points = []engine.Point{fakePoint("b", now.Add(-time.Hour), whole...),
		fakePoint("a", now.Add(-2*time.Hour), whole...)}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := c.ListWeddings(t.Context(), admin, console.WeddingsInput{Limit: 1})
	if err != nil || len(page.Weddings) != 1 || page.Next == "" || page.Missing != "" || page.Newest == nil ||
		page.Newest.ID != "b" {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = c.ListWeddings(t.Context(), admin, console.WeddingsInput{Cursor: page.Next, Search: " "}); err != nil ||
		len(page.Weddings) != 1 || page.Weddings[0].ID != "w2" || page.Next != "" {
		t.Errorf("the second page: %+v, %v", page, err)
	}
	e.undecided = true
	if page, err = c.ListWeddings(t.Context(), admin, console.WeddingsInput{Limit: 1}); err != nil ||
		page.Weddings[0].Phase != keepsake.PhasePlanning || page.Weddings[0].Urgency != keepsake.UrgencyNormal {
		t.Errorf("a wedding without a day: %+v, %v", page, err)
	}
	if page, err = c.ListWeddings(t.Context(), admin, console.WeddingsInput{Cursor: page.Next}); err != nil ||
		len(page.Weddings) != 1 {
		t.Errorf("after a wedding without a day: %+v, %v", page, err)
	}
	e.undecided = false
	lost, err := c.GetWedding(t.Context(), admin, "lost")
	if err != nil || lost.Couple != "L & M" || !strings.Contains(lost.Missing, "not in the platform any more") ||
		len(lost.Points) != 2 {
		t.Errorf("a wedding that is gone: %+v, %v", lost, err)
	}
	e.down = keepsake.Errorf(keepsake.CodeUnavailable, "the platform is away")
	if page, err = c.ListWeddings(t.Context(), admin, console.WeddingsInput{}); err != nil || len(page.Weddings) != 2 ||
		page.Missing == "" || page.From.IsZero() {
		t.Errorf("without the platform: %+v, %v", page, err)
	}
	bound := admin
	bound.Platform, bound.Organization = "main", "org-2"
	if page, err = c.ListWeddings(t.Context(), bound, console.WeddingsInput{}); err != nil || len(page.Weddings) != 1 ||
		page.Weddings[0].ID != "w2" {
		t.Errorf("of an organization: %+v, %v", page, err)
	}
	if _, err := c.GetWedding(t.Context(), bound, "w1"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("another organization's wedding: %v", err)
	}
	for _, in := range []console.WeddingsInput{{Search: strings.Repeat("x", 201)}, {Search: "a\x00b"}, {Cursor: "50"},
		{Cursor: "e30"}, {Cursor: "not%one"}, {Cursor: "eyJPbiI6MSwiRGF5Ijo5OTk5OTk5OTk5OTksIklEIjoieCJ9"}} {
		if _, err := c.ListWeddings(t.Context(), admin, in); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// TestMilestonesOfAWedding are set, moved and forgotten, on record; the one that follows from the wedding's day stays.
func TestMilestonesOfAWedding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	save := func(name, on string, want keepsake.Code) {
		t.Helper()
		in := console.SaveMilestoneInput{WeddingID: "w1", Name: name}
		if on != "" {
			in.Day = day(on)
		}
		if err := c.SaveMilestone(t.Context(), admin, in); (err == nil) != (want == "") || err != nil &&
			keepsake.CodeOf(err) != want {
			t.Errorf("%s on %s: %v", name, on, err)
		}
	}
	save(" Final payment", "2020-05-01", "")
	save("final_payment", "2020-05-02", "")
	save("tasting", "2020-04-01", "")
	save("tasting", "", "")
	save("", "2020-04-01", keepsake.CodeInvalid)
	save("day_before_wedding", "2020-04-01", keepsake.CodeInvalid)
	save(strings.Repeat("x", 61), "2020-04-01", keepsake.CodeInvalid)
	save("never_set", "", keepsake.CodeConflict)
	for i := range 19 {
		save(fmt.Sprint("more", i), "2020-06-01", "")
	}
	save("one_too_many", "2020-06-01", keepsake.CodeInvalid)
	save("more0", "2020-06-02", "") // moving one adds none
	for i := range 19 {
		save(fmt.Sprint("more", i), "", "")
	}
	got, err := c.GetWedding(t.Context(), admin, "w1")
	if err != nil || len(got.Milestones) != 2 || got.Milestones[0].Name != "final_payment" ||
		!got.Milestones[0].Day.Equal(day("2020-05-02")) || !got.Milestones[1].Derived {
		t.Errorf("%+v, %v", got.Milestones, err)
	}
	bound := admin
	bound.Platform, bound.Organization = "main", "org-2"
	if err := c.SaveMilestone(t.Context(), bound,
		console.SaveMilestoneInput{WeddingID: "w1", Name: "mine", Day: day("2020-01-01")}); keepsake.CodeOf(
		err) != keepsake.CodeForbidden {
		t.Errorf("an account bound to an organization: %v", err)
	}
	bound.Organization = "org-1" // whose wedding it is by now, but not this milestone
	w.past("wedding_milestones", "update wedding_milestones set organization = 'org-2' where name = 'final_payment'")
	if err := c.SaveMilestone(t.Context(), bound, console.SaveMilestoneInput{WeddingID: "w1",
		Name: "final_payment"}); keepsake.CodeOf(err) != keepsake.CodeConflict {
		t.Errorf("an organization forgets what another one has set: %v", err)
	}
	page, err := c.ListAudit(t.Context(), admin, audit.Filter{Action: string(audit.MilestoneSave)})
	if err != nil || page.Rows[0].Outcome != audit.Refused {
		t.Errorf("on record: %+v, %v", page.Rows[0], err)
	}
}

// TestABackupIsMadeForAWedding: by hand, with its milestone; the wedding must exist and the type must hold it.
func TestABackupIsMadeForAWedding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine())
	start := func(in console.StartBackupInput) (console.Operation, keepsake.Code) {
		o, err := c.StartBackup(t.Context(), admin, in)
		if err == nil {
			return o, ""
		}
		return o, keepsake.CodeOf(err)
	}
	for _, x := range []struct {
		in   console.StartBackupInput
		want keepsake.Code
	}{
		{console.StartBackupInput{Type: keepsake.BackupCritical, WeddingID: "w1"}, keepsake.CodeInvalid},
		{console.StartBackupInput{Type: keepsake.BackupFull, Milestone: "tasting"}, keepsake.CodeInvalid},
		{console.StartBackupInput{Type: keepsake.BackupFull, WeddingID: "nobody"}, keepsake.CodeNotFound},
	} {
		if _, code := start(x.in); code != x.want {
			t.Errorf("%+v: %q", x.in, code)
		}
	}
	o, code := start(console.StartBackupInput{Type: keepsake.BackupFull, WeddingID: "w2", Milestone: "Final payment"})
	if code != "" || len(o.Weddings) != 1 || o.Weddings[0].Milestone != "final_payment" || o.Weddings[0].Date == "" {
		t.Errorf("%+v, %q", o, code)
	}
}

// TestPointMarksAreSaved: note, labels and lock go to the repository and to this console, on record, and stay when the
// repository's list is read again.
func TestPointMarksAreSaved(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local", "s3", "away")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	none := map[string]string{}
	for _, in := range []console.SavePointInput{
		{ID: "a", Note: new("before the move"), Labels: map[string]string{"app": "4.2"}, Locked: new(true)},
		{ID: "a", Note: new(""), Labels: none, Locked: new(false)}} {
		if err := c.SavePoint(t.Context(), admin, in); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			d, err := c.GetPoint(t.Context(), admin, "a")
			if err != nil || d.Point.Note != *in.Note || d.Point.Labels["app"] != in.Labels["app"] ||
				d.Point.Locked != *in.Locked {
				t.Errorf("%+v became %+v, %v", in, d.Point.Point, err)
			}
			if err := c.SyncPoints(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id, in := range map[keepsake.Code]console.SavePointInput{
		keepsake.CodeInvalid: {ID: "a", Note: new(strings.Repeat("x", 501))}, keepsake.CodeNotFound: {ID: "nobody"}} {
		if err := c.SavePoint(t.Context(), admin, in); keepsake.CodeOf(err) != id {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// TestPointMarksChangedAtOnce: who is slower by a moment takes back nothing that the other has saved, here or in the
// repository.
func TestPointMarksChangedAtOnce(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newFakeEngine()
	e.points = []engine.Point{fakePoint("a", time.Now(), "local")}
	c := w.console(e)
	if err := c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.marking = func() {
		e.marking = nil
		if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "a", Locked: new(true)}); err != nil {
			t.Error(err)
		}
	}
	if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "a", Note: new("before the move")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if d, err := c.GetPoint(t.Context(), admin, "a"); err != nil || d.Point.Note != "before the move" || !d.Point.Locked {
			t.Errorf("%+v, %v", d.Point.Point, err)
		}
		if err := c.SyncPoints(t.Context()); err != nil { // what the repository says
			t.Fatal(err)
		}
	}
	e.marking = func() {
		w.past("recovery_points", "update recovery_points set locked = not locked")
	}
	if err := c.SavePoint(t.Context(), admin, console.SavePointInput{ID: "a", Note: new("never")}); keepsake.CodeOf(
		err) != keepsake.CodeConflict {
		t.Errorf("others never end: %v", err)
	}
}

// blind reads a wedding's vendors and cannot look for damage.
type blind struct{ console.Scopes }

func (blind) WeddingAt(context.Context, engine.ScopeInput) (engine.WeddingAt, error) {
	return engine.WeddingAt{Point: "a", Contacts: []scope.Contact{{Name: "Bloom", Phone: "+44 1632 960001"}}}, nil
}

func (blind) FindDamage(context.Context, engine.ScopeInput, []string) (engine.Damage, bool, error) {
	return engine.Damage{}, false, keepsake.Errorf(keepsake.CodeUnavailable, "provider attic does not answer")
}

// TestContactsKnowThatNobodyLooked: what keeps somebody from looking for vendors that are gone keeps no number back,
// and is said.
func TestContactsKnowThatNobodyLooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), func(d *console.Deps) { d.Platforms[0].Scopes = blind{} })
	got, err := c.FindContacts(t.Context(), admin, "w1", "")
	if err != nil || len(got.Contacts) != 1 || keepsake.CodeOf(got.Unsure) != keepsake.CodeUnavailable {
		t.Errorf("%+v, %v", got, err)
	}
}
