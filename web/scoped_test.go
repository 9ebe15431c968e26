package web_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// fakeScopes answers for one wedding. What was asked of it is kept.
type fakeScopes struct {
	preview    *scope.Preview
	applied    []console.RestoreScopeInput
	startedErr error // why it does not start
	applyErr   error // how the operation ends
	undone     []string
	undoErr    error // how that operation ends
	refused    []string
	slow       bool // it has not ended when the form stops waiting
	ended      console.Operation
	exported   []console.ScopedInput
	approval   string                // why somebody else has to approve
	judged     []console.ScopedInput // what was asked of that
	damage     *engine.Damage        // nil: one that the point of the tests is from before
	damageErr  error                 // why it cannot be looked for
	read       chan struct{}         // damage is not found before a preview or a restore has come this far
	looks      atomic.Int32          // how often damage was looked for
}

func (f *fakeScopes) PreviewScope(_ context.Context, _ keepsake.Actor, in console.ScopedInput) (*scope.Preview, error) {
	if id := in.Scope.WeddingID(); f.preview == nil || id != "" && id != f.preview.ID {
		return nil, keepsake.Errorf(keepsake.CodeNotFound,
			"public.weddings has no row %s at recovery point %s", id, in.Point)
	}
	p := *f.preview
	f.cameThisFar()
	p.Mode = in.Mode
	if in.Point != "latest" {
		p.Point = in.Point
	}
	return &p, nil
}

func (f *fakeScopes) cameThisFar() {
	if f.read != nil {
		close(f.read)
	}
}

func (f *fakeScopes) NeedsSecondApprover(_ context.Context, _ keepsake.Actor, in console.ScopedInput) (string, error) {
	f.judged = append(f.judged, in)
	return f.approval, nil
}

func (f *fakeScopes) RestoreScope(
	_ context.Context, _ keepsake.Actor, in console.RestoreScopeInput,
) (console.Operation, error) {
	if in.Confirmation != in.Name {
		return console.Operation{}, keepsake.Errorf(keepsake.CodeInvalid, "Type the name.")
	}
	if f.startedErr != nil {
		return console.Operation{}, f.startedErr
	}
	f.applied = append(f.applied, in)
	f.cameThisFar()
	f.ended = console.Operation{
		ID:     "op",
		Kind:   console.KindScoped,
		State:  console.StateDone,
		Asked:  &console.RestoreAsked{ScopedInput: in.ScopedInput, Name: in.Name},
		Scoped: &engine.ScopeResult{Restore: "20261123T120000Z-000000000001"},
	}
	if f.applyErr != nil {
		f.ended.State, f.ended.ErrorCode, f.ended.ErrorMessage = console.StateFailed, keepsake.CodeOf(f.applyErr),
			keepsake.MessageOf(f.applyErr)
	}
	return f.ended, nil
}

func (f *fakeScopes) Await(context.Context, keepsake.Actor, string, time.Duration) (console.Operation, error) {
	if f.slow {
		return console.Operation{ID: "op", Kind: console.KindScoped, State: console.StateRunning}, nil
	}
	return f.ended, nil
}

func (f *fakeScopes) GetScopedRestore(_ context.Context, _ keepsake.Actor, restore string) (*scope.Undo, error) {
	return &scope.Undo{
		Restore:   restore,
		Time:      time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		ID:        f.preview.ID,
		Name:      f.preview.Name,
		Tables:    f.preview.Tables,
		OfWedding: true,
	}, nil
}

func (f *fakeScopes) UndoScope(_ context.Context, _ keepsake.Actor, restore string) (console.Operation, error) {
	f.undone = append(f.undone, restore)
	f.ended = console.Operation{
		ID:     "op",
		Kind:   console.KindScoped,
		State:  console.StateDone,
		Scoped: &engine.ScopeResult{Restore: "20261123T120500Z-000000000002", Refused: f.refused},
	}
	if f.undoErr != nil {
		f.ended.State, f.ended.Scoped = console.StateFailed, nil
		f.ended.ErrorCode, f.ended.ErrorMessage = keepsake.CodeOf(f.undoErr), keepsake.MessageOf(f.undoErr)
	}
	return f.ended, nil
}

