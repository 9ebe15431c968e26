package pgtool_test

import (
	"bytes"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// archiveHead is the beginning of an archive that was made at 12:34:56 on 29 November 2026, as each version of pg_dump
// writes it.
func archiveHead(version byte) []byte {
	head := append([]byte("PGDMP"), 1, version, 0, 4, 8, 1)
	if version >= 15 {
		head = append(head, 1)
	} else {
		head = append(head, 1, 1, 0, 0, 0) // -1: the default level
	}
	for _, n := range []byte{56, 34, 12, 29, 10, 126, 0} {
		head = append(head, 0, n, 0, 0, 0)
	}
	return append(head, "\x00\x07\x00\x00\x00wedsync"...)
}

func TestUndateChangesTheTimeAlone(t *testing.T) {
	t.Parallel()
	for version, from := range map[byte]int{12: 16, 14: 16, 15: 12, 16: 12} { // where the time begins
		was := archiveHead(version)
		now := bytes.Clone(was)
		if err := pgtool.Undate(now); err != nil {
			t.Errorf("version 1.%d: %v", version, err)
		}
		want := append(bytes.Clone(was[:from]), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			100, 0, 0, 0, 0, 0, 0, 0, 0)
		if want = append(want, was[len(want):]...); !bytes.Equal(now, want) {
			t.Errorf("version 1.%d: %v, want %v", version, now, want)
		}
	}
}

func TestUndateLeavesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	change := func(at int, to byte) []byte { b := archiveHead(16); b[at] = to; return b }
	for name, archive := range map[string][]byte{
		"nothing": nil, "another file": []byte("-- PostgreSQL database dump, plain"), "a newer version": archiveHead(17),
		"an ancient one": archiveHead(11), "format 2.16": change(5, 2), "a directory's": change(10, 5),
		"integers of no bytes": change(8, 0), "wide integers": change(8, 9),
		"its beginning only": archiveHead(16)[:40]} {
		was := bytes.Clone(archive)
		if err := pgtool.Undate(archive); err == nil || !bytes.Equal(archive, was) {
			t.Errorf("%s: %v, %v", name, err, archive)
		}
	}
}

func FuzzUndate(f *testing.F) {
	for _, version := range []byte{11, 14, 15, 16, 17} {
		f.Add(archiveHead(version))
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		once := bytes.Clone(archive)
		err := pgtool.Undate(once)
		twice := bytes.Clone(once)
		if again := pgtool.Undate(twice); (err == nil) != (again == nil) || !bytes.Equal(once, twice) ||
			len(once) != len(archive) {
			t.Errorf("%v, %v: %v, %v, %v", err, again, archive, once, twice)
		}
	})
}

// The archives of this machine's pg_dump are equal once they are undated, and pg_restore reads them.
func TestUndatedArchivesOfOneSchemaAreEqual(t *testing.T) {
	t.Parallel()
	url, _ := dumpOdd(t)
	conn := connect(t, url)
	var archives [2]bytes.Buffer
	id := snapshot(t, conn)
	for i := range archives {
		if err := find(t).Dump(t.Context(), keepsake.Secret(url), id, &archives[i]); err != nil {
			t.Fatal(err)
		}
		// Nobody waits for the next second here: the archive says that it was made in another year.
		year := 11 + 5*6 + 1
		if archives[i].Bytes()[6] < 15 {
			year += 4
		}
		archives[i].Bytes()[year] += byte(i)
		if err := pgtool.Undate(archives[i].Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("equal schemas are different archives")
	}
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, archives[0].Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := osexec.CommandContext(t.Context(), filepath.Join(find(t).Dir, "pg_restore"),
		"--list", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Archive created at 2000-01-01 00:00:00") ||
		!strings.Contains(string(out), "TABLE public guests") {
		t.Errorf("pg_restore --list: %v\n%s", err, out)
	}
}
