package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// visitor is somebody who is signed in, at a browser without script.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

// visited makes the console database and the repository, serves the console and signs ada in.
func (w *world) visited(t *testing.T) *visitor {
	t.Helper()
	w.withConsole(t)
	w.must(t, exitDone, "init")
	return w.visitedAt(t)
}

// visitedAt is visited with the console database and the repository that the world has.
func (w *world) visitedAt(t *testing.T) *visitor {
	t.Helper()
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	base, stop := w.serve(t)
	t.Cleanup(stop)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, base: base, client: &http.Client{Jar: jar}}
	v.signIn()
	return v
}

// of is the same visitor in a part of the test.
func (v *visitor) of(t *testing.T) *visitor { return &visitor{t, v.base, v.client} }

func (v *visitor) signIn() {
	v.t.Helper()
	if status, body := v.send(http.MethodPost, "/sign-in",
		url.Values{"email": {"ada@example.com"}, "password": {consolePassword}}); status != http.StatusOK {
		v.t.Fatalf("sign in: %d %s", status, wordsOf(body))
	}
}

func (v *visitor) send(method, path string, form url.Values) (status int, body string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// get returns a page that must be answered with a status.
func (v *visitor) get(path string, want int) string {
	v.t.Helper()
	status, body := v.send(http.MethodGet, path, nil)
	if status != want {
		v.t.Errorf("%s is answered with %d, want %d: %.600s", path, status, want, wordsOf(body))
	}
	return body
}

// wordsOf is what a page says to those who look at it.
func wordsOf(page string) string {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
