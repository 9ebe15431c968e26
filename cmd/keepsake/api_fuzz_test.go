package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/apiclient"
	"github.com/wedsync/keepsake/internal/testenv"
)

// asked is a request that was drawn, and what its answer must be.
type asked struct {
	method, path string
	query        []string // escaped, in order
	header       http.Header
	body         []byte
	refused      bool // the document does not allow it
	unpromised   bool // nothing in the document is about it: any refusal will do
}

// TestTheAPIKeepsItsWord sends, for every operation of the document, what it allows and what it does not, to the real
// program over PostgreSQL. Never is an answer a fault of ours; what the document does not allow is refused; every
// refusal is a problem document; and every answer has a status, a content type and a body that the document promises.
func TestTheAPIKeepsItsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	s := w.scripted(t, "read", "backup", "restore")
	c := readContract(t)
	client := s.client()
	done := client.ended(as[apiclient.Operation](t, http.StatusAccepted)(
		client.CreateBackupWithResponse(t.Context(), nil, apiclient.CreateBackup{
			Type:    apiclient.CreateBackupTypeIncremental,
			Wedding: new("3"),
		})).ID)
	tested := client.ended(as[apiclient.Operation](t, http.StatusAccepted)(
		client.StartTestWithResponse(t.Context(), nil, apiclient.StartTest{Point: done.Point})).ID)
	tests := as[apiclient.TestListBody](t, http.StatusOK)(client.ListTestsWithResponse(t.Context(), nil)).Tests
	execute(t, w.platform, "delete from clients where wedding_id = 3")
	lost := apiclient.Restore{Wedding: new("3")}
	restored := client.restore(lost, client.preview(lost))
	for _, name := range []string{"point", "from", "to", "wedding", "organization", "cursor"} {
		c.known[name] = []string{done.ID, *done.Point, tests[0].ID, "latest", "3", "now"}
	}
	for _, op := range c.operation {
		t.Run(op.id, func(t *testing.T) {
			c.known["id"] = []string{tested.ID}
			for under, id := range map[string]string{"/api/tests/": tests[0].ID, "/api/backups/recovery-points/": *done.Point,
				"/api/backups/restores/": *restored.Restore, "/api/weddings/": "3"} {
				if strings.HasPrefix(op.path, under) {
					c.known["id"] = []string{id}
				}
			}
			answered, refused := 0, 0
			testenv.Draws(t, 40, func(t *rapid.T) {
				a := c.ask(t, op)
				status, head, body := s.ask(t, a)
				what := fmt.Sprintf("%s %s?%s\n%v\n%.300q\n→ %d %.500s", a.method, a.path, strings.Join(a.query, "&"), a.header,
					a.body, status, body)
				if status < 400 {
					answered++
				} else {
					refused++
				}
				if status >= 500 {
					t.Fatalf("a fault of ours: %s", what)
				}
				if status < 400 && (a.refused || a.unpromised) {
					t.Fatalf("the document does not allow it: %s", what)
				}
				media := head.Get("Content-Type")
				if status >= 400 && !strings.HasPrefix(media, "application/problem+json") {
					t.Fatalf("no problem document but %q: %s", media, what)
				}
				if problem := map[string]any{}; status >= 400 && a.method != http.MethodHead {
					if err := json.Unmarshal(body, &problem); err != nil || problem["status"] != float64(status) ||
						problem["code"] == "" || problem["request_id"] == "" {
						t.Fatalf("no problem document: %s", what)
					}
				}
				if !a.unpromised {
					if broken := c.check(t, op, status, head, body); broken != "" {
						t.Fatalf("%s: %s", broken, what)
					}
				}
			})
			if refused == 0 || answered == 0 && op.method == http.MethodGet {
				t.Errorf("%d requests were answered, %d refused: this proves little", answered, refused)
			}
		})
	}
}