func (f *fakeScopes) WeddingsByID(_ context.Context, _ keepsake.Actor, ids []string) (list []console.Wedding,
	err error) {
	for _, id := range ids {
		list = append(list, console.Wedding{
			Wedding:  engine.Wedding{ID: id, Couple: "Ada & Ben", Date: moment},
			DaysLeft: 3,
			Phase:    keepsake.PhasePreparation,
			Urgency:  keepsake.UrgencyUrgent,
		})
	}
	return list, nil
}

func (f *fakeScopes) ListOrganizations(
	_ context.Context, _ keepsake.Actor, search, _ string,
) (console.OrganizationPage, error) {
	if search == "nobody" {
		return console.OrganizationPage{}, nil
	}
	return console.OrganizationPage{
		Organizations: []engine.Organization{{ID: "o 1", Name: "The <Orchard> Barn", Weddings: 7}},
		Next:          "n&xt",
		Newest:        "p1",
	}, nil
}

func (f *fakeScopes) ExportScope(_ context.Context, _ keepsake.Actor, in console.ScopedInput, as scope.ExportAs,
	w io.Writer) error {
	f.exported = append(f.exported, in)
	if in.Scope.WeddingID() == "nobody" {
		return keepsake.Errorf(keepsake.CodeNotFound, "There is no such wedding.")
	}
	return scope.Export(w, []scope.TableRows{{
		Table:   "public.guests",
		Belongs: scope.Owned,
		Columns: f.preview.Tables[0].Columns,
		Rows:    [][]*string{words("1", "=HYPERLINK(\"x\")"), {words("2")[0], nil}},
	}},
		as)
}

func (f *fakeScopes) GetWeddingAt(
	_ context.Context, _ keepsake.Actor, wedding, point string,
) (engine.WeddingAt, error) {
	if f.preview == nil || wedding != f.preview.ID {
		return engine.WeddingAt{}, keepsake.Errorf(keepsake.CodeNotFound,
			"public.weddings has no row %s at recovery point %s", wedding, point)
	}
	return engine.WeddingAt{
		Point:       "20261123T070500Z-aa",
		Time:        f.preview.PointTime,
		Name:        f.preview.Name,
		ChunksRead:  7,
		ChunksTotal: 95,
		Contacts: []scope.Contact{{
			Kind:  "florist",
			Name:  "Rose & Thistle",
			Who:   "Ada O'Brien",
			Phone: "+44 1632 960001",
			Email: "hello@example.org",
			Place: "Bath",
		}},
		Tables: []scope.TableRows{{
			Table:   "public.guests",
			Belongs: scope.Owned,
			Columns: f.preview.Tables[0].Columns,
			Rows:    [][]*string{words("1", "=HYPERLINK(\"x\")"), {words("2")[0], nil}},
		}},
	}, nil
}

func (f *fakeScopes) FindContacts(ctx context.Context, actor keepsake.Actor, wedding, point string) (
	console.WeddingContacts, error) {
	at, err := f.GetWeddingAt(ctx, actor, wedding, point)
	return console.WeddingContacts{WeddingAt: at, Unsure: f.damageErr}, err
}

func (f *fakeScopes) LookAtWedding(ctx context.Context, actor keepsake.Actor, wedding, point string) (
	console.WeddingLook, error) {
	at, err := f.GetWeddingAt(ctx, actor, wedding, point)
	return console.WeddingLook{WeddingAt: at, Now: map[string]int64{}, Unsure: f.damageErr}, err
}

