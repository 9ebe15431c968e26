package scope

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-vcard"
	"pgregory.net/rapid"
)

// TestContactsAreReadByOthers lets a reader of vCards that is not Keepsake's read what was written: every field comes
// back as it was, without what a phone must not be given.
func TestContactsAreReadByOthers(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.RuneFrom([]rune(`ab,;:\"'=é漢😀`)))
	// The reader cannot tell a backslash before a part's end.
	plain := rapid.StringOf(rapid.RuneFrom([]rune(`ab,;:"'=é漢😀`)))
	rapid.Check(t, func(t *rapid.T) {
		list := make([]Contact, rapid.IntRange(1, 3).Draw(t, "contacts"))
		for i := range list {
			at := func(name string, of *rapid.Generator[string]) string {
				return of.Draw(t, name) + strings.Repeat(" x", rapid.IntRange(0, 60).Draw(t, name))
			}
			list[i] = Contact{
				Kind:  at("kind", text),
				Name:  "N" + at("name", text),
				Who:   at("who", text),
				Phone: at("phone", text),
				Email: at("email", text),
				Place: at("place", plain),
			}
		}
		var b bytes.Buffer
		if err := ContactsVCard(&b, list); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\r\n") {
			if len(line) > 75 {
				t.Errorf("a line of %d bytes: %q", len(line), line)
			}
		}
		cards := vcard.NewDecoder(&b)
		for _, c := range list {
			card, err := cards.Decode()
			if err != nil {
				t.Fatal(err)
			}
			for field, want := range map[string]string{vcard.FieldFormattedName: orElse(c.Who, c.Name),
				vcard.FieldOrganization: c.Name, vcard.FieldTitle: c.Kind, vcard.FieldTelephone: c.Phone,
				vcard.FieldEmail: c.Email} {
				// The reader leaves the semicolons of a text as they were written: only a list of parts has any.
				if got := strings.ReplaceAll(card.Value(field), `\;`, ";"); got != want {
					t.Errorf("%s is %q, was %q", field, got, want)
				}
			}
			if c.Place != "" {
				want := []string{"", "", "", strings.ReplaceAll(c.Place, ";", `\;`), "", "", ""}
				if got := parts(card.Value(vcard.FieldAddress)); !slices.Equal(got, want) {
					t.Errorf("the address is %q, was %q", got, want)
				}
			}
		}
		if _, err := cards.Decode(); !errors.Is(err, io.EOF) {
			t.Errorf("more cards than contacts: %v", err)
		}
	})
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// parts splits a value at the semicolons that are not escaped.
func parts(value string) []string {
	list := strings.Split(strings.ReplaceAll(value, `\;`, "\x00"), ";")
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "\x00", `\;`)
	}
	return list
}
