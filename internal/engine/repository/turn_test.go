package repository

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTurns: what was condemned under any of its names gets another one, under which it opens with the same contents.
// Each turn has a name of its own, of chunks as of pages, whoever seals.
func TestTurns(t *testing.T) {
	t.Parallel()
	h, k := newRepository(t)
	w := writerOf(t, h, k)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 1, 2000).Draw(t, "plain")
		kind := rapid.SampledFrom([]ObjectKind{ObjectChunk, ObjectIndex}).Draw(t, "kind")
		condemned := map[ChunkID]bool{}
		is := func(id ChunkID) bool { return condemned[id] }
		for turn := range Turn(rapid.IntRange(1, Turns).Draw(t, "turns")) {
			r, err := k.Name(kind, plain, is)
			if err != nil || r.Turn != turn || condemned[r.ID] {
				t.Fatalf("turn %d: %+v, %v", turn, r, err)
			}
			sealed, err := k.Seal(nil, &r, plain, Fast)
			if err != nil {
				t.Fatal(err)
			}
			written, body, err := w.SealWritten(kind, plain, Thorough, is)
			if err != nil || written.Turn != turn {
				t.Fatalf("a writer's turn %d: %+v, %v", turn, written, err)
			}
			for ref, object := range map[*Ref][]byte{&r: sealed, &written: body} {
				if got, err := k.Open(nil, ref, object); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("turn %d does not open: %v", turn, err)
				}
				if IsWritten(object) != (ref == &written) {
					t.Fatal("who sealed it is not told")
				}
				condemned[ref.ID] = true
			}
			// Under another turn's number it is not what its name promises.
			lie := sealer{1, (turn + 1) % Turns}
			forged := bytes.Clone(sealed)
			forged[6], forged[7] = byte(lie.bytes()>>8), byte(lie.bytes())
			if _, err := k.Open(nil, &r, forged); keepsake.CodeOf(err) != keepsake.CodeDamaged {
				t.Fatalf("a changed turn opens: %v", err)
			}
		}
	})
	all := func(ChunkID) bool { return true }
	_, err := k.Name(ObjectChunk, []byte("rows"), all)
	wantCode(t, err, keepsake.CodeUnavailable)
	_, _, err = w.SealWritten(ObjectChunk, []byte("rows"), Fast, all)
	wantCode(t, err, keepsake.CodeUnavailable)
}

// TestOnlyContentHasTurns: what is not named by its content opens under the first turn alone.
func TestOnlyContentHasTurns(t *testing.T) {
	t.Parallel()
	_, k := newRepository(t)
	const key = "notes/points/x"
	sealed, err := k.seal(nil, ObjectNote, 3, key, []byte("{}"), Fast)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.OpenObject(ObjectNote, key, sealed, 100)
	wantCode(t, err, keepsake.CodeDamaged)
}
