package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// wantLatest checks which recovery point latest means.
func wantLatest(t *testing.T, e *engine.Engine, want, when string) {
	t.Helper()
	p, err := e.Point(t.Context(), "latest")
	if err != nil || p.ID != want {
		t.Errorf("%s: latest is %s, %v; want %s", when, p.ID, err, want)
	}
}

// say marks a recovery point.
func say(t *testing.T, e *engine.Engine, id string, trust keepsake.Trust) {
	t.Helper()
	if _, err := e.MarkPoint(t.Context(), id, engine.PointMark{Trust: trust, By: "ada"}); err != nil {
		t.Fatal(err)
	}
}

// TestASuspectPointIsNotTheLatest: a backup of a platform that has lost most of its guests is taken and says so. latest
// goes on meaning the point before until somebody says that the loss is right.
func TestASuspectPointIsNotTheLatest(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key, name text)", "create table log (id int)",
		"insert into guests select i, 'Guest ' || i from generate_series(1, 200) i", "insert into log values (1)")
	e := engineWith(t, url, providers(t), repository.NewKeyFile())
	sound := backup(t, e, keepsake.BackupFull)
	if sound.Doubts != nil {
		t.Errorf("the first is doubted: %+v", sound.Doubts)
	}
	run(t, url, "delete from guests where id > 20")
	const words = "The other tables of the standard tier hold 21 rows together, and held 201 rows before."
	damaged := backup(t, e, keepsake.BackupIncremental)
	if keepsake.DoubtWords(damaged.Doubts) != words {
		t.Errorf("%+v", damaged.Doubts)
	}
	wantLatest(t, e, sound.Point, "after the loss")
	later := backup(t, e, keepsake.BackupIncremental) // compared with what is trusted, not with the damage
	if keepsake.DoubtWords(later.Doubts) != words {
		t.Errorf("the one after: %+v", later.Doubts)
	}
	wantLatest(t, e, sound.Point, "two after the loss")

	w := &watcher{}
	restored := func(point string, rows int64, says ...string) {
		t.Helper()
		w.lines = nil
		r, err := e.Restore(t.Context(), engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  point,
			Target: keepsake.Secret(testenv.DB(t)),
		}, w)
		said := ""
		for _, l := range w.lines {
			said += l.Message + "\n"
		}
		for _, s := range says {
			if !strings.Contains(said, s) {
				t.Errorf("a restore of %s does not say %q: %s", point, s, said)
			}
		}
		if err != nil || r.Rows != rows {
			t.Errorf("a restore of %s: %+v, %v", point, r, err)
		}
	}
	restored("latest", 201, "The newer recovery point "+later.Point+" is suspect, so an older one is taken. "+words,
		"The newer recovery point "+damaged.Point+" is suspect")
	restored(later.Point, 21, "This recovery point is suspect. "+words)
	if v, err := e.Verify(t.Context(), engine.VerifyInput{Point: "latest"}, engine.Discard); err != nil || !v.OK ||
		v.Points != 3 {
		t.Errorf("verified: %+v, %v", v, err)
	}

	say(t, e, later.Point, keepsake.TrustAccepted)
	wantLatest(t, e, later.Point, "accepted")
	if next := backup(t, e, keepsake.BackupIncremental); next.Doubts != nil {
		t.Errorf("after one that was accepted: %+v", next.Doubts)
	} else {
		wantLatest(t, e, next.Point, "after one that was accepted")
		say(t, e, next.Point, keepsake.TrustDoubted)
		wantLatest(t, e, later.Point, "doubted by somebody")
	}
	list, err := e.Points(t.Context(), "")
	if err != nil || len(list) != 4 || !list[0].Suspect() || list[1].Suspect() || !list[2].Suspect() || list[3].Suspect() {
		t.Errorf("%+v, %v", list, err)
	}
	after := backup(t, e, keepsake.BackupIncremental)
	const still = "The recovery point before it is not trusted, and what is wrong there may still be wrong."
	if words := keepsake.DoubtWords(after.Doubts); words != still {
		t.Errorf("after one that somebody doubted: %q", words)
	}
	wantLatest(t, e, later.Point, "after one that somebody doubted")
	for _, id := range []string{later.Point, sound.Point} {
		say(t, e, id, keepsake.TrustDoubted)
	}
	wantLatest(t, e, after.Point, "all are suspect") // better than nothing, and said
	restored("latest", 21, "This recovery point is suspect. "+still+" There is none that is not.")
	last := backup(t, e, keepsake.BackupIncremental) // with nothing to compare it with
	if words := keepsake.DoubtWords(last.Doubts); words != still {
		t.Errorf("after suspect ones alone: %q", words)
	}
	say(t, e, last.Point, keepsake.TrustAccepted)
	if next := backup(t, e, keepsake.BackupIncremental); next.Doubts != nil {
		t.Errorf("after somebody accepted one: %+v", next.Doubts)
	}
}

