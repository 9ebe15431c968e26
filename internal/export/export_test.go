package export

import (
	"bytes"
	"encoding/csv"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestCellsThatSpreadsheetsCompute(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Ada & Ben": "Ada & Ben", "=1+1": "'=1+1", "+1-1": "'+1-1", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x",
		" =1": "' =1", "\u00a0=1": "'\u00a0=1", "\u200b=1": "'\u200b=1", "\ufeff=1": "'\ufeff=1", "\"=1\"": "'\"=1\"",
		"\x00=1": "'\x00=1",
		"\t=1":   "'\t'=1", "\rx": "'\rx", "\tx": "'\tx", "x;=1": "x;'=1", "x\t=1": "x\t'=1", "x\n=1": "x\n'=1",
		"x\r\n-1+2": "x\r\n'-1+2", "x|@y": "x|'@y", "a; b; -c": "a; b;' -c", ";=1": ";'=1",
		"'=1": "''=1", "''=1": "'''=1", "'plain": "'plain", "-5": "-5", "-5.25": "-5.25", "-1e-7": "-1e-7",
		"+49 30 901820": "+49 30 901820", "+4930": "+4930", "+49-30-1": "'+49-30-1", "x;-5": "x;'-5",
		"a=b": "a=b", "mail@example.org": "mail@example.org", "12-24": "12-24", "-": "'-", "é=1": "é=1",
	} {
		if got := Cell(text); got != want || Text(got) != text {
			t.Errorf("%q becomes %q and %q again, want %q", text, got, Text(got), want)
		}
	}
}

// odd draws what somebody calls themselves who wants something of whoever opens it.
func odd() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.OneOf(rapid.SampledFrom([]string{"=", "+", "-", "@", "＝", "'", "\"", ";", "\t", "\r", "\n", "|", ",",
			" ", "\u00a0", "\u200b", "5", "cmd", "..", "/", "\\", "C:", "CON", "ＣＯＮ", "ｎｕｌ", "．", "nul", ".", "COM¹", "é",
			"e\u0301", "ſ", "K", "ß"}), rapid.StringN(0, 3, 12))
		return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), "")
	})
}

// TestNoCellIsComputed by a program that takes commas, semicolons, tabs, bars or blanks off the front for itself; and
// what was there can be had again.
func TestNoCellIsComputed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := odd().Draw(t, "text")
		cell := Cell(text)
		if got := Text(cell); got != text {
			t.Fatalf("%q becomes %q, and %q again", text, cell, got)
		}
		if number.MatchString(cell) {
			return
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write([]string{"before", cell, "after"}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		line := strings.TrimPrefix(b.String(), "before,")
		for _, delimiters := range []string{"", ";", "\t", "|", ";\t"} {
			for i, field := range strings.FieldsFunc(line,
				func(r rune) bool { return strings.ContainsRune(delimiters+"\r\n", r) }) {
				if i == 0 && delimiters != "" {
					continue // it goes on from the cell before
				}
				shown := strings.TrimLeftFunc(field, func(r rune) bool {
					return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '"'
				})
				if shown != "" && strings.ContainsAny(shown[:utf8.RuneLen([]rune(shown)[0])], "=+-@＝＋－＠") {
					t.Fatalf("%q is computed in %q, which %q parts", shown, line, delimiters)
				}
			}
		}
	})
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"guests": "guests", "app.guests": "app.guests", "../../etc/passwd": "__.._etc_passwd", "/etc/passwd": "_etc_passwd",
		`..\..\x`: "__.._x", "C:\\x": "C__x", "": "_", ".": "_", "..": "_", ".ssh": "_ssh",
		"CON": "_CON", "nul.txt": "_nul.txt", "com1": "_com1", "COM¹.x": "_COM¹.x", "ＣＯＮ": "_ＣＯＮ", "ｎｕｌ.txt": "_ｎｕｌ.txt",
		"ＬＰＴ１": "_ＬＰＴ１", "ⓒⓞⓝ": "_ⓒⓞⓝ", "ＣＯＮ．x": "_ＣＯＮ．x", "ＣＯＮＳＯＬＥ": "ＣＯＮＳＯＬＥ", "console": "console", "x ": "x_", "x.": "x_",
		"a\x00b": "a_b", "a\u202eb": "a_b", "a\nb": "a_b", "-rf": "_-rf", "~": "_~", "a:b": "a_b",
		"Gäste": "Gäste", "Ga\u0308ste": "Gäste", "客人": "客人", "\xff": "_",
	} {
		if got := FileName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// TestEveryFileHasAPlaceOfItsOwn on any file system, and stays in the folder that it is put into.
func TestEveryFileHasAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var names Names
		seen := map[string]string{}
		list := rapid.SliceOfN(rapid.OneOf(odd(),
			rapid.SampledFrom([]string{"Guests", "guests", "GUESTS", "guests-2", strings.Repeat("x", 300),
				strings.Repeat("X", 300) + "y", strings.Repeat("ä", 200)})), 1, 12).Draw(t, "names")
		for _, name := range list {
			file := names.File(name, ".csv")
			if path.Base(file) != file || path.Clean("/in/"+file) != "/in/"+file || strings.ContainsAny(file, `\/:*?"<>|`) ||
				strings.HasPrefix(file, ".") || !strings.HasSuffix(file, ".csv") || !utf8.ValidString(file) {
				t.Fatalf("%q becomes %q", name, file)
			}
			stem := strings.TrimSuffix(file, ".csv")
			first, _, _ := strings.Cut(file, ".")
			if stem == "" || strings.HasSuffix(stem, ".") || strings.HasSuffix(stem, " ") || len(file) > longestName+1 ||
				isReserved(first) || isReserved(norm.NFKC.String(first)) {
				t.Fatalf("%q becomes %q", name, file)
			}
			for _, r := range file {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
					t.Fatalf("%q becomes %q", name, file)
				}
			}
			key := strings.ToLower(norm.NFC.String(file))
			if other, twice := seen[key]; twice {
				t.Fatalf("%q and %q are one file, %q", name, other, file)
			}
			seen[key] = name
		}
	})
}
