package scope

import (
	"bytes"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/engine/repository"
)

// TestRowsOfWhatCOPYReads: rows come out as they went in, however the reader cuts them.
func TestRowsOfWhatCOPYReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := &repository.Table{Format: rapid.SampledFrom([]string{repository.FormatText, repository.FormatBinary}).Draw(
			t, "format")}
		var rows [][]byte
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			if part.Format == repository.FormatText {
				rows = append(rows, append(rapid.SliceOf(rapid.SampledFrom([]byte("ab\t\\N"))).Draw(t, "row"), '\n'))
				continue
			}
			row := []byte{0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0}
			value := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "value")
			rows = append(rows, append(append(row, byte(len(value))), value...))
		}
		var got [][]byte
		data := iotest.OneByteReader(PartRows{Part: part, Rows: rows}.copyData())
		if rapid.Bool().Draw(t, "at once") {
			data = PartRows{Part: part, Rows: rows}.copyData()
		}
		if err := eachRow(data, part.Format, func(row []byte) error {
			got = append(got, row)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, rows, bytes.Equal) {
			t.Fatalf("%q came out as %q", rows, got)
		}
	})
}