// TestASuspectPointIsBetterThanNone, also one of the critical tier alone, and one whose older ones nobody can read.
func TestASuspectPointIsBetterThanNone(t *testing.T) {
	t.Parallel()
	dirs := newDirectories(t)
	e := engineWith(t, season(t), dirs.list, dirs.key)
	critical := backup(t, e, keepsake.BackupCritical).Point
	say(t, e, critical, keepsake.TrustDoubted)
	wantLatest(t, e, critical, "the only one is doubted")
	whole := backup(t, e, keepsake.BackupFull).Point
	say(t, e, whole, keepsake.TrustDoubted)
	wantLatest(t, e, whole, "the only one of all tiers is doubted")
	newest := backup(t, e, keepsake.BackupIncremental).Point
	say(t, e, newest, keepsake.TrustDoubted)
	wantLatest(t, e, newest, "all are doubted")
	for _, p := range dirs.list {
		damage(t, p, repository.ManifestKey(whole))
	}
	sql, err := e.Schema(t.Context(), "latest", "", nil)
	said := "-- The older recovery point " + whole + " cannot be read, so nobody knows whether it would be better."
	if err != nil || !strings.HasPrefix(sql, said) || !strings.Contains(sql, "-- This recovery point is suspect. ") {
		t.Errorf("the schema %.500s, %v", sql, err)
	}
}

// TestWhatMakesABackupSuspect at a real server.
func TestWhatMakesABackupSuspect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, change string
		kind         keepsake.BackupType
		want         string
	}{
		{"a table is gone", "drop table log", keepsake.BackupIncremental, "Table public.log no longer exists"},
		{"everything is empty", "truncate clients, users, log, parts", keepsake.BackupFull, "Every table is empty"},
		{"a critical backup of lost rows", "delete from clients", keepsake.BackupCritical,
			"Table public.clients holds 0 rows"},
		{"a partition is gone", "drop table parts_1", keepsake.BackupIncremental, ""},
		{"a table is renamed", "alter table log rename to journal", keepsake.BackupIncremental,
			"Table public.log no longer exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := testenv.DB(t)
			run(t, url, "create table clients (id int primary key)", "insert into clients select generate_series(1, 50)",
				"create table log (id int)", "insert into log select generate_series(1, 500)",
				"create table users (id int)", "insert into users values (1)",
				"create table parts (id int) partition by range (id)", "create table parts_1 partition of parts for values "+
					"from (0) to (10)", "create table parts_2 partition of parts for values from (10) to (500)",
				"insert into parts select generate_series(0, 99)")
			e := engineWith(t, url, providers(t), repository.NewKeyFile())
			first := backup(t, e, keepsake.BackupFull)
			run(t, url, c.change)
			r := backup(t, e, c.kind)
			if words := keepsake.DoubtWords(r.Doubts); !strings.HasPrefix(words, c.want) || (c.want == "") != (words == "") {
				t.Errorf("%q, want %q", words, c.want)
			}
			if c.want != "" {
				wantLatest(t, e, first.Point, c.name)
			}
		})
	}
}

