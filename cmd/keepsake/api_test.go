package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/apiclient"
)

// script is a program that uses the JSON API.
type script struct {
	t           *testing.T
	base, token string
}

// answer is what came back.
type apiAnswer struct {
	t      *testing.T
	what   string
	status int
	head   http.Header
	body   []byte
}

func (s script) send(method, path string, body any, head ...string) apiAnswer {
	s.t.Helper()
	var b bytes.Buffer
	switch x := body.(type) {
	case nil:
	case string:
		b.WriteString(x)
	default:
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			s.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, &b)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return apiAnswer{s.t, method + " " + path, resp.StatusCode, resp.Header, all}
}

func (a apiAnswer) want(status int) apiAnswer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d\n%s", a.what, a.status, status, a.body)
	}
	if status >= 400 {
		p := field[map[string]any](a, "")
		if !strings.HasPrefix(a.head.Get("Content-Type"), "application/problem+json") || p["code"] == "" ||
			p["status"] != float64(status) {
			a.t.Errorf("%s: not a problem document: %s %s", a.what, a.head.Get("Content-Type"), a.body)
		}
	}
	return a
}

// field returns the value at a path such as operation.id of the answer; "" is all of it.
func field[T any](a apiAnswer, path string) T {
	a.t.Helper()
	var raw json.RawMessage = a.body
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		m := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &m); err != nil || m[name] == nil {
			a.t.Fatalf("%s: no %s in %s (%v)", a.what, path, a.body, err)
		}
		raw = m[name]
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		a.t.Fatalf("%s: %s: %v\n%s", a.what, path, err, a.body)
	}
	return v
}

// withToken signs in at the pages and makes a token there.
func withToken(t *testing.T, base string, scopes ...string) script {
	t.Helper()
	return tokenOf(t, base, "ada@example.com", scopes...)
}

// signedIn signs in at the pages and returns what posts a form there, follows where it leads and gives the page.
func signedIn(t *testing.T, base, email string) func(path string, form url.Values) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	post := func(path string, form url.Values) string {
		t.Helper()
		resp, err := browser.PostForm(base+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v\n%s", path, resp.StatusCode, err, b)
		}
		return string(b)
	}
	post("/sign-in", url.Values{"email": {email}, "password": {consolePassword}})
	return post
}

func tokenOf(t *testing.T, base, email string, scopes ...string) script {
	t.Helper()
	page := signedIn(t, base, email)("/tokens", url.Values{"name": {"a script for " + strings.Join(scopes, " ")},
		"scope": scopes, "days": {"7"}})
	token := regexp.MustCompile(`ks_[A-Z2-7]{52}`).FindString(page)
	if token == "" {
		t.Fatalf("no token on the page:\n%s", page)
	}
	return script{t, base, token}
}

// scripted serves the world's console and signs a script in there.
func (w *world) scripted(t *testing.T, scopes ...string) script {
	t.Helper()
	w.withConsole(t)
	w.must(t, exitDone, "init")
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	base, end := w.serve(t)
	t.Cleanup(end)
	s := withToken(t, base, scopes...)
	w.secrets = append(w.secrets, s.token)
	return s
}

