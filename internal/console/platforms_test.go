package console_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/scope"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
	"github.com/wedsync/keepsake/web"
)

// otherFirst is bound to an organization of another platform that has the key of ofFirst's.
var otherFirst = keepsake.Actor{
	ID:           "21",
	Name:         "two@example.org",
	Role:         keepsake.RoleSuperAdmin,
	Platform:     "other",
	Organization: "1",
}

// twoPlatforms is a console with two platforms whose organizations and weddings have equal keys.
type twoPlatforms struct {
	*world
	c           *console.Console
	main, other *engine.Engine
}

func newTwoPlatforms(t *testing.T) *twoPlatforms {
	t.Helper()
	w := &twoPlatforms{world: newWorld(t)}
	w.main = platformOf(t, "The Orchard Barn", "Own ", "1")
	w.other = platformOf(t, "Rose & Oak", "Couple 3 of ", "3") // notTheirs finds them
	w.c = w.console(w.main, func(d *console.Deps) {
		d.Platforms = []console.Platform{{Name: "main", Engine: w.main, Scopes: w.main},
			{Name: "other", Engine: w.other, Scopes: w.other}}
	})
	if err := w.c.SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run(w.c, true)
	return w
}

// platformOf is the engine of a platform that has lost guests since its only backup: one organization, three weddings.
func platformOf(t *testing.T, organization, couple, guestOf string) *engine.Engine {
	t.Helper()
	url := testenv.DB(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`create table organizations (id int primary key, name text);
		create table weddings (id int primary key, couple text, wedding_date date, organization_id int references
			organizations);
		create table guests (id int primary key, wedding_id int references weddings, name text)`)
	exec("insert into organizations values (1, $1)", organization)
	exec("insert into weddings select i, $1 || i, current_date + i, 1 from generate_series(1, 3) i", couple)
	exec("insert into guests select i, 1 + i % 3, 'Guest ' || i || ' of ' || $1 from generate_series(1, 30) i", guestOf)
	e := realEngine(t, url)
	if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupFull}, engine.Discard); err != nil {
		t.Fatal(err)
	}
	exec("delete from guests where wedding_id = 1")
	return e
}

// theirs is what the organization of the other platform has done with the wedding whose key both platforms have, and
// what concerns the other platform as a whole.
func (w *twoPlatforms) theirs() theirs {
	w.t.Helper()
	ctx := w.t.Context()
	done := func(a keepsake.Actor, o console.Operation, err error) console.Operation {
		w.t.Helper()
		if err == nil {
			o, err = w.c.Await(ctx, a, o.ID, time.Minute)
		}
		if err != nil || o.State != console.StateDone || o.Platform != "other" {
			w.t.Fatalf("%+v, %v", o, err)
		}
		return o
	}
	points, err := w.c.ListPoints(ctx, admin, console.PointsInput{Platform: "other"})
	if err != nil || len(points.Points) != 1 || points.Points[0].Platform != "other" {
		w.t.Fatalf("%+v, %v", points, err)
	}
	x := theirs{wedding: "1", point: points.Points[0].ID}
	in := console.ScopedInput{Scope: theWedding(x.wedding), Point: x.point, Mode: scope.Missing}
	p, err := w.c.PreviewScope(ctx, otherFirst, in)
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.c.RestoreScope(ctx, otherFirst, console.RestoreScopeInput{
		ScopedInput:  in,
		Fingerprint:  p.Fingerprint,
		Name:         p.Name,
		Confirmation: p.Name,
	})
	o = done(otherFirst, o, err)
	x.restore = o.Asked.Restore
	x.operations = append(x.operations, o.ID)
	o, err = w.c.StartBackup(ctx, admin, console.StartBackupInput{
		Platform: "other",
		Type:     keepsake.BackupFull,
		Note:     "what only they know",
	})
	x.operations = append(x.operations, done(admin, o, err).ID)
	o, err = w.c.StartVerify(ctx, admin, console.StartVerifyInput{Point: x.point}) // of a point: that says which platform
	x.operations = append(x.operations, done(admin, o, err).ID)
	if err := w.c.SaveMilestone(ctx, otherFirst, console.SaveMilestoneInput{
		WeddingID: x.wedding,
		Name:      "what only they know",
		Day:       time.Now(),
	}); err != nil {
		w.t.Fatal(err)
	}
	return x
}

