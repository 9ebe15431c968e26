package scope

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/export"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Formats are the formats of an export. The first is the default. In CSV, null and an empty text are both an empty
// field. JSON tells them apart.
var Formats = []string{"csv", "json"}

// ExportAs is what an export is written as.
type ExportAs struct {
	Format string // of Formats
	Note   string // what to know before its files are used: the first file of the ZIP says it; empty: nothing
}

// noteFile is the file of an export that says what to know first.
const noteFile = "READ ME FIRST.txt"

// begin opens an export's archive.
func (as ExportAs) begin(w io.Writer) (*zip.Writer, export.Names, error) {
	archive, names := zip.NewWriter(w), export.Names{}
	if as.Note == "" {
		return archive, names, nil
	}
	f, err := archive.Create(noteFile)
	if err == nil {
		_, err = io.WriteString(f, as.Note+"\n")
	}
	return archive, names, err
}

// CheckFormat refuses a format that Export does not know.
func CheckFormat(format string) error {
	if !slices.Contains(Formats, format) {
		return keepsake.Errorf(keepsake.CodeInvalid, "There is no format %q: use csv or json.", format)
	}
	return nil
}

// Export writes a ZIP with one file for each table that has rows, and nothing to disk.
func Export(w io.Writer, tables []TableRows, as ExportAs) error {
	archive, names, err := as.begin(w)
	if err != nil {
		return err
	}
	if notes := notesOf(tables); notes != "" {
		f, err := archive.Create(names.File("notes", ".txt"))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, notes); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		f, err := newRowFile(archive, &names, t.Table, t.Belongs, t.Columns, as.Format)
		if err != nil {
			return err
		}
		for _, row := range t.Rows {
			if err := f.row(row); err != nil {
				return err
			}
		}
		if err := f.end(); err != nil {
			return err
		}
	}
	return archive.Close()
}

// notesOf says which tables may lack rows, or have others' among them.
func notesOf(tables []TableRows) string {
	var b strings.Builder
	for _, t := range tables {
		if t.Note != "" {
			b.WriteString(t.Table + ": " + t.Note + ".\n")
		}
	}
	return b.String()
}

// ExportWide writes the same of whole tables, chunk by chunk: memory does not grow with them.
func ExportWide(ctx context.Context, w io.Writer, p *Plan, src Chunks, as ExportAs) error {
	archive, names, err := as.begin(w)
	if err != nil {
		return err
	}
	r := NewReader()
	for _, t := range p.Of(Owned) {
		var f rowFile
		for _, part := range t.parts {
			err := eachGroup(ctx, part, src, func(plain []byte) (err error) {
				if f == nil {
					if f, err = newRowFile(archive, &names, t.Name, t.Belongs, t.Columns, as.Format); err != nil {
						return err
					}
				}
				return r.each(t, part, plain, f.row)
			})
			if err != nil {
				return err
			}
		}
		if f == nil {
			continue
		}
		if err := f.end(); err != nil {
			return err
		}
	}
	return archive.Close()
}

// rowFile is one file of an export while it is being written.
type rowFile interface {
	row(values []*string) error
	end() error
}

func newRowFile(archive *zip.Writer, names *export.Names, table string, is Belonging, columns []repository.Column,
	format string) (rowFile, error) {
	if err := CheckFormat(format); err != nil {
		return nil, err
	}
	folder := ""
	if is == Shared {
		folder = "shared/"
	}
	w, err := archive.Create(folder + names.File(strings.TrimPrefix(table, "public."), "."+format))
	if err != nil {
		return nil, err
	}
	if format == "csv" {
		return newCSVFile(w, columns)
	}
	return newJSONFile(w, columns)
}

// numberTypes are those of numbers, which no spreadsheet takes for more than that.
var numberTypes = []string{"integer", "bigint", "smallint", "numeric", "real", "double precision"}

type csvFile struct {
	w       *csv.Writer
	fields  []string
	numbers []bool // columns whose type the catalog knows as a number
}

func newCSVFile(w io.Writer, columns []repository.Column) (rowFile, error) {
	f := &csvFile{csv.NewWriter(w), make([]string, len(columns)), make([]bool, len(columns))}
	for i, col := range columns {
		f.fields[i], f.numbers[i] = export.Cell(col.Name), slices.Contains(numberTypes, platform.BaseType(col.Type))
	}
	return f, f.w.Write(f.fields)
}

func (f *csvFile) row(values []*string) error {
	for i, v := range values {
		f.fields[i] = ""
		switch {
		case v == nil:
		case f.numbers[i]:
			f.fields[i] = *v
		default:
			f.fields[i] = export.Cell(*v)
		}
	}
	return f.w.Write(f.fields)
}

func (f *csvFile) end() error {
	f.w.Flush()
	return f.w.Error()
}

type jsonFile struct {
	w     io.Writer
	names [][]byte // as JSON writes them
	types []string
	buf   []byte
	begun bool
}

func newJSONFile(w io.Writer, columns []repository.Column) (rowFile, error) {
	f := &jsonFile{w: w}
	for _, c := range columns {
		name, err := json.Marshal(c.Name)
		if err != nil {
			return nil, err
		}
		f.names, f.types = append(f.names, name), append(f.types, c.Type)
	}
	_, err := io.WriteString(w, "[")
	return f, err
}

func (f *jsonFile) row(values []*string) error {
	f.buf = append(f.buf[:0], ",\n  {"...)
	if !f.begun {
		f.buf, f.begun = f.buf[1:], true
	}
	for i, v := range values {
		value := []byte("null")
		if v != nil {
			var err error
			if value, err = jsonValue(f.types[i], *v); err != nil {
				return err
			}
		}
		if i > 0 {
			f.buf = append(f.buf, ", "...)
		}
		f.buf = append(append(append(f.buf, f.names[i]...), ": "...), value...)
	}
	_, err := f.w.Write(append(f.buf, '}'))
	return err
}

func (f *jsonFile) end() error {
	_, err := io.WriteString(f.w, "\n]\n")
	return err
}

// jsonValue writes numbers, booleans and JSON as they are and everything else as text.
func jsonValue(typ, v string) ([]byte, error) {
	switch platform.BaseType(typ) {
	case "json", "jsonb", "integer", "bigint", "smallint", "numeric", "real", "double precision":
		// numberTypes, and what is JSON itself
		if json.Valid([]byte(v)) { // NaN and Infinity are not
			return []byte(v), nil
		}
	case "boolean":
		if v == "t" || v == "true" {
			return []byte("true"), nil
		}
		return []byte("false"), nil
	}
	return json.Marshal(v)
}