// TestAPIRefusals: who is nobody, who may not, and what the document does not allow.
func TestAPIRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	base := w.scripted(t, "read").base
	for name, token := range map[string]string{"nobody": "", "somebody unknown": "ks_" + strings.Repeat("A", 52),
		"something else": "eyJhbGciOiJub25lIn0.e30."} {
		a := script{t, base, token}.send(http.MethodGet, "/api/backups/status", nil).want(http.StatusUnauthorized)
		if !strings.HasPrefix(a.head.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	reader := withToken(t, base, "read")
	reader.send(http.MethodGet, "/api/backups/status", nil).want(http.StatusOK)
	reader.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "full"}).want(http.StatusForbidden)
	reader.send(http.MethodPost, "/api/backups/restore",
		map[string]any{"everything": true, "confirm": map[string]any{"fingerprint": "x", "name": "everything"}}).want(
		http.StatusForbidden)
	writer := withToken(t, base, "backup")
	for _, path := range []string{"/api/backups/status", "/api/operations", "/api/backups/recovery-points",
		"/api/backups/recovery-points/latest", "/api/weddings", "/api/weddings/3", "/api/weddings/3/then",
		"/api/organizations", "/api/compliance", "/api/duties", "/api/providers", "/api/audit", "/api/audit/export",
		"/api/tests", "/api/tests/018f0000-0000-7000-8000-000000000001"} {
		writer.send(http.MethodGet, path, nil).want(http.StatusForbidden)
	}
	// A refusal is of who asks, and is not what somebody is answered later who may.
	reader.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "critical"},
		"Idempotency-Key", "nightly").want(http.StatusForbidden)
	writer.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "critical"}, "Idempotency-Key",
		"nightly").want(http.StatusAccepted)
	s := withToken(t, base, "read", "backup", "restore")
	for _, c := range []struct {
		path, body, location string
		status               int
	}{
		{"/api/backups/create", `{"type":"yearly"}`, "body.type", 422},
		{"/api/backups/create", `{"type":"full","colour":"red"}`, "body.colour", 422},
		{"/api/backups/create", `{}`, "body", 422},
		{"/api/backups/create", `{"type":"full","note":"` + strings.Repeat("x", 501) + `"}`, "body.note", 422},
		{"/api/backups/create", `{"Type":"full","type":"full"}`, "body.Type", 422},
		{"/api/backups/create", `{"type":"full","note":"a\u0000"}`, "body.note", 422},
		{"/api/backups/create", `{"type":"full","wedding":"a\u0000"}`, "body.wedding", 422},
		{"/api/backups/create", `{"type":"full","milestone":"tasting"}`, "body.milestone", 422},
		{"/api/backups/create", `{"type":"critical","wedding":"3"}`, "body.wedding", 422},
		{"/api/backups/recovery-points", `{"labels":{"":"x"}}`, "body.labels", 422},
		{"/api/backups/create", `not json`, "", 400},
		{"/api/backups/create", `{"type":"incremental","type":"full"}`, "body", 400},
		{"/api/backups/recovery-points", `{"labels":{"app":"4.1","app":"4.2"}}`, "body", 400},
		{"/api/backups/create", `{"type":"full","note":"` + strings.Repeat("x", 70_000) + `"}`, "", 413},
		{"/api/backups/restore", `{}`, "body", 422},
		{"/api/backups/restore", `{"wedding":"3","everything":true}`, "body", 422},
		{"/api/backups/restore", `{"wedding":"3","database":{"name":"x"}}`, "body.confirm", 422},
		{"/api/backups/restore", `{"wedding":"3","confirm":{"name":"Ada"}}`, "body.confirm.fingerprint", 422},
		{"/api/backups/restore", `{"wedding":"nobody"}`, "", 404},
		{"/api/tests", `{"point":"20200101T000000Z-000000000000"}`, "", 404},
	} {
		a := s.send(http.MethodPost, c.path, c.body)
		if a.status != c.status && !(c.status == 404 && a.status == 422) {
			t.Errorf("%s %.60s: %d, want %d\n%s", c.path, c.body, a.status, c.status, a.body)
			continue
		}
		if c.location != "" && !strings.Contains(string(a.body), `"location":"`+c.location) {
			t.Errorf("%s %.60s: the field %s is not named: %s", c.path, c.body, c.location, a.body)
		}
	}
	for path, status := range map[string]int{"/api/nothing": 404, "/api/operations?kind=party": 422,
		"/api/operations?limit=0": 422, "/api/operations?colour=red": 422, "/api/operations?cursor=x": 422,
		"/api/backups/x":                 404,
		"/api/backups/recovery-points/x": 404, "/api/weddings/nobody": 404, "/api/weddings/3/then?point=x": 404,
		"/api/backups/" + strings.Repeat("x", 65): 422} {
		s.send(http.MethodGet, path, nil).want(status)
	}
	for _, list := range []string{"/api/operations", "/api/tests", "/api/backups/recovery-points"} {
		if a := s.send(http.MethodGet, list+"?cursor=x", nil).want(http.StatusUnprocessableEntity); !strings.Contains(
			string(a.body), `"location":"query.cursor"`) {
			t.Errorf("%s: the cursor is not named: %s", list, a.body)
		}
	}
	// Every field that is wrong is named, at once, and no value of it is told: it may be a password.
	wrong := s.send(http.MethodPost, "/api/backups/create", `{"type":"yearly","note":7,"colour":"secret red"}`).want(
		http.StatusUnprocessableEntity)
	for _, name := range []string{"body.type", "body.note", "body.colour"} {
		if !strings.Contains(string(wrong.body), `"location":"`+name+`"`) || strings.Contains(string(wrong.body), "secret") {
			t.Errorf("%s: %s", name, wrong.body)
		}
	}
	// A page's cookie counts for nothing, and the document and its reference are for everybody.
	nobody := script{t, base, ""}
	nobody.send(http.MethodGet, "/api/docs", nil).want(http.StatusOK)
	if v := field[string](nobody.send(http.MethodGet, "/api/openapi.json", nil).want(http.StatusOK),
		"openapi"); !strings.HasPrefix(v, "3.1") {
		t.Errorf("OpenAPI %s", v)
	}
}