// unzipped is what the files of an archive hold, one after the other.
func unzipped(archive []byte) (string, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, f := range r.File {
		file, err := f.Open()
		if err != nil {
			return "", err
		}
		if _, err := io.Copy(&all, file); err != nil {
			return "", err
		}
		if err := file.Close(); err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

const ofOtherPlatform = `select coalesce(hashtext(string_agg(r, ',' order by r)), 0) from (
	select o::text r from backup_operations o where platform = 'other' union all
	select m::text from wedding_milestones m where platform = 'other' union all
	select l::text from rate_limits l where platform = 'other' union all
	select p::text from recovery_points p where platform = 'other') all_rows`

// TestNoUseCaseShowsAnotherPlatform calls every use case as an organization's admin who asks for what is of another
// platform's organization with the same key, by keys and ids that are those of the other: nothing of it is shown, and
// nothing is changed.
func TestNoUseCaseShowsAnotherPlatform(t *testing.T) {
	t.Parallel()
	w := newTwoPlatforms(t)
	x := w.theirs()
	cases := useCases(w.c, x)
	cases["ExportScope"] = func(ctx context.Context, a keepsake.Actor) (any, error) {
		var out bytes.Buffer // of their own wedding of that key
		if err := w.c.ExportScope(ctx, a, rewind(x.wedding), scope.ExportAs{Format: "json"}, &out); err != nil {
			return nil, err
		}
		own, err := unzipped(out.Bytes())
		if err != nil || !strings.Contains(own, " 1") {
			return nil, fmt.Errorf("an archive of %q: %w", own, err)
		}
		at := rewind(x.wedding)
		at.Point = x.point
		theirs, err := exported(func(out io.Writer) error {
			return w.c.ExportScope(ctx, a, at, scope.ExportAs{Format: "json"}, out)
		})
		return []any{own, theirs}, err
	}
	seen := map[string]bool{} // by whom it is: the words are there to be seen
	for _, name := range []string{"Dashboard", "ListWeddings", "GetWedding", "GetOperation", "PreviewScope",
		"GetScopedRestore", "ListAudit"} {
		shown, err := cases[name](t.Context(), otherFirst)
		raw, _ := json.Marshal(shown)
		if seen[name] = notTheirs.Match(raw); !seen[name] {
			t.Errorf("%s shows the other platform's own admin nothing: %v: %s", name, err, raw)
		}
	}
	before := w.count(ofOtherPlatform)
	showNothing(t, reflect.TypeFor[*console.Console](), cases)
	if w.count(ofOtherPlatform) != before {
		t.Error("rows of the other platform were changed")
	}
	if n := w.count("select count(*) from backup_operations where platform = 'main' and organization = '1'"); n == 0 {
		t.Error("what they may do of their own platform was refused as well: this proves little")
	}
	if _, err := w.c.ListPoints(t.Context(), ofFirst, console.PointsInput{Platform: "other"}); keepsake.CodeOf(err) !=
		keepsake.CodeForbidden {
		t.Errorf("the other platform by its name: %v", err)
	}
	for name, actor := range map[string]keepsake.Actor{
		"an organization of no platform": {ID: "31", Role: keepsake.RoleSuperAdmin, Organization: "1"},
		"one that is not there":          {ID: "32", Role: keepsake.RoleSuperAdmin, Platform: "third", Organization: "1"},
	} {
		if _, err := w.c.ListWeddings(t.Context(), actor, console.WeddingsInput{}); keepsake.CodeOf(err) !=
			keepsake.CodeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bearers lets a token be whose it says.
type bearers struct {
	handlers.Credentials
	who map[string]keepsake.Actor
}

func (b bearers) ResolveToken(_ context.Context, token, _ string) (keepsake.Actor, error) {
	if a, ok := b.who[token]; ok {
		return a, nil
	}
	return keepsake.Actor{}, keepsake.Errorf(keepsake.CodeForbidden, "The token is not valid.")
}

// TestTheAPITellsPlatformsApart asks every list of the API, and for what has an id, as both organizations of one key.
func TestTheAPITellsPlatformsApart(t *testing.T) {
	t.Parallel()
	w := newTwoPlatforms(t)
	x := w.theirs()
	scopes := []keepsake.Permission{keepsake.MayRead, keepsake.MayBackup, keepsake.MayRestore}
	who := map[string]keepsake.Actor{"first": ofFirst, "other": otherFirst, "admin": admin}
	for name, a := range who {
		a.Permissions = scopes
		who[name] = a
	}
	pages, err := web.New(web.Deps{
		Console:       w.c,
		Credentials:   bearers{who: who},
		Logger:        testLog(t),
		SessionSecret: "0123456789abcdef0123456789abcdef",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	get := func(token, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	const points = "/backups/recovery-points"
	own := 0
	for _, path := range []string{"/operations", "/operations?platform=other", "/operations?wedding=1", points,
		points + "?platform=other", points + "?wedding=1", points + "/" + x.point, "/weddings", "/weddings/1",
		"/weddings/1/contacts", "/weddings/1/then?point=" + x.point, "/backups/" + x.operations[0],
		"/backups/" + x.operations[1], "/backups/" + x.operations[1] + "/log", "/backups/restores/" + x.restore,
		"/backups/status", "/audit", "/tests", "/compliance", "/providers", "/organizations"} {
		// What was asked for comes back in the words of a refusal, and on record.
		status, body := get("first", path)
		told := status == http.StatusOK && path != "/audit" && slices.ContainsFunc(append(x.operations, x.point, x.restore),
			func(id string) bool { return strings.Contains(body, id) })
		if status >= 500 || notTheirs.MatchString(body) || told {
			t.Errorf("GET %s shows what is another platform's: %d %s", path, status, body)
		}
		if status, body := get("other", path); status == http.StatusOK && (notTheirs.MatchString(body) ||
			strings.Contains(body, `"platform":"other"`)) {
			own++
		}
	}
	if own < 5 {
		t.Errorf("%d answers hold what is the other platform's: this proves little", own)
	}
	for path, want := range map[string][]string{
		"/operations?platform=other":  {`"platform":"other"`},
		points + "?platform=other":    {x.point, `"platform":"other"`},
		points + "/" + x.point:        {`"platform":"other"`},
		"/backups/" + x.operations[1]: {`"platform":"other"`},
		points:                        {`"platform":"main"`},
	} {
		status, body := get("admin", path)
		for _, part := range want {
			if status != http.StatusOK || !strings.Contains(body, part) {
				t.Errorf("GET %s says nothing of %s: %d %s", path, part, status, body)
			}
		}
		if strings.Contains(path, "other") && strings.Contains(body, `"platform":"main"`) {
			t.Errorf("GET %s shows the first platform's: %s", path, body)
		}
	}
	if status, body := get("admin", points+"?platform=third"); status != http.StatusUnprocessableEntity {
		t.Errorf("a platform that is not there: %d %s", status, body)
	}
}

// undos is the part of a platform's repository that knows its restores.
type undos struct {
	console.Scopes
	known map[string]*scope.Undo
	away  bool
}

func (u undos) ReadUndo(_ context.Context, restore string) (*scope.Undo, error) {
	if u.away {
		return nil, keepsake.Errorf(keepsake.CodeUnavailable, "No provider answers.")
	}
	if u.known[restore] == nil {
		return nil, keepsake.Errorf(keepsake.CodeNotFound, "There is no such restore.")
	}
	return u.known[restore], nil
}

// TestOnePlatformsOutageHidesNoOthersRestore: each repository is asked. Where none knows the restore, one that could
// not be asked may still know it.
func TestOnePlatformsOutageHidesNoOthersRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.console(newFakeEngine(), func(d *console.Deps) {
		d.Platforms = []console.Platform{
			{Name: "north", Engine: newFakeEngine(), Scopes: undos{away: true}},
			{Name: "south", Engine: newFakeEngine(), Scopes: undos{known: map[string]*scope.Undo{"r1": {Restore: "r1"}}}},
		}
	})
	if u, err := c.GetScopedRestore(t.Context(), admin, "r1"); err != nil || u.Restore != "r1" {
		t.Errorf("a restore of the platform that answers: %+v, %v", u, err)
	}
	if _, err := c.GetScopedRestore(t.Context(), admin, "r2"); keepsake.CodeOf(err) != keepsake.CodeUnavailable {
		t.Errorf("one that nobody knows who answers: %v", err)
	}
}

// TestOneBackupOfEachPlatform: a backup keeps another one of its platform out, and none of another platform.
func TestOneBackupOfEachPlatform(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	main, started := blocking()
	other, otherStarted := blocking()
	c := w.console(main, func(d *console.Deps) {
		d.Platforms = []console.Platform{{Engine: main}, {Name: "other", Engine: other}}
		d.Limits = map[keepsake.BackupType]int{keepsake.BackupFull: 1}
	})
	w.run(c, true)
	start := func(platform string, as keepsake.BackupType) (console.Operation, error) {
		return c.StartBackup(t.Context(), admin, console.StartBackupInput{Platform: platform, Type: as})
	}
	first, err := start("", keepsake.BackupFull)
	if err != nil || first.Platform != keepsake.DefaultPlatform {
		t.Fatalf("%+v, %v", first, err)
	}
	<-started
	if o, err := start("main", keepsake.BackupIncremental); keepsake.CodeOf(err) != keepsake.CodeConflict ||
		o.ID != first.ID || !strings.Contains(keepsake.MessageOf(err), "A backup is running already.") {
		t.Errorf("a second one of the platform: %+v, %v", o, err)
	}
	second, err := start("other", keepsake.BackupFull) // nor does the limit of one count at the other
	if err != nil || second.Platform != "other" {
		t.Fatalf("one of another platform: %+v, %v", second, err)
	}
	<-otherStarted
	if n := w.count("select count(*) from slots where name = 'backup'"); n != 2 {
		t.Errorf("%d slots are held, want one of each platform", n)
	}
	for _, o := range []console.Operation{first, second} {
		if err := c.CancelOperation(t.Context(), admin, o.ID); err != nil {
			t.Fatal(err)
		}
		await(t, c, o.ID, console.StateCancelled)
	}
	if n := w.count("select count(*) from slots"); n != 0 {
		t.Errorf("%d slots are left", n)
	}
	if _, err := start("third", keepsake.BackupFull); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("a platform that is not there: %v", err)
	}
}

// TestARepositoryIsOnePlatforms: a repository that was copied, or a platform that was renamed, takes no recovery point
// away from the platform that has it.
func TestARepositoryIsOnePlatforms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newFakeEngine()
	e.points = []engine.Point{fakePoint("20260101T000000Z-aa", time.Now(), "local")}
	if err := w.console(e).SyncPoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.points[0].Note = "another's"
	renamed := w.console(e, func(d *console.Deps) { d.Platforms[0].Name = "renamed" })
	if err := renamed.SyncPoints(t.Context()); keepsake.CodeOf(err) != keepsake.CodeConflict ||
		!strings.Contains(keepsake.MessageOf(err), `"main"`) {
		t.Errorf("%v", err)
	}
	if n := w.count("select count(*) from recovery_points where platform = 'main' and note = ''"); n != 1 {
		t.Error("the recovery point was changed, or is another platform's now")
	}
}

// TestPlatformNames: names are told apart, and are names.
func TestPlatformNames(t *testing.T) {
	t.Parallel()
	e := newFakeEngine()
	for name, platforms := range map[string][]console.Platform{"none": nil, "two of a name": {{Engine: e}, {
		Name:   "main",
		Engine: e,
	}}, "no name": {{Name: "The platform", Engine: e}}} {
		if _, err := console.New(console.Deps{Platforms: platforms}); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
