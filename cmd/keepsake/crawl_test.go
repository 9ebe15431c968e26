package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wedsync/keepsake/internal/testenv"
)

// few is a platform of so few weddings that every page of it can be visited.
var few = []string{
	"create table organizations (id int primary key, name text)",
	"create table weddings (id int primary key, organization_id int references organizations, couple text, " +
		"wedding_date date)",
	"create table clients (id int primary key, wedding_id int references weddings, name text)",
	"create table suppliers (id int primary key, kind text, name text, contact_name text, phone text, email text)",
	"create table wedding_suppliers (wedding_id int references weddings, supplier_id int references suppliers, primary " +
		"key (wedding_id, supplier_id))",
	"insert into organizations values (1, 'White Dress')",
	"insert into weddings select i, 1, 'Ada & Ben ' || i, current_date + 20 * (i - 1) from generate_series(1, 2) i",
	"insert into clients select i, 1 + i % 2, 'Client ' || i from generate_series(1, 40) i",
	"insert into suppliers values (1, 'florist', 'Rose & Thistle', 'Ada O''Brien', '+44 1632 960001', " +
		"'hello@example.org')",
	"insert into wedding_suppliers select id, 1 from weddings",
}

const (
	mostCrawled = 600 // bounds a crawl that would not end
	mostAlike   = 6   // of addresses that differ in what is asked for alone
)

// crawl follows every link and sends every form for reading that can be reached from a page, as they stand and with
// every other choice, and returns the addresses that were answered.
func (v *visitor) crawl(from ...string) []string {
	v.t.Helper()
	seen, queue, by, alike := map[string]bool{}, from, map[string]string{}, map[string]int{}
	for len(queue) > 0 && len(seen) < mostCrawled {
		address := queue[0]
		queue = queue[1:]
		if alike[form(address)]++; seen[address] || alike[form(address)] > mostAlike {
			continue
		}
		seen[address] = true
		status, body := v.send(http.MethodGet, address, nil)
		if status >= http.StatusBadRequest {
			v.t.Errorf("%s, which %s leads to, is answered with %d: %.300s", address, by[address], status, wordsOf(body))
			continue
		}
		for _, next := range leads(v.t, address, body) {
			if _, known := by[next]; !known {
				by[next] = address
				queue = append(queue, next)
			}
		}
	}
	if len(queue) > 0 {
		v.t.Errorf("after %d addresses there are %d more, such as %s", len(seen), len(queue), queue[0])
	}
	var all []string
	for address := range seen {
		all = append(all, address)
	}
	slices.Sort(all)
	return all
}

// form is an address with the names of what it asks for, without the values.
func form(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	asked := []string{}
	for name, values := range u.Query() {
		if strings.Join(values, "") != "" {
			asked = append(asked, name)
		}
	}
	slices.Sort(asked)
	return u.Path + "?" + strings.Join(asked, "&")
}

// leads are the addresses on this server that a page's links and forms for reading lead to.
func leads(t *testing.T, page, body string) (out []string) {
	t.Helper()
	base, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return nil
	}
	add := func(href string, values url.Values) {
		u, err := base.Parse(href)
		if err != nil {
			t.Errorf("%s has the address %q: %v", page, href, err)
			return
		}
		if u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "/static/") || u.Path == "/api/docs" {
			return
		}
		if u.Fragment = ""; values != nil {
			u.RawQuery = values.Encode()
		}
		out = append(out, u.String())
	}
	for n := range doc.Descendants() {
		switch {
		case n.Data == "a" && attribute(n, "href") != "":
			add(attribute(n, "href"), nil)
		case n.Data == "form" && !strings.EqualFold(attribute(n, "method"), "post"):
			for _, values := range filled(n) {
				add(attribute(n, "action"), values)
			}
		case n.Data == "button" && strings.EqualFold(attribute(n, "formmethod"), "get"):
			for form := n.Parent; form != nil; form = form.Parent {
				if form.Data == "form" {
					add(attribute(n, "formaction"), filled(form)[0])
				}
			}
		}
	}
	return out
}

// filled are the ways to send a form: as it stands, and with each other choice of its lists.
func filled(form *html.Node) []url.Values {
	values, others := url.Values{}, [][2]string{}
	for n := range form.Descendants() {
		name, value := attribute(n, "name"), attribute(n, "value")
		switch {
		case n.Data == "input" && slices.Contains([]string{"radio", "checkbox"}, attribute(n, "type")):
			if has(n, "checked") {
				values.Add(name, value)
			} else {
				others = append(others, [2]string{name, value})
			}
		case n.Data == "input" && name != "":
			values.Add(name, value)
		case n.Data == "button" && name != "":
			if !values.Has(name) {
				values.Set(name, value)
			} else {
				others = append(others, [2]string{name, value})
			}
		case n.Data == "select":
			first := true
			for o := range n.Descendants() {
				if o.Data != "option" {
					continue
				}
				if first || has(o, "selected") {
					values.Set(name, attribute(o, "value"))
				} else {
					others = append(others, [2]string{name, attribute(o, "value")})
				}
				first = false
			}
		}
	}
	out := []url.Values{values}
	for _, other := range others {
		changed := url.Values{}
		for name, list := range values {
			changed[name] = slices.Clone(list)
		}
		changed.Set(other[0], other[1])
		out = append(out, changed)
	}
	return out
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// reaches fails unless a crawl came by each of these pages.
func reaches(t *testing.T, crawled []string, pages ...string) {
	t.Helper()
	for _, page := range pages {
		if !slices.ContainsFunc(crawled, func(address string) bool {
			path, _, _ := strings.Cut(address, "?")
			return path == page
		}) {
			t.Errorf("nothing leads to %s: %q", page, crawled)
		}
	}
}

// awaits waits until the console stands by without its own database, or does so no more.
func (v *visitor) awaits(standby bool) {
	v.t.Helper()
	v.until("/sign-in", func(status int, body string) bool {
		return status == http.StatusOK && strings.Contains(body, "own database does not answer") == standby
	})
}

// until reloads a page until it is as it should be.
func (v *visitor) until(page string, is func(status int, body string) bool) {
	v.t.Helper()
	var status int
	var body string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if status, body = v.send(http.MethodGet, page, nil); is(status, body) {
			return
		}
	}
	v.t.Fatalf("%s is still not as it should be: %d %s", page, status, wordsOf(body))
}

