package testenv

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
)

// leaks is everything that the tests of this binary saw of logs, output and pages, and every secret that they used.
var leaks = &leakage{secrets: map[string]string{}}

type leakage struct {
	mu      sync.Mutex
	seen    []sighting
	secrets map[string]string // by itself and its encodings: what it is
}

type sighting struct {
	where string
	text  []byte
}

// shortestSecret keeps words that stand in any sentence from being taken for a secret.
const shortestSecret = 8

// Secret tells what no log line, output or page of any test of this binary may hold, before or after: a password, a
// session's token, a connection URL, a key, a code. Main fails where one does. It is looked for as it is,
// percent-encoded, and in base64 and hexadecimal.
func Secret(what, secret string) { leaks.secret(what, secret) }

func (l *leakage) secret(what, secret string) {
	if len(secret) < shortestSecret {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
		l.secrets[s] = what
	}
}

// DSN is Secret for the password of a connection URL, as the URL writes it too.
func DSN(raw string) {
	u, err := url.Parse(raw)
	if err != nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		Secret("the password of a connection URL", password)
		_, written, _ := strings.Cut(u.User.String(), ":")
		Secret("the password of a connection URL", written)
	}
}

// Saw keeps text that somebody may read: a page, what a program printed.
func Saw(where, text string) { leaks.saw(where, text) }

func (l *leakage) saw(where, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, sighting{where, []byte(text)})
}

// Log returns a writer that keeps what is written, as a log that somebody may read, and passes it on to w; nil: to
// nobody.
func Log(where string, w io.Writer) io.Writer {
	if w == nil {
		w = io.Discard
	}
	return &logWriter{where, w}
}

type logWriter struct {
	where string
	w     io.Writer
}

func (l *logWriter) Write(p []byte) (int, error) {
	Saw(l.where, string(p))
	return l.w.Write(p)
}

// leaked returns every place that holds a secret, without the secret.
func (l *leakage) leaked() (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.seen {
		for secret, what := range l.secrets {
			if i := bytes.Index(s.text, []byte(secret)); i >= 0 {
				from, to := max(0, i-80), min(len(s.text), i+len(secret)+80)
				around := strings.ReplaceAll(string(s.text[from:to]), secret, "[HERE]")
				found = append(found, fmt.Sprintf("%s holds %s: …%s…", s.where, what, around))
			}
		}
	}
	return found
}