// TestABackupOfAnotherDatabaseIsSuspect: whoever typed the URL of another one restores the old one all the same.
func TestABackupOfAnotherDatabaseIsSuspect(t *testing.T) {
	t.Parallel()
	list, key := providers(t), repository.NewKeyFile()
	var points []string
	for i := range 2 {
		url := testenv.DB(t)
		run(t, url, "create table guests (id int primary key)", "insert into guests select generate_series(1, 50)")
		e := engineWith(t, url, list, key)
		r := backup(t, e, []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental}[i])
		points = append(points, r.Point)
		if words := keepsake.DoubtWords(r.Doubts); strings.HasPrefix(words, "It was taken from ") != (i == 1) {
			t.Errorf("backup %d: %q", i, words)
		}
		wantLatest(t, e, points[0], "another database")
	}
}

// silentNotes is a store that does not list its notes while it is told not to.
type silentNotes struct {
	storage.Provider
	silent *atomic.Bool
}

func (s silentNotes) MakePlace(ctx context.Context) error { return storage.MakePlace(ctx, s.Provider) }

func (s silentNotes) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if s.silent.Load() && strings.HasPrefix(prefix, "notes/") {
		return errors.New("the listing was refused")
	}
	return s.Provider.List(ctx, prefix, fn)
}

// TestADoubtThatMayBeUnreadIsSaid: where a provider does not list its notes, somebody may have said in one that a point
// cannot be trusted. Whoever takes the point is told, and so is the next backup.
func TestADoubtThatMayBeUnreadIsSaid(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table guests (id int primary key)", "insert into guests select generate_series(1, 20)")
	list, silent := providers(t), &atomic.Bool{}
	list[1].Store = silentNotes{list[1].Store, silent}
	e := engineWith(t, url, list, repository.NewKeyFile())
	first := backup(t, e, keepsake.BackupFull).Point
	unread := func() (why string) {
		t.Helper()
		p, err := e.Point(t.Context(), "latest")
		all, failed := e.Points(t.Context(), "")
		if err != nil || failed != nil || len(all) == 0 || len(all[0].NotesUnread) != len(p.NotesUnread) {
			t.Fatalf("%+v, %v; listed %+v, %v", p.Point, err, all, failed)
		}
		return strings.Join(p.NotesUnread, " ")
	}
	if why := unread(); why != "" {
		t.Errorf("all notes can be read, and %q", why)
	}
	silent.Store(true)
	if why := unread(); !strings.HasPrefix(why, "Provider "+list[1].Name+" could not be asked.") {
		t.Errorf("the point says %q", why)
	}
	const warning = "The notes on this recovery point could not all be read, so somebody may have said in one that it " +
		"cannot be trusted. Provider "
	for _, point := range []string{"latest", first} {
		w := &watcher{}
		_, err := e.Restore(t.Context(), engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  point,
			Target: keepsake.Secret(testenv.DB(t)),
		}, w)
		if err != nil || !slices.ContainsFunc(w.lines, func(l engine.LogLine) bool {
			return l.Level == "warn" && strings.HasPrefix(l.Message, warning+list[1].Name)
		}) {
			t.Errorf("a restore of %s says %+v, %v", point, w.lines, err)
		}
	}
	if sql, err := e.Schema(t.Context(), "latest", "", nil); err != nil || !strings.HasPrefix(sql, "-- "+warning) {
		t.Errorf("the schema: %.200s, %v", sql, err)
	}
	w := &watcher{}
	if _, err := e.Backup(t.Context(), engine.BackupInput{Type: keepsake.BackupIncremental}, w); err != nil ||
		!slices.ContainsFunc(w.lines, func(l engine.LogLine) bool {
			return strings.HasPrefix(l.Message, "The notes on recovery point "+first)
		}) {
		t.Errorf("a backup says %+v, %v", w.lines, err)
	}
}