func (f *fakeScopes) FindDamage(ctx context.Context, _ keepsake.Actor, in console.ScopedInput) (*engine.Damage, error) {
	f.looks.Add(1)
	if f.read != nil {
		select {
		case <-f.read:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if f.damageErr != nil {
		return nil, f.damageErr
	}
	if f.preview == nil || in.Scope.WeddingID() != f.preview.ID && in.Scope.OrganizationID() == "" {
		return nil, nil //nolint:nilnil // none is found
	}
	if f.damage != nil {
		return f.damage, nil
	}
	return &engine.Damage{Point: "20261123T070500Z-aa", From: moment, Rows: 95, Gone: 28, Safe: true}, nil
}

func words(list ...string) []*string {
	out := make([]*string, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// damagedWedding is a preview with a row of every kind, one of them hostile.
func damagedWedding() *scope.Preview {
	return &scope.Preview{
		Point:       "20261123T070500Z-aa",
		PointTime:   time.Date(2026, 11, 23, 7, 5, 0, 0, time.UTC),
		Root:        "public.weddings",
		ID:          "w 1/2",
		Name:        "Zoë & <Łukasz>",
		Fingerprint: "f00d",
		ChunksRead:  7,
		ChunksTotal: 95,
		Tables: []scope.TableChanges{{
			Table:     "public.guests",
			Belongs:   scope.Owned,
			Key:       []string{"id"},
			Columns:   []repository.Column{{Name: "id", Type: "bigint"}, {Name: "name", Type: "text"}},
			Unchanged: 12,
			Notes:     []string{"the column diet was added since: rows that are brought back get its default"},
			Changes: []scope.Change{
				{Op: scope.Insert, After: words("1", "<script>alert(1)</script>")},
				{Op: scope.Update, Before: words("2", "Vandal"), After: words("2", "Ada")},
				{Op: scope.Delete, Before: words("3", "new since")},
				{Op: scope.Insert, After: words("4", "Ben"), Refused: "another row has the same email"}},
		}},
	}
}

func TestAWeddingIsBroughtBackAndTakenBack(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	page := "/weddings/w%201%2F2/restore"
	body := s.get(page + "?point=20261123T070500Z-aa&mode=rewind").want(http.StatusOK).body
	for _, want := range []string{"Zoë &amp; &lt;Łukasz&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;", "<del>Vandal</del>",
		"<ins>Ada</ins>", "Refused: another row has the same email",
		`value="f00d"`, "the column diet was added since", "Read 7 of 95 chunks"} {
		if !strings.Contains(body, want) {
			t.Errorf("the preview lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("a row's value is markup")
	}
	s.get("/weddings/nobody/restore").want(http.StatusNotFound)
	many := s.console.preview.Tables[0]
	for i := range 120 {
		many.Changes = append(many.Changes, scope.Change{
			Op: scope.Insert, After: words(fmt.Sprint(100+i), fmt.Sprintf("Guest number %d", i))})
	}
	s.console.preview.Tables[0] = many
	if a := s.get(page + "?point=20261123T070500Z-aa&mode=rewind").says("and 74 more rows"); strings.Contains(a.body,
		"Guest number 100") || !strings.Contains(a.body, "/restore/rows?from=50&amp;table=public.guests") {
		t.Error("the first page shows all rows, or none")
	}
	s.get(page+"/rows?table=public.guests&from=100").want(http.StatusOK).says("rows 101 to 124 of 124", "Guest number 100")
	// Rows are ticked off on any page of the list, and the ticks travel along.
	ticks := url.Values{"point": {"20261123T070500Z-aa"}, "mode": {"rewind"},
		"skip": {"public.guests id 150", "public.guests id 1"}}
	if a := s.post(page+"/rows?table=public.guests&from=50", ticks).want(http.StatusOK); !strings.Contains(a.body,
		`type="hidden" name="skip" value="public.guests id 1"`) ||
		!strings.Contains(a.body, `value="public.guests id 150" checked`) {
		t.Error("a page of rows forgets what was ticked off")
	}
	if a := s.post(page+"/review", ticks).want(http.StatusOK); !strings.Contains(a.body,
		`type="hidden" name="skip" value="public.guests id 150"`) ||
		!strings.Contains(a.body, `value="public.guests id 1" checked`) {
		t.Error("the comparison forgets what was ticked off")
	}
	s.console.preview.Weddings, s.console.preview.Tables[0].WeddingColumn = map[string]int64{"1": 1, "150": 1, "7": 1},
		"id"
	s.post(page+"/review", ticks).want(http.StatusOK).says("Weddings touched 1")
	s.get(page + "/rows?table=public.nothing&from=0").want(http.StatusNotFound)
	s.get(page + "/rows?table=public.guests&from=-1").want(http.StatusUnprocessableEntity)
	s.console.preview = damagedWedding()
	s.get(page).want(http.StatusOK).says("28 of 95 rows vanished", "Vendors touched", "Payments touched")

	form := comparison(s.post(page+"/review", url.Values{"point": {"20261123T070500Z-aa"}, "mode": {"rewind"},
		"skip": {"public.guests id 3"}}))
	form.Set("confirm", "somebody")
	if a := s.post(page, form).want(http.StatusUnprocessableEntity); !strings.Contains(a.body, "That is not the name") ||
		len(s.console.applied) != 0 {
		t.Error("a wrong confirmation was taken")
	}
	form.Set("confirm", "Zoë & <Łukasz>")
	// Whoever gave the password too long ago gives it again, and comes back to the comparison.
	s.console.startedErr = keepsake.Errorf(keepsake.CodeProof, "Give your password again first.")
	if to := s.post(page, form).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/prove?next=%2Fweddings%2Fw%25201%252F2%2Frestore%3Fmode%3Drewind%26point%3D20261123T070500Z-aa" {
		t.Errorf("goes to %s", to)
	}
	s.get("/prove?next=https://elsewhere.example/").want(http.StatusOK).one("input", "value", "/")
	s.console.startedErr = nil
	s.console.applyErr = keepsake.Errorf(keepsake.CodeConflict,
		"the live rows have changed since the preview, so nothing was written")
	if a := s.post(page, form).want(http.StatusConflict); !strings.Contains(a.body, "Nothing was changed") ||
		!strings.Contains(a.body, "checked") {
		t.Error("a conflict does not show the new preview with what was left out")
	}
	s.console.applyErr = nil
	if to := s.post(page, form).want(http.StatusSeeOther).header.Get(
		"Location"); to != "/restores/20261123T120000Z-000000000001" {
		t.Errorf("goes to %s", to)
	}
	if in := s.console.applied[len(s.console.applied)-1]; in.Fingerprint != "f00d" || in.Mode != scope.Rewind ||
		len(in.Skip) != 1 || in.Scope.WeddingID() != "w 1/2" {
		t.Errorf("%+v", in)
	}
	done := s.get("/restores/20261123T120000Z-000000000001").want(http.StatusOK).says("Undo this restore…")
	if len(done.all("form", "action", "/restores/20261123T120000Z-000000000001/undo")) > 0 ||
		len(done.all("button", "class", "btn btn-danger")) > 0 {
		t.Error("one tap undoes a restore")
	}
	s.get("/restores/20261123T120000Z-000000000001/undo").want(http.StatusOK).says("Undo this restore?",
		"Guests: 1 row that came back is deleted again",
		"1 row that changed gets the values it had before", "1 row that went comes again", "Keep it as it is")
	if len(s.console.undone) != 0 {
		t.Error("asking undoes")
	}
	const undo = "/restores/20261123T120000Z-000000000001/undo"
	s.post(undo, nil).want(http.StatusSeeOther)
	// What was left alone stands at an address of its own: to load it again undoes nothing.
	s.console.refused = []string{"public.guests id 2: the row was changed since"}
	to := s.post(undo, nil).want(http.StatusSeeOther).header.Get("Location")
	s.console.operations["op"] = s.console.ended
	s.get(to).want(http.StatusOK).says("the row was changed since")
	if a := s.get("/restores/20261123T120000Z-000000000001?by=op").want(http.StatusOK); strings.Contains(a.body,
		"the row was changed since") {
		t.Error("another restore shows what this one left alone")
	}
	s.get("/restores/20261123T120000Z-000000000001?by=none").want(http.StatusOK)
	if len(s.console.undone) != 2 {
		t.Errorf("undone: %v", s.console.undone)
	}
	// Only of a conflict it is known that nothing was undone; of anything else the operation says what is known.
	s.console.undoErr = keepsake.Errorf(keepsake.CodeConflict, "The restore was taken back already.")
	s.post(undo, nil).want(http.StatusConflict).says("Nothing was undone", "taken back already")
	for _, code := range []keepsake.Code{keepsake.CodeUnavailable, keepsake.CodeInternal} {
		s.console.undoErr = keepsake.Errorf(code, "Whether it was made is not known.")
		if to := s.post(undo, nil).want(http.StatusSeeOther).header.Get("Location"); to != "/operations/op" {
			t.Errorf("%s goes to %s", code, to)
		}
	}
	// What takes longer than a form waits goes on on its own page.
	s.console.slow = true
	if to := s.post(page, form).want(http.StatusSeeOther).header.Get("Location"); to != "/operations/op" {
		t.Errorf("goes to %s", to)
	}
}

// comparison is the form of a comparison's page as it was drawn.
func comparison(a answer) url.Values {
	a.t.Helper()
	for n := range a.want(http.StatusOK).doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && len(n.Attr) > 0 &&
			slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "data-comparison" }) {
			return fields(n)
		}
	}
	a.t.Fatal("the page has no comparison to confirm")
	return nil
}

// TestOnlyWhatIsShownIsConfirmed changes each choice of a comparison after it was drawn and confirms: nothing is
// changed, and the page that answers shows what the new choice does, which can be confirmed then.
func TestOnlyWhatIsShownIsConfirmed(t *testing.T) {
	t.Parallel()
	for name, choose := range map[string]struct {
		at     string
		change func(url.Values)
		button string
	}{
		"mode": {"/weddings/w%201%2F2/restore", func(v url.Values) { v.Set("mode", "rewind") },
			"Make everything as it was: 1 comes back, 1 changes, 1 goes"},
		"point": {"/weddings/w%201%2F2/restore",
			func(v url.Values) { v.Set("point", "20261122T070500Z-bb") }, "Bring back 1 row"},
		"a row ticked off": {"/weddings/w%201%2F2/restore?mode=rewind",
			func(v url.Values) { v.Add("skip", "public.guests id 3") }, "Make everything as it was: 1 comes back, 1 changes"},
		"a table ticked off": {"/weddings/w%201%2F2/restore?mode=rewind",
			func(v url.Values) { v.Add("skip", "public.guests *") }, ""},
		"tiers": {"/platform/restore?tier=critical",
			func(v url.Values) { v.Add("tier", "high") }, "Bring back 1 row"},
		"everything": {"/platform/restore?tier=critical",
			func(v url.Values) { v.Set("everything", "yes"); v.Del("tier") }, "Bring back 1 row"},
		"organization": {"/platform/restore?organization=o+1",
			func(v url.Values) { v.Set("organization", "o 2") }, "Bring back 1 row"},
		"no choice known": {"/platform/restore?tier=critical", func(v url.Values) { v.Del("shown") }, "Bring back 1 row"},
	} {
		s := signedIn(t)
		s.console.preview = damagedWedding()
		form := comparison(s.get(choose.at))
		form.Set("confirm", form.Get("name"))
		choose.change(form)
		action, _, _ := strings.Cut(choose.at, "?")
		a := s.post(action, form).want(http.StatusConflict).says("Nothing was changed")
		if len(s.console.applied) != 0 {
			t.Fatalf("%s: what was not shown is applied: %+v", name, s.console.applied)
		}
		a.status = http.StatusOK
		if choose.button == "" {
			a.says("Every row that could come back is left out")
			continue
		}
		again := comparison(a.says(choose.button))
		again.Set("confirm", again.Get("name"))
		s.post(action, again).want(http.StatusSeeOther)
		if len(s.console.applied) != 1 || s.console.applied[0].Fingerprint != again.Get("fingerprint") {
			t.Errorf("%s: what is shown cannot be confirmed: %+v", name, s.console.applied)
		}
	}
}

func TestAWeddingIsReadFromARecoveryPoint(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	if a := s.get("/weddings/w%201%2F2/contacts").want(http.StatusOK); !strings.Contains(a.body, "Rose &amp; Thistle") ||
		!strings.Contains(a.body, `href="tel:+441632960001"`) {
		t.Errorf("contacts: %s", a.body)
	}
	if a := s.get("/weddings/w%201%2F2/contacts.csv").want(http.StatusOK); !strings.Contains(a.body,
		"florist,Rose & Thistle,Ada O'Brien") ||
		!strings.Contains(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("contacts as CSV: %s", a.body)
	}
	if a := s.get("/weddings/w%201%2F2/contacts.vcf").want(http.StatusOK); !strings.Contains(a.body,
		"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada O'Brien\r\n") {
		t.Errorf("contacts as vCard: %s", a.body)
	}
	if a := s.get("/weddings/w%201%2F2/then").want(http.StatusOK); !strings.Contains(a.text(),
		"Guests: 0 now, 2 before") || !strings.Contains(a.body, "=HYPERLINK") {
		t.Errorf("the wedding then: %s", a.body)
	}
	a := s.get("/weddings/w%201%2F2/export?format=csv").want(http.StatusOK)
	archive, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil || len(archive.File) != 2 || archive.File[1].Name != "guests.csv" {
		t.Fatalf("export: %v", err)
	}
	f, err := archive.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || string(b) != "id,name\n1,\"'=HYPERLINK(\"\"x\"\")\"\n2,\n" {
		t.Errorf("%q, %v", b, err)
	}
	s.get("/weddings/nobody/contacts").want(http.StatusNotFound)
	s.get("/weddings/w%201%2F2/export?format=exe").want(http.StatusUnprocessableEntity)
}

func TestTiersAndOrganizationsAreBroughtBack(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	s.console.preview.Name, s.console.preview.Weddings = "critical tier", map[string]int64{"w1": 3}
	s.get("/platform/restore").want(http.StatusOK).says("Compare these tiers", "Compare everything")
	s.get("/platform/restore?tier=vip").want(http.StatusUnprocessableEntity)
	s.get("/platform/restore?tier=critical").want(http.StatusOK).says("Bring back the critical tier",
		"Whose day it touches",
		"Ada & Ben", "3 rows")
	form := comparison(s.get("/platform/restore?tier=critical&tier=high"))
	form.Set("confirm", "critical tier")
	s.post("/platform/restore", form).want(http.StatusSeeOther)
	if in := s.console.applied[0]; in.Scope != keepsake.MustScope(keepsake.TierScope("high", "critical")) {
		t.Errorf("%+v", in)
	}
	list := s.get("/organizations").want(http.StatusOK).body
	for _, want := range []string{"The &lt;Orchard&gt; Barn", "/platform/restore?organization=o+1",
		"/points/latest/restore?organization=o+1", "/platform/export?organization=o+1&amp;point=latest&amp;format=csv"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list of organizations lacks %q", want)
		}
	}
	if !strings.Contains(list, "after=n%26xt") || !strings.Contains(s.get("/organizations?search=barn&after=n%26xt").body,
		`href="/organizations?search=barn"`) {
		t.Errorf("no way on and back: %s", list)
	}
	s.get("/organizations?search=nobody").want(http.StatusOK).says("No organization has this in its name")
	s.get("/platform/export?organization=o+1&format=csv").want(http.StatusOK)
	s.get("/platform/export?everything=yes&format=json").want(http.StatusOK)
	if e := s.console.exported; len(e) != 2 || e[0].Scope.OrganizationID() != "o 1" ||
		e[1].Scope != keepsake.Everything() {
		t.Errorf("%+v", e)
	}
	s.get("/weddings/nobody/export?format=csv").want(http.StatusNotFound)
}
