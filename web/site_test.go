package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/testenv"
	"github.com/wedsync/keepsake/web"
)

// site is a running console of fakes, and one browser that keeps cookies and follows no redirect.
type site struct {
	t       *testing.T
	console *fakeConsole
	auth    *fakeAuth
	tokens  *fakeTokens
	url     string
	client  *http.Client
	log     *locked
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOf(t, func(*web.Deps) {})
}

// newSiteOf is newSite with other settings.
func newSiteOf(t *testing.T, set func(*web.Deps)) *site {
	t.Helper()
	s := &site{t: t, console: newFakeConsole(), auth: newFakeAuth(), tokens: newFakeTokens(), log: &locked{}}
	d := web.Deps{
		Console:     s.console,
		Auth:        s.auth,
		Credentials: s.tokens,
		Logger: slog.New(slog.NewTextHandler(testenv.Log("the console's log", s.log),
			&slog.HandlerOptions{Level: slog.LevelDebug})),
		SessionSecret: testSecret,
		Version:       "test",
		Now:           func() time.Time { return moment },
		Stream: handlers.StreamTiming{
			Gap:       time.Millisecond,
			Heartbeat: 20 * time.Millisecond,
			Life:      time.Minute,
			Patience:  time.Second,
		},
	}
	set(&d)
	e, err := web.New(d)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.url = server.URL
	s.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return s
}

// signedIn is a site whose browser has signed in through the form.
func signedIn(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	a := s.post("/sign-in", url.Values{"email": {admin.Name}, "password": {"right"}, "next": {"/"}})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Fatalf("sign in gave %d to %q", a.status, a.header.Get("Location"))
	}
	return s
}

// answer is what came back, with its body parsed.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	doc    *html.Node
}

func (s *site) get(path string, header ...string) answer {
	return s.do(http.MethodGet, path, nil, header...)
}

func (s *site) post(path string, form url.Values, header ...string) answer {
	return s.do(http.MethodPost, path, form, header...)
}

// do sends a request; header is pairs of names and values.
func (s *site) do(method, path string, form url.Values, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	testenv.Saw("the page "+path, string(body))
	for _, secret := range form["password"] {
		testenv.Secret("a password", secret)
	}
	for _, c := range resp.Cookies() {
		if c.Name == "keepsake_session" {
			testenv.Secret("a session's cookie", c.Value)
		}
	}
	doc, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(body), doc: doc}
}

// want fails unless the status is the one given.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status is %d, want %d: %s", a.status, status, a.text())
	}
	return a
}

// says fails unless the visible text holds every string.
func (a answer) says(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			a.t.Errorf("the page does not say %q: %s", text, a.text())
		}
	}
	return a
}

// text is the visible text of the page, with white space folded.
func (a answer) text() string {
	var b strings.Builder
	for n := range a.doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// all returns the elements of a name for which an attribute has a value; "" as the attribute takes all of them.
func (a answer) all(element, attribute, value string) []*html.Node {
	var out []*html.Node
	for n := range a.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == element && (attribute == "" || attr(n, attribute) == value) {
			out = append(out, n)
		}
	}
	return out
}

// one returns the only such element.
func (a answer) one(element, attribute, value string) *html.Node {
	a.t.Helper()
	found := a.all(element, attribute, value)
	if len(found) != 1 {
		a.t.Fatalf("there are %d <%s %s=%q>, want one", len(found), element, attribute, value)
	}
	return found[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// fields returns what a browser without script would send with a form: its hidden, typed and checked values.
func fields(form *html.Node) url.Values {
	out := url.Values{}
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && n.Data == "select" {
			out.Add(attr(n, "name"), chosen(n))
		}
		if n.Type != html.ElementNode || n.Data != "input" || attr(n, "name") == "" {
			continue
		}
		kind := attr(n, "type")
		checked := false
		for _, a := range n.Attr {
			checked = checked || a.Key == "checked"
		}
		if (kind == "radio" || kind == "checkbox") && !checked {
			continue
		}
		out.Add(attr(n, "name"), attr(n, "value"))
	}
	return out
}

// chosen is the value of the option that a select shows: the selected one, or the first.
func chosen(list *html.Node) (value string) {
	first := true
	for o := range list.Descendants() {
		if o.Type != html.ElementNode || o.Data != "option" {
			continue
		}
		selected := slices.ContainsFunc(o.Attr, func(a html.Attribute) bool { return a.Key == "selected" })
		if first || selected {
			value = attr(o, "value")
		}
		first = false
	}
	return value
}

// readAll reads the whole of an answer, and says when it broke off.
func readAll(resp *http.Response) (string, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestMain(m *testing.M) {
	testenv.Secret("the session secret", testSecret)
	testenv.Main(m)
}
