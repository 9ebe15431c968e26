package engine_test

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// TestAllNotesAreRead: every note that any provider holds, although one is away and another's copy was exchanged.
func TestAllNotesAreRead(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table organizations (id int primary key)")
	list, key := providers(t), repository.NewKeyFile()
	before := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	if at, err := before.NoteTime(t.Context(), "audit"); keepsake.CodeOf(err) != keepsake.CodeNotFound {
		t.Errorf("before there is a repository: %s, %v", at, err)
	}
	all := engineWith(t, url, list, key)
	if got, err := all.ListNotes(t.Context(), "audit"); err != nil || len(got.List) != 0 || !got.Newest().IsZero() {
		t.Errorf("a topic without notes: %+v, %v", got, err)
	}
	if at, err := all.NoteTime(t.Context(), "audit"); err != nil || !at.IsZero() {
		t.Errorf("a topic without notes is of %s, %v", at, err)
	}
	for _, text := range []string{"first", "second", "third"} {
		if _, err := all.KeepNote(t.Context(), "audit", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	if err := list[0].Store.List(t.Context(), "notes/audit/",
		func(o storage.Object) error { keys = append(keys, o.Key); return nil }); err != nil || len(keys) != 3 {
		t.Fatalf("%v, %v", keys, err)
	}
	// Somebody with the first provider's credentials puts the third note in the place of the second.
	body, err := list[0].Store.Get(t.Context(), keys[2], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(list[0].Store.Delete(t.Context(), keys[1]),
		list[0].Store.Put(t.Context(), keys[1], body, sha256.Sum256(body), true)); err != nil {
		t.Fatal(err)
	}
	list[len(list)-1].Store = storage.Unavailable(errors.New("it is away"))
	some := engine.New(engine.Options{
		PlatformURL: keepsake.Secret(url),
		Providers:   list,
		DataMap:     keepsake.DefaultDataMap(),
		Key:         repository.KeySource{Key: key},
	})
	got, err := some.ListNotes(t.Context(), "audit")
	var said []string
	for _, n := range got.List {
		said = append(said, string(n.Plain))
	}
	if err != nil || strings.Join(said, " ") != "first second third" {
		t.Errorf("%q, %v", said, err)
	}
	if len(got.Missing) != 2 || !strings.Contains(strings.Join(got.Missing, "\n"), keys[1]) ||
		!strings.Contains(strings.Join(got.Missing, "\n"), "Provider offsite: ") {
		t.Errorf("what is missing: %q", got.Missing)
	}
	at, err := some.NoteTime(t.Context(), "audit")
	if err != nil || !at.Equal(got.Newest()) {
		t.Errorf("the newest is of %s, %v, want %s", at, err, got.Newest())
	}
	// They put anything there under a newer name, too: a name is no note.
	forged := "notes/audit/" + repository.NewManifestID(got.Newest().Add(time.Hour))
	if err := list[0].Store.Put(t.Context(), forged, body, sha256.Sum256(body), true); err != nil {
		t.Fatal(err)
	}
	if at, err := some.NoteTime(t.Context(), "audit"); err != nil || !at.Equal(got.Newest()) {
		t.Errorf("with a forged note the newest is of %s, %v, want %s", at, err, got.Newest())
	}
}

// TestAForgedNoteTakesNothingBack: whoever has a provider's credentials puts something newer there, and what was
// written before still counts: who may sign in, and that retention keeps a recovery point.
func TestAForgedNoteTakesNothingBack(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table organizations (id int primary key)")
	list := providers(t)
	e := engineWith(t, url, list, repository.NewKeyFile())
	point := backup(t, e, keepsake.BackupFull).Point
	_, markErr := e.MarkPoint(t.Context(), point, engine.PointMark{Note: "before the move", Locked: true})
	_, noteErr := e.KeepNote(t.Context(), "access", []byte("who"))
	if err := errors.Join(markErr, noteErr); err != nil {
		t.Fatal(err)
	}
	junk := []byte("a note that nobody sealed")
	for _, topic := range []string{"points/" + point, "access"} {
		name := "notes/" + topic + "/" + repository.NewManifestID(time.Now().Add(time.Hour))
		if err := list[0].Store.Put(t.Context(), name, junk, sha256.Sum256(junk), true); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.ReadNote(t.Context(), "access"); err != nil || string(got) != "who" {
		t.Errorf("who may sign in: %q, %v", got, err)
	}
	points, err := e.Points(t.Context(), "")
	if err != nil || len(points) != 1 || points[0].Note != "before the move" || !points[0].Locked {
		t.Errorf("%+v, %v", points, err)
	}
	// They take the notes away there: those of the other providers count.
	sound := map[string][]byte{}
	for _, topic := range []string{"points/" + point, "access"} {
		err := list[0].Store.List(t.Context(), "notes/"+topic+"/",
			func(o storage.Object) error { sound[o.Key] = nil; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range sound {
		var err error
		if sound[name], err = list[0].Store.Get(t.Context(), name, 1<<20); err == nil {
			err = list[0].Store.Delete(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.ReadNote(t.Context(), "access"); err != nil || string(got) != "who" {
		t.Errorf("who may sign in, with the notes of one provider gone: %q, %v", got, err)
	}
	if points, err = e.Points(t.Context(), ""); err != nil || len(points) != 1 || !points[0].Locked {
		t.Errorf("with the notes of one provider gone: %+v, %v", points, err)
	}
	for name, body := range sound {
		if err := list[0].Store.Put(t.Context(), name, body, sha256.Sum256(body), true); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		if err := list[0].Store.List(t.Context(), "notes/access/", func(storage.Object) error { n++; return nil }); err !=
			nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	if _, err := e.KeepNote(t.Context(), "access", []byte("who")); err != nil || count() != before {
		t.Errorf("what is there already was written again: %d notes, %d before, %v", count(), before, err)
	}
}

// TestWhoHasEveryProviderTakesEverything: with the credentials of one they cannot, with those of all nothing
// withstands: an older list of who may sign in counts again, and no recovery point is left.
func TestWhoHasEveryProviderTakesEverything(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	run(t, url, "create table organizations (id int primary key)")
	list := providers(t)
	e := engineWith(t, url, list, repository.NewKeyFile())
	backup(t, e, keepsake.BackupFull)
	for _, who := range []string{"ada and bea", "ada"} {
		if _, err := e.KeepNote(t.Context(), "access", []byte(who)); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(prefix string, newestOnly bool) {
		t.Helper()
		for _, p := range list {
			var keys []string
			if err := p.Store.List(t.Context(), prefix,
				func(o storage.Object) error { keys = append(keys, o.Key); return nil }); err != nil || len(keys) == 0 {
				t.Fatalf("%q, %v", keys, err)
			}
			slices.Sort(keys)
			if newestOnly {
				keys = keys[len(keys)-1:]
			}
			for _, key := range keys {
				if err := p.Store.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	remove("notes/access/", true)
	if got, err := e.ReadNote(t.Context(), "access"); err != nil || string(got) != "ada and bea" {
		t.Errorf("who may sign in: %q, %v", got, err)
	}
	remove("manifests/", false)
	if points, err := e.Points(t.Context(), ""); err != nil || len(points) != 0 {
		t.Errorf("%+v, %v", points, err)
	}
}