// ask draws a request for an operation.
func (c *contract) ask(t *rapid.T, op promised) asked {
	a := asked{method: op.method, path: op.path, header: http.Header{}}
	way := rapid.SampledFrom([]string{"allowed", "allowed", "parameter", "parameter", "body", "body", "bytes", "method",
		"nobody", "address"}).Draw(t, "way")
	parameters, _ := op.schema["parameters"].([]any)
	spoil := -1
	if way == "parameter" && len(parameters) > 0 {
		spoil = rapid.IntRange(0, len(parameters)-1).Draw(t, "which")
	}
	for i, raw := range parameters {
		p, _ := raw.(map[string]any)
		c.parameter(t, &a, schema(p), i == spoil)
	}
	if media := op.of("requestBody").of("content").of("application/json"); media != nil {
		a.header.Set("Content-Type", "application/json")
		value := c.allowed(t, media.of("schema"), "body")
		if fields, ok := value.(map[string]any); ok && way == "allowed" && op.id == "restore" {
			narrow(t, fields)
		}
		if bad, ok := any(nil), false; way == "body" {
			if bad, ok = c.spoiled(t, media.of("schema"), "body"); ok {
				value, a.refused = bad, true
			}
		}
		a.body, _ = json.Marshal(value) //nolint:errchkjson // drawn values can be written
		if way == "bytes" {
			c.bytes(t, &a)
		}
	}
	switch way {
	case "method":
		a.method = rapid.SampledFrom([]string{http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions,
			http.MethodPatch, http.MethodPost, "BREW"}).Draw(t, "method")
		is := strings.ToLower(a.method)
		if a.method == http.MethodHead { // what can be got has a head
			is = "get"
		}
		a.unpromised = a.method != op.method && c.doc.of("paths").of(op.path).of(is) == nil
		if !a.unpromised { // another operation's: its own turn comes
			a.method = op.method
		}
	case "nobody":
		a.header.Set("Authorization", rapid.SampledFrom(
			[]string{"", "Bearer", "Bearer ", "Basic YTpi", "Bearer ks_" + strings.Repeat("A", 52), "Bearer \xff\xfe",
				"bearer\tx", "Bearer " + strings.Repeat("y", 3000)}).Draw(t, "token"))
		a.refused = true
	case "address":
		a.path += rapid.SampledFrom([]string{"/", "/x", "//", "/..", "/%00", "/%2e%2e/x", "%20",
			"/" + strings.Repeat("x", 3000)}).Draw(t, "more")
		a.unpromised = !strings.HasSuffix(op.path, "}") && !strings.HasPrefix(op.path, "/api/weddings") &&
			!strings.HasPrefix(op.path, "/api/backups")
		if !a.unpromised { // it may be the address of another operation
			a.path = strings.TrimRight(op.path, "/")
			a.path = c.fill(t, a.path, parameters)
		}
	}
	a.path = c.fill(t, a.path, parameters)
	return a
}

// narrow makes a preview of a body that no schema can say how to make: it names one scope, and most that are drawn name
// none or many.
func narrow(t *rapid.T, fields map[string]any) {
	scopes := map[string]any{"wedding": "3", "organization": "5", "tiers": []string{"critical"}, "everything": true}
	for _, name := range append(slices.Sorted(maps.Keys(scopes)), "database", "confirm") {
		delete(fields, name)
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(scopes))).Draw(t, "scope")
	fields[name] = scopes[name]
}

