package scope

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/export"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Contact is one vendor of a wedding.
type Contact struct {
	Kind  string `json:"kind,omitempty"`
	Name  string `json:"name"`
	Who   string `json:"contact,omitempty"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
	Place string `json:"place,omitempty"`
}

// Contacts returns the vendors of the scope, ordered by kind and name.
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
			out = append(out, Contact{
				Kind:  get(m.Kind),
				Name:  get(m.Name),
				Who:   get(m.Contact),
				Phone: get(m.Phone),
				Email: get(m.Email),
				Place: get(m.Place),
			})
		}
	}
	slices.SortFunc(out, CompareContacts)
	return out
}

// CompareContacts orders contacts by kind and name.
func CompareContacts(a, b Contact) int {
	return strings.Compare(a.Kind+"\x00"+a.Name, b.Kind+"\x00"+b.Name)
}

// ContactsCSV writes contacts for a spreadsheet.
func ContactsCSV(w io.Writer, list []Contact) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"kind", "name", "contact", "phone", "email", "place"}}
	for _, x := range list {
		rows = append(rows, []string{export.Cell(x.Kind), export.Cell(x.Name), export.Cell(x.Who), export.Cell(x.Phone),
			export.Cell(x.Email), export.Cell(x.Place)})
	}
	return c.WriteAll(rows)
}

// ContactsVCard writes contacts for a phone (RFC 6350). A test lets emersion/go-vcard read them. That library does not
// write them: it does not escape semicolons in the parts of ORG and ADR, folds no line, and lets control characters
// through.
func ContactsVCard(w io.Writer, list []Contact) error {
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", "", ",", `\,`, ";", `\;`)
	escape := func(s string) string { // a control character ends a line, or a contact, in some phones
		return strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				return -1
			}
			return r
		}, escaped.Replace(strings.ToValidUTF8(s, "\uFFFD")))
	}
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
			lines[i] = wrapped(line)
		}
		if _, err := io.WriteString(w, strings.Join(lines, "\r\n")); err != nil {
			return err
		}
	}
	return nil
}

// wrapped cuts a line into pieces of at most 75 bytes, never inside a character (RFC 6350, 3.2).
func wrapped(line string) string {
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
