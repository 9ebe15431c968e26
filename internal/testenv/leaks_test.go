package testenv

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"
)

// TestLeaksAreFound in logs and pages, before a secret is known and after, and encoded; and never said again.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	const secret = "correct horse & battery"
	for name, text := range map[string]string{"as it is": "password=" + secret,
		"percent-encoded": "?p=correct+horse+%26+battery", "base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"nothing": "password=[secret]"} {
		l := &leakage{secrets: map[string]string{}}
		l.saw("a log", text)
		l.secret("a password", secret)
		l.secret("a short one", "is it")
		found := strings.Join(l.leaked(), "\n")
		if want := name != "nothing"; (found != "") != want || want && !strings.Contains(found, "a log holds a password") {
			t.Errorf("%s: %q", name, found)
		}
		if strings.Contains(found, secret) {
			t.Errorf("%s: the secret is said again: %q", name, found)
		}
	}
	var b strings.Builder
	if _, err := io.WriteString(Log("a log", &b), "line"); err != nil || b.String() != "line" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
