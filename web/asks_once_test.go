package web_test

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// takesAway are the words of buttons that delete, end or revoke something.
var takesAway = regexp.MustCompile(`^(Forget|End|Revoke|Delete|Remove|Undo)\b`)

// asksOnce fails where one tap on a page takes something away: such a button lies behind a summary that opens first.
func asksOnce(t *testing.T, page, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Data != "button" || n.FirstChild == nil || !takesAway.MatchString(strings.TrimSpace(n.FirstChild.Data)) {
			continue
		}
		folded := false
		for up := n.Parent; up != nil; up = up.Parent {
			folded = folded || up.Data == "details"
		}
		if !folded {
			t.Errorf("%s: one tap on %q is enough", page, strings.TrimSpace(n.FirstChild.Data))
		}
	}
}