// fill draws what stands for {id}.
func (c *contract) fill(t *rapid.T, path string, parameters []any) string {
	for _, raw := range parameters {
		p, _ := raw.(map[string]any)
		name, _ := p["name"].(string)
		if p["in"] != "path" || !strings.Contains(path, "{"+name+"}") {
			continue
		}
		value := fmt.Sprint(c.allowed(t, schema(p).of("schema"), name))
		if value == "" || value == "." || value == ".." ||
			slices.Contains([]string{"status", "recovery-points", "restores", "create", "restore"}, value) {
			value = "x"
		}
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path
}

// parameter draws one parameter of a query or a header, allowed or spoiled.
func (c *contract) parameter(t *rapid.T, a *asked, p schema, spoil bool) {
	name, _ := p["name"].(string)
	s := c.resolve(p.of("schema"))
	if p["in"] == "header" {
		if spoil && s.number("maxLength", 0) > 0 {
			a.header.Set(name, strings.Repeat("k", s.number("maxLength", 0)+1))
			a.refused = true
		} else if s["type"] == "string" && rapid.Bool().Draw(t, "with "+name) {
			a.header.Set(name, rapid.StringMatching(`[ -~]{1,60}`).Draw(t, name))
		}
		return
	}
	if p["in"] != "query" || !spoil && rapid.IntRange(0, 2).Draw(t, "with "+name) > 0 {
		return
	}
	escaped := url.QueryEscape(name) + "="
	if !spoil {
		a.query = append(a.query, escaped+url.QueryEscape(fmt.Sprint(c.allowed(t, s, name))))
		return
	}
	a.refused = true
	ways := []string{"twice", "unknown", "unreadable"}
	if s["type"] != "string" || s["enum"] != nil || s["format"] != nil || s["pattern"] != nil {
		ways = append(ways, "word")
	}
	if s["maxLength"] != nil {
		ways = append(ways, "long")
	}
	if s["minimum"] != nil {
		ways = append(ways, "low")
	}
	switch rapid.SampledFrom(ways).Draw(t, "how") {
	case "twice":
		value := url.QueryEscape(fmt.Sprint(c.allowed(t, s, name)))
		a.query = append(a.query, escaped+value, escaped+value)
	case "unknown":
		a.query = append(a.query, "no_such_parameter=1")
	case "unreadable":
		a.query = append(a.query, escaped+rapid.SampledFrom([]string{"%zz", "%", "a;b=c"}).Draw(t, "bytes"))
	case "word":
		a.query = append(a.query, escaped+"no+such+word%00")
	case "long":
		a.query = append(a.query, escaped+strings.Repeat("9", s.number("maxLength", 0)+1))
	case "low":
		a.query = append(a.query, escaped+fmt.Sprint(s.number("minimum", 0)-1))
	}
}

// bytes spoils a body that no value is written as.
func (c *contract) bytes(t *rapid.T, a *asked) {
	a.refused = true
	switch rapid.SampledFrom([]string{"cut", "twice", "empty", "large", "type", "encoding", "deep", "bom"}).Draw(t,
		"bytes") {
	case "cut":
		a.body = a.body[:len(a.body)-1]
	case "twice":
		a.body = append(a.body, a.body...)
	case "empty":
		a.body = nil
	case "large":
		a.body = append(bytes.Repeat([]byte(" "), 70_000), a.body...)
	case "type":
		a.header.Set("Content-Type", rapid.SampledFrom(
			[]string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
				"/", "application/cbor"}).Draw(t, "type"))
	case "encoding":
		a.body = bytes.ReplaceAll(a.body, []byte(`{`), []byte{'{', '"', 0xff, '"', ':', '1', ','})
	case "deep":
		a.body = append(bytes.Repeat([]byte(`{"labels":`), 3000), a.body...)
	case "bom":
		a.body = append([]byte("\xef\xbb\xbf"), a.body...)
	}
}

// ask sends what was drawn.
func (s script) ask(t *rapid.T, a asked) (int, http.Header, []byte) {
	address := s.base + a.path
	if len(a.query) > 0 {
		address += "?" + strings.Join(a.query, "&")
	}
	r, err := http.NewRequestWithContext(s.t.Context(), a.method, address, bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = a.header
	if a.header.Values("Authorization") == nil {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	client := http.Client{Timeout: 30 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", a.method, address, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", a.method, address, err)
	}
	return answer.StatusCode, answer.Header, body
}
