package scope

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"path"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/export"
)

// TestAnExportTrustsNoName: tables, columns and values that somebody named to break out of a folder or into a
// spreadsheet. What the values were can be had again.
func TestAnExportTrustsNoName(t *testing.T) {
	t.Parallel()
	value, amount := "=HYPERLINK(\"x\")\r\n+1;-2", "-12.50"
	columns := []repository.Column{{Name: "=1+1", Type: "text"}, {Name: "a;＝b", Type: "numeric(10,2)"}}
	var tables []TableRows
	for _, name := range []string{"public.../../etc/passwd", `public.C:\boot`, "public.CON", "public.Guests",
		"public.guests", "app.guests", "public.guests\x00.csv", "public..", "public.a/b"} {
		tables = append(tables, TableRows{
			Table:   name,
			Belongs: Owned,
			Columns: columns,
			Rows:    [][]*string{{&value, &amount}},
		})
	}
	tables = append(tables, TableRows{
		Table:   "public.guests",
		Belongs: Shared,
		Columns: columns,
		Rows:    [][]*string{{&value, &amount}},
	})
	for _, format := range Formats {
		var b bytes.Buffer
		if err := Export(&b, tables, ExportAs{Format: format}); err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || len(archive.File) != len(tables) {
			t.Fatalf("%d files, %v", len(archive.File), err)
		}
		seen := map[string]bool{}
		for _, f := range archive.File {
			inside := strings.TrimPrefix(f.Name, "shared/")
			if path.Clean("/in/"+f.Name) != "/in/"+f.Name || path.Base(inside) != inside ||
				strings.ContainsAny(f.Name, "\\:\x00") || seen[strings.ToLower(f.Name)] ||
				strings.HasPrefix(strings.ToUpper(inside), "CON.") {
				t.Errorf("a file is called %q", f.Name)
			}
			seen[strings.ToLower(f.Name)] = true
			if format != "csv" {
				continue
			}
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(r).ReadAll()
			if err != nil || len(rows) != 2 || rows[0][0] != "'=1+1" || rows[0][1] != "a;'＝b" || rows[1][1] != amount ||
				!strings.HasPrefix(rows[1][0], "'=HYPERLINK") || !strings.Contains(rows[1][0], "\n'+1;'-2") {
				t.Errorf("%q: %q, %v", f.Name, rows, err)
			}
			// a reader of CSV makes one of the two
			if got := export.Text(rows[1][0]); got != strings.ReplaceAll(value, "\r\n", "\n") {
				t.Errorf("%q is had again as %q", value, got)
			}
		}
	}
}

// TestAContactIsOneContact, whatever a vendor is called: no line of theirs is taken for one of the card's.
func TestAContactIsOneContact(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	evil := "Rose\r\nEND:VCARD\nBEGIN:VCARD\x0bTEL:666\x85TEL:667\u2028TEL:668\x00"
	if err := ContactsVCard(&b, []Contact{{
		Name:  evil,
		Who:   evil,
		Kind:  evil,
		Phone: evil,
		Email: evil,
		Place: evil,
	}}); err != nil {
		t.Fatal(err)
	}
	card := strings.ReplaceAll(b.String(), "\r\n ", "")
	for _, line := range strings.Split(card, "\r\n") {
		if strings.ContainsAny(line, "\r\n\v\f\u0085\u2028\u2029\x00") {
			t.Errorf("a line ends early: %q", line)
		}
	}
	if strings.Count(card, "\r\n") != 9 || strings.Count(card, "BEGIN:VCARD\r\n") != 1 {
		t.Errorf("%q", card)
	}
}
