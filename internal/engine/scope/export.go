package scope

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TableRows are a table's rows in text, nil for null.
type TableRows struct {
	Table   string
	Belongs Belonging
	Columns []repository.Column
	Rows    [][]*string
}

// Texts returns the rows of a scope in text, owned tables first, without any database.
func Texts(p *Plan, rows *Rows) ([]TableRows, error) {
	r := NewReader()
	var out []TableRows
	for _, t := range append(p.Of(Owned), p.Of(Shared)...) {
		list := TableRows{Table: t.Name, Belongs: t.Belongs, Columns: t.Columns}
		for _, part := range rows.Tables[t.Name] {
			for _, row := range part.Rows {
				if err := r.add(&list, part.Part, row); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, list)
	}
	return out, nil
}

// add appends a row of a table or of one of its partitions.
func (r *Reader) add(list *TableRows, part *repository.Table, row []byte) error {
	values, err := r.Values(part, row)
	if err != nil {
		return keepsake.Errorf(keepsake.CodeDamaged, "a row of %s cannot be read: %w", list.Table, err)
	}
	list.Rows = append(list.Rows, inOrder(part.Columns, list.Columns, values))
	return nil
}

// addAll appends every row of a plaintext.
func (r *Reader) addAll(list *TableRows, part *repository.Table, plain []byte) error {
	for len(plain) > 0 {
		row, rest, err := repository.NextRow(plain, part.Format)
		if err != nil {
			return keepsake.Errorf(keepsake.CodeDamaged, "a chunk of table %s holds no whole rows: %w", list.Table, err)
		}
		if err := r.add(list, part, row); err != nil {
			return err
		}
		plain = rest
	}
	return nil
}

// ReadTable reads all rows of one table in text, MaxBytes of them at most.
func ReadTable(ctx context.Context, t *Table, src Chunks) (TableRows, error) {
	list := TableRows{Table: t.Name, Belongs: t.Belongs, Columns: t.Columns}
	r, size := NewReader(), int64(0)
	for _, part := range t.parts {
		for _, group := range groups(part) {
			err := open(ctx, src, part.Format, group, func(plain []byte) error {
				if size += int64(len(plain)); size > MaxBytes {
					return keepsake.Errorf(keepsake.CodeUnsupported, "table %s has more than %d MiB, which is too much to look through", t.Name, MaxBytes>>20)
				}
				return r.addAll(&list, part, plain)
			})
			if err != nil {
				return list, err
			}
		}
	}
	return list, nil
}

// inOrder brings a partition's values into the order of the whole table's columns.
func inOrder(have, want []repository.Column, values []*string) []*string {
	if slices.Equal(have, want) {
		return values
	}
	out := make([]*string, len(want))
	for i, c := range want {
		if j := slices.IndexFunc(have, func(h repository.Column) bool { return h.Name == c.Name }); j >= 0 {
			out[i] = values[j]
		}
	}
	return out
}

// Export writes a ZIP with one file for each table that has rows, as format csv or json, and nothing to disk. In CSV null is an
// empty field like an empty text; JSON tells them apart.
func Export(w io.Writer, tables []TableRows, format string) error {
	archive := zip.NewWriter(w)
	for _, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		folder := ""
		if t.Belongs == Shared {
			folder = "shared/"
		}
		f, err := archive.Create(folder + strings.TrimPrefix(t.Table, "public.") + "." + format)
		if err != nil {
			return err
		}
		switch format {
		case "csv":
			err = writeCSV(f, t)
		case "json":
			err = writeJSON(f, t)
		default:
			err = keepsake.Errorf(keepsake.CodeInvalid, "There is no format %q: use csv or json.", format)
		}
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

func writeCSV(w io.Writer, t TableRows) error {
	c := csv.NewWriter(w)
	head := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		head[i] = col.Name
	}
	if err := c.Write(head); err != nil {
		return err
	}
	fields := make([]string, len(t.Columns))
	for _, row := range t.Rows {
		for i, v := range row {
			fields[i] = ""
			if v != nil {
				fields[i] = harmless(*v)
			}
		}
		if err := c.Write(fields); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// harmless keeps spreadsheets from taking a value for a formula: guests choose their own names.
func harmless(v string) string {
	if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) && strings.Trim(v, "+-.0123456789 ()") != "" {
		return "'" + v
	}
	return v
}

func writeJSON(w io.Writer, t TableRows) error {
	if _, err := io.WriteString(w, "[\n"); err != nil {
		return err
	}
	for i, row := range t.Rows {
		var b strings.Builder
		for j, v := range row {
			name, err := json.Marshal(t.Columns[j].Name)
			if err != nil {
				return err
			}
			value := []byte("null")
			if v != nil {
				if value, err = jsonValue(t.Columns[j].Type, *v); err != nil {
					return err
				}
			}
			if j > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s: %s", name, value)
		}
		end := ",\n"
		if i == len(t.Rows)-1 {
			end = "\n"
		}
		if _, err := io.WriteString(w, "  {"+b.String()+"}"+end); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "]\n")
	return err
}

// jsonValue writes numbers, booleans and JSON as they are and everything else as text.
func jsonValue(typ, v string) ([]byte, error) {
	switch baseType(typ) {
	case "json", "jsonb", "integer", "bigint", "smallint", "numeric", "real", "double precision":
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

// Contact is one vendor of a wedding.
type Contact struct {
	Kind  string `json:"kind,omitempty"`
	Name  string `json:"name"`
	Who   string `json:"contact,omitempty"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
	Place string `json:"place,omitempty"`
}

// Contacts returns the vendors of the scope, by kind and name.
func Contacts(tables []TableRows, m keepsake.VendorTable) []Contact {
	var out []Contact
	for _, t := range tables {
		if t.Table != keepsake.QualifiedName(m.Table) {
			continue
		}
		for _, row := range t.Rows {
			get := func(column string) string {
				i := slices.IndexFunc(t.Columns, func(c repository.Column) bool { return column != "" && c.Name == column })
				if i < 0 || row[i] == nil {
					return ""
				}
				return *row[i]
			}
			out = append(out, Contact{Kind: get(m.Kind), Name: get(m.Name), Who: get(m.Contact), Phone: get(m.Phone), Email: get(m.Email), Place: get(m.Place)})
		}
	}
	slices.SortFunc(out, func(a, b Contact) int { return strings.Compare(a.Kind+"\x00"+a.Name, b.Kind+"\x00"+b.Name) })
	return out
}

// ContactsCSV writes contacts for a spreadsheet.
func ContactsCSV(w io.Writer, list []Contact) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"kind", "name", "contact", "phone", "email", "place"}}
	for _, x := range list {
		rows = append(rows, []string{harmless(x.Kind), harmless(x.Name), harmless(x.Who), harmless(x.Phone), harmless(x.Email), harmless(x.Place)})
	}
	return c.WriteAll(rows)
}

// ContactsVCard writes contacts for a phone (RFC 6350).
func ContactsVCard(w io.Writer, list []Contact) error {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", "", ",", `\,`, ";", `\;`).Replace
	for _, x := range list {
		name := x.Who
		if name == "" {
			name = x.Name
		}
		lines := []string{"BEGIN:VCARD", "VERSION:4.0", "FN:" + escape(name), "ORG:" + escape(x.Name)}
		for _, f := range [][2]string{{"TITLE:", x.Kind}, {"TEL:", x.Phone}, {"EMAIL:", x.Email}, {"ADR:;;;", x.Place}} {
			if f[1] != "" {
				line := f[0] + escape(f[1])
				if f[0] == "ADR:;;;" {
					line += ";;;"
				}
				lines = append(lines, line)
			}
		}
		lines = append(lines, "END:VCARD", "")
		for i, line := range lines {
			lines[i] = fold(line)
		}
		if _, err := io.WriteString(w, strings.Join(lines, "\r\n")); err != nil {
			return err
		}
	}
	return nil
}

// fold cuts a line into pieces of at most 75 bytes, never inside a character (RFC 6350, 3.2).
func fold(line string) string {
	const most = 75
	var b strings.Builder
	n := 0
	for _, r := range line {
		if size := len(string(r)); n+size > most {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += len(string(r))
	}
	return b.String()
}
