package engine_test

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// erasing takes rows out of a repository, as whoever writes erasures will.
type erasing struct {
	t    *testing.T
	w    directories
	keys *repository.Keyring
}

// everyOther rewrites every chunk of a table without every other row, stores what takes its place, removes
// it, and returns the erasure and how many rows went. Its clock is two days behind the platform's.
func (e erasing) everyOther(point, table string) (*repository.Erasure, int64) {
	e.t.Helper()
	m := manifestIn(e.t, e.w.dirs[0], e.w.key, point)
	behind := time.Now().Add(-48 * time.Hour)
	last := point
	for _, key := range keysAt(e.t, e.w.list[0], repository.ManifestPrefix) {
		last = max(last, strings.TrimPrefix(key, repository.ManifestPrefix))
	}
	out := &repository.Erasure{
		Format:     1,
		Repository: m.Repository,
		ID:         repository.NextID(behind, last),
		Time:       behind.UTC(),
	}
	for i := range m.Tables {
		if m.Tables[i].Name.Name != table {
			continue
		}
		for _, r := range rangesIn(e.t, e.w.dirs[0], e.w.key, &m.Tables[i]) {
			for _, c := range r.Chunks {
				out.Chunks = append(out.Chunks, e.rewrite(m.Tables[i], c))
			}
		}
	}
	rows := int64(0)
	for _, c := range out.Chunks {
		rows += int64(len(c.RowHashes))
	}
	return out, rows
}

func (e erasing) rewrite(table repository.Table, c repository.Chunk) repository.ErasedChunk {
	e.t.Helper()
	body, err := e.w.list[0].Store.Get(e.t.Context(), c.ID.Key(), repository.MaxChunkSealed)
	if err != nil {
		e.t.Fatal(err)
	}
	plain, err := e.keys.Open(nil, &c.Ref, body)
	if err != nil {
		e.t.Fatal(err)
	}
	out := repository.ErasedChunk{Name: table.Name, Old: c.ID}
	var went repository.RunWriter
	var left [][]byte
	for i := uint64(0); len(plain) > 0; i++ {
		row, rest, err := repository.NextRow(plain, table.Format)
		if err != nil {
			e.t.Fatal(err)
		}
		if plain = rest; i%2 == 0 {
			left = append(left, row)
			continue
		}
		var h repository.RowHash
		h.Add(row)
		went.Add(i)
		out.RowHashes = append(out.RowHashes, h)
	}
	out.Rows = went.Take()
	what := bytes.Join(left, nil)
	ref, err := e.keys.Name(repository.ObjectChunk, what, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	out.New = &ref
	sealed, err := e.keys.Seal(nil, out.New, what, repository.Fast)
	if err != nil {
		e.t.Fatal(err)
	}
	out.New.Size, out.New.SHA256 = int64(len(sealed)), sha256.Sum256(sealed)
	for _, p := range e.w.list {
		e.put(p, out.New.ID.Key(), sealed)
		if err := p.Store.Delete(e.t.Context(), c.ID.Key()); err != nil {
			e.t.Fatal(err)
		}
	}
	return out
}

func (e erasing) put(p engine.Provider, key string, sealed []byte) {
	e.t.Helper()
	if err := p.Store.Put(e.t.Context(), key, sealed, sha256.Sum256(sealed), true); err != nil {
		e.t.Fatal(err)
	}
}

// TestErasedRowsComeBackNowhere: every way to read a recovery point reads what erasures have left of it,
// proves it, and builds upon it.
func TestErasedRowsComeBackNowhere(t *testing.T) {
	t.Parallel()
	ctx, source, w := t.Context(), testenv.DB(t), newDirectories(t)
	run(t, source, "create table weddings (id int primary key, couple text)",
		"create table guests (id bigint primary key, wedding_id int references weddings, name text)",
		"insert into weddings select i, 'Couple ' || i from generate_series(1, 200) i",
		"insert into guests select i, 1 + i % 200, repeat('guest ' || i, 20) from generate_series(1, 30000) i")
	e := engineWith(t, source, w.list, w.key)
	point := backup(t, e, keepsake.BackupFull)
	er := erasing{t, w, repositoryOf(t, w.dirs[0], w.key)}
	erasure, gone := er.everyOther(point.Point, "guests")
	if gone == 0 {
		t.Fatal("no rows were taken out: the test proves nothing")
	}
	if v, err := e.Verify(ctx, engine.VerifyInput{}, engine.Discard); err != nil || v.OK {
		t.Errorf("without the erasure the chunks are missing: %+v, %v", v.Findings, err)
	}
	key, sealed, err := er.keys.SealErasure(erasure)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.list[:2] {
		er.put(p, key, sealed)
	}
	restored := func(target string) int64 { return one[int64](t, target, "select count(*) from guests") }
	before := restored(source)
	target := testenv.DB(t)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  point.Point,
		Target: keepsake.Secret(target),
	}); !r.Verified ||
		restored(target) != before-gone {
		t.Errorf("%d of %d guests came back, %d were erased: %+v", restored(target), before, gone, r)
	}
	for _, deep := range []bool{false, true} {
		if v, err := e.Verify(ctx, engine.VerifyInput{Deep: deep}, engine.Discard); err != nil || !v.OK {
			t.Errorf("verified, deep %v: %+v, %v", deep, v.Findings, err)
		}
	}
	if d, err := e.Point(ctx, point.Point); err != nil || !tableHas(d, "guests", before-gone) {
		t.Errorf("%+v, %v", d.TableList, err)
	}
	at, err := e.WeddingAt(ctx, engine.ScopeInput{Scope: ofWedding("7"), Point: point.Point})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range at.Tables {
		if want := one[int](t, target, "select count(*) from guests where wedding_id = 7"); table.Table == "public.guests" &&
			len(table.Rows) != want {
			t.Errorf("the wedding has %d guests at the point, and %d where it was restored", len(table.Rows), want)
		}
	}
	// The platform still has the rows, so they are backed up anew.
	next := backup(t, e, keepsake.BackupIncremental)
	target = testenv.DB(t)
	if r := restore(t, e, engine.RestoreInput{
		Scope:  keepsake.Everything(),
		Point:  next.Point,
		Target: keepsake.Secret(target),
	}); !r.Verified ||
		restored(target) != before {
		t.Errorf("%d of %d guests came back: %+v", restored(target), before, r)
	}
	// A repair brings the erasure to the provider that lacks it, and one that nobody can read keeps its
	// points from being read.
	if r, err := e.Repair(ctx, engine.VerifyInput{}, engine.Discard); err != nil || len(r.Remaining) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := w.list[2].Store.Stat(ctx, key); err != nil {
		t.Errorf("the erasure at the third provider: %v", err)
	}
	for _, p := range w.list {
		er.put(p, key, sealed[:len(sealed)-1])
	}
	_, err = e.Point(ctx, point.Point)
	wantError(t, err, keepsake.CodeDamaged, "erasure", filepath.Base(key))
}

func tableHas(d engine.PointDetail, table string, rows int64) bool {
	for _, t := range d.TableList {
		if t.Name == table {
			return t.Rows == rows
		}
	}
	return false
}