// TestNoLinkLeadsNowhere follows everything that can be reached in a console that is fresh, that has a backup, and both
// without the platform and without the console's own database: what a page offers is there.
func TestNoLinkLeadsNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	direct := w.platform
	var platform, database *testenv.Link
	w.env["PLATFORM"], platform = through(t, w.platform)
	w.withConsole(t)
	w.env["KEEPSAKE_CONSOLE_URL"], database = through(t, w.env["KEEPSAKE_CONSOLE_URL"])
	w.must(t, exitDone, "init")
	v := w.visitedAt(t)

	t.Run("nothing is backed up", func(t *testing.T) {
		v := v.of(t)
		reaches(t, v.crawl("/"), "/weddings", "/weddings/1", "/emergency", "/backups/new", "/points", "/operations",
			"/duties", "/organizations", "/audit", "/tokens")
		for _, page := range []string{"/weddings/1/then", "/weddings/1/contacts", "/weddings/1/changes",
			"/weddings/1/restore", "/platform/restore?everything=yes"} {
			if words := wordsOf(v.get(page, http.StatusOK)); !strings.Contains(words, "Nothing is saved yet") ||
				!strings.Contains(words, "Back up now") {
				t.Errorf("%s does not say what to do: %s", page, words)
			}
		}
		for _, page := range []string{"/weddings/1/export?format=csv", "/platform/export?everything=yes&format=csv",
			"/weddings/1/contacts.csv", "/weddings/1/contacts.vcf"} {
			if words := wordsOf(v.get(page, http.StatusNotFound)); !strings.Contains(words, "Nothing is saved yet") {
				t.Errorf("%s does not say what to do: %s", page, words)
			}
		}
	})
	without := func(name string, then func(t *testing.T, v *visitor)) {
		t.Run(name+" and without the platform", func(t *testing.T) {
			platform.Cut()
			defer platform.Restore()
			v := v.of(t)
			v.until("/", func(_ int, body string) bool { return strings.Contains(wordsOf(body), "platform does not answer") })
			then(t, v)
		})
		t.Run(name+" and without the console's own database", func(t *testing.T) {
			database.Cut()
			defer func() {
				database.Restore()
				v.of(t).awaits(false)
				v.of(t).signIn()
			}()
			v := v.of(t)
			v.awaits(true)
			v.signIn()
			then(t, v)
		})
	}
	without("nothing is backed up", func(_ *testing.T, v *visitor) { v.crawl("/") })

	w.must(t, exitDone, "backup")
	execute(t, direct, "delete from clients where wedding_id = 1")
	t.Run("it is backed up", func(t *testing.T) {
		reaches(t, v.of(t).crawl("/"), "/weddings/1/then",
			"/weddings/1/contacts", "/weddings/1/restore", "/weddings/1/export")
	})
	without("it is backed up", func(t *testing.T, v *visitor) {
		reaches(t, v.crawl("/"), "/weddings/1/then", "/weddings/1/contacts", "/weddings/1/export")
	})
}

// TestNoLinkLeadsNowhereBeforeThereIsARepository does the same in a console that was started before keepsake init.
func TestNoLinkLeadsNowhereBeforeThereIsARepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	w.withConsole(t)
	w.must(t, exitDone, "init")
	if err := os.RemoveAll(filepath.Join(w.dir, "repos")); err != nil {
		t.Fatal(err)
	}
	v := w.visitedAt(t)
	reaches(t, v.crawl("/"), "/weddings", "/emergency", "/backups/new")
}

// TestNoLinkLeadsNowhereWithAStandby does the same over a platform whose server is a standby.
func TestNoLinkLeadsNowhereWithAStandby(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, few...)
	dir := filepath.Join(t.TempDir(), "platform")
	start := func() *testenv.Postgres {
		p, err := testenv.StartPostgres(t.Context(),
			testenv.PostgresOptions{Dir: dir, Settings: map[string]string{"fsync": "off"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	primary := start()
	execute(t, primary.URL("postgres"), few...)
	w.env["PLATFORM"] = primary.URL("postgres")
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	primary.Stop()
	w.write(t, filepath.Join(dir, "standby.signal"), "")
	standby := start()
	w.env["PLATFORM"] = standby.URL("postgres")
	v := w.visited(t)
	if words := wordsOf(v.get("/emergency", http.StatusOK)); !strings.Contains(words,
		"The platform's server is a standby") {
		t.Errorf("the server is no standby: %s", words)
	}
	reaches(t, v.crawl("/"), "/weddings", "/weddings/1/then", "/weddings/1/contacts", "/emergency", "/backups/new")
}