// limit of the type full is two an hour, and the headers say so.
func TestAPIRateLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup")
	c := s.client()
	for left := range 2 {
		reply, err := c.CreateBackupWithResponse(t.Context(), nil,
			apiclient.CreateBackup{Type: apiclient.CreateBackupTypeFull})
		c.ended(as[apiclient.Operation](t, http.StatusAccepted)(reply, err).ID)
		if limit := reply.HTTPResponse.Header.Get("RateLimit"); !strings.HasPrefix(limit,
			fmt.Sprintf(`"full";r=%d`, 1-left)) {
			t.Errorf("RateLimit: %s", limit)
		}
	}
	a := s.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "full"},
		"Idempotency-Key", fmt.Sprint(time.Now())).want(http.StatusTooManyRequests)
	if a.head.Get("Retry-After") == "" || !strings.Contains(a.head.Get("RateLimit-Policy"), "q=2") {
		t.Errorf("%v", a.head)
	}
	s.send(http.MethodPost, "/api/backups/create", map[string]any{"type": "critical"}).want(http.StatusAccepted)
}

// TestIdempotencyKeyIsOneOperation: twenty requests at once under one key, at two processes, are one operation; so are
// those after the process died that would have answered; and a token that may do less is not answered what one that may
// do more was.
func TestIdempotencyKeyIsOneOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	second, end := w.serve(t)
	t.Cleanup(end)
	both := []script{s, {t, second, s.token}}
	answers := make([]apiAnswer, 20)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			answers[i] = both[i%2].send(http.MethodPost, "/api/backups/create", map[string]any{"type": "full"},
				"Idempotency-Key", "one")
		})
	}
	wg.Wait()
	first := answers[0].want(http.StatusAccepted)
	for _, a := range answers {
		if a.status != http.StatusAccepted || string(a.body) != string(first.body) ||
			a.head.Get("Location") != first.head.Get("Location") {
			t.Errorf("%d %s %s, the first: %s", a.status, a.head.Get("Location"), a.body, first.body)
		}
	}
	point := s.client().ended(field[string](first, "id")).Point
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	ask := apiclient.Restore{Wedding: new("3"), Point: point}
	shown := s.client().preview(ask)
	ask.Confirm = &apiclient.Confirm{Fingerprint: &shown.Fingerprint, Name: "Somebody Else"} // below, it is no operation
	if a := s.send(http.MethodPost, "/api/backups/restore", ask).want(http.StatusUnprocessableEntity); !strings.Contains(
		string(a.body), "That is not the name") {
		t.Errorf("a wrong name: %s", a.body)
	}
	ask.Confirm = &apiclient.Confirm{Fingerprint: &shown.Fingerprint, Name: shown.Name}
	restored := s.send(http.MethodPost, "/api/backups/restore", ask, "Idempotency-Key", "two").want(http.StatusAccepted)
	s.client().ended(field[string](restored, "operation.id"))

	w.asOwner(t, "set keepsake.role = 'system'; update idempotency_keys set status = null, headers = '{}', body = '', "+
		"created_at = created_at - interval '2 minutes'")
	for key, c := range map[string]struct {
		path, id string
		body     any
		was      apiAnswer
	}{"one": {"/api/backups/create", "id", map[string]any{"type": "full"}, first},
		"two": {"/api/backups/restore", "operation.id", ask, restored}} {
		for range 2 {
			a := s.send(http.MethodPost, c.path, c.body, "Idempotency-Key", key).want(http.StatusAccepted)
			if field[string](a, c.id) != field[string](c.was, c.id) || a.head.Get("Location") != c.was.head.Get("Location") ||
				a.head.Get("Idempotent-Replayed") != "true" || a.head.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v %s, was %s", key, a.head, a.body, c.was.body)
			}
		}
		withToken(t, s.base, "read").send(http.MethodPost, c.path, c.body, "Idempotency-Key", key).want(http.StatusConflict)
	}
	if n := len(field[[]any](s.send(http.MethodGet, "/api/operations", nil), "operations")); n != 2 {
		t.Errorf("%d operations", n)
	}
}
