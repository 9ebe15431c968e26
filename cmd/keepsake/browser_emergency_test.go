package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/testenv"
)

// through puts a path that a test can cut in front of a database.
func through(t *testing.T, raw string) (string, *testenv.Link) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	link := testenv.Proxy(t, u.Host)
	u.Host = link.Address
	return u.String(), link
}

// watch measures the steps of somebody in a hurry.
type watch struct {
	t    *testing.T
	last time.Time
}

func (w *watch) step(name string) {
	w.t.Helper()
	w.t.Logf("%-55s %5.2f s", name, time.Since(w.last).Seconds())
	w.last = time.Now()
}

// TestEmergencyInTheBrowser walks in a browser through a wedding day on which one thing after the other goes away:
// rows, the platform, two providers, the console's own database.
func TestEmergencyInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)],
		"update weddings set wedding_date = current_date, couple = 'Zoë & Łukasz' where id = 3",
		"update weddings set wedding_date = current_date + 40 where id <> 3",
		"create table suppliers (id int primary key, kind text, name text, contact_name text, phone text, email text)",
		"insert into suppliers values (1, 'florist', 'Rose & Thistle', 'Ada O''Brien', '+44 1632 960001', "+
			"'hello@example.org'), (2, 'dj', 'Somebody else''s', null, null, null)",
		"create table wedding_suppliers (wedding_id int references weddings, supplier_id int references suppliers, primary "+
			"key (wedding_id, supplier_id))",
		"insert into wedding_suppliers values (3, 1), (4, 2)")...)
	direct := w.platform
	var platform, database *testenv.Link
	w.env["PLATFORM"], platform = through(t, w.platform)
	w.withConsole(t)
	w.env["KEEPSAKE_CONSOLE_URL"], database = through(t, w.env["KEEPSAKE_CONSOLE_URL"])
	p, stop := w.served(t)
	w.must(t, exitDone, "backup")
	const clients = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, direct, clients)
	execute(t, direct, "delete from clients where wedding_id = 3")
	signIn := map[string]string{"email": "ada@example.com", "password": consolePassword}

	// Rows are gone.
	clock := &watch{t, time.Now()}
	p.open("/sign-in?next=/emergency")
	p.fill("Sign in", signIn)
	p.reads("Today: 1 wedding")
	p.looks("emergency")
	clock.step("signed in, the emergency page is there")
	p.click("Vendor contacts now")
	p.reads("Call +44 1632 960001")
	clock.step("the vendors' telephone numbers are there")
	p.looks("emergency-contacts")
	if evaluate[bool](p, "document.body.innerText.includes('Somebody else')") {
		t.Error("another wedding's vendor is shown")
	}
	p.open("/emergency")
	clock.last = time.Now()
	p.click("Bring this wedding back")
	p.reads("Bring it back")
	clock.step("the comparison is there")
	p.fill("Bring it back", map[string]string{"confirm": "Zoë & Łukasz"})
	p.until("location.pathname.startsWith('/restores/') && document.readyState === 'complete'")
	clock.step("the wedding is restored")
	if n := query[int](t, direct, clients); n != all {
		t.Errorf("%d of %d clients are back", n, all)
	}

	// The platform is away, and two providers with it.
	platform.Cut()
	for _, name := range []string{"local", "second"} {
		dir := filepath.Join(w.dir, "repos", name)
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
	}
	p.open("/emergency")
	p.reads("The platform does not answer")
	p.reads("Zoë & Łukasz")
	p.reads("Restore everything") // the console has not heard of the point yet: the remaining provider has
	p.looks("emergency-without-platform")
	p.click("Vendor contacts now")
	p.reads("Rose & Thistle")
	p.open("/weddings/3/then")
	p.reads("Clients")
	p.open("/weddings/3/restore")
	p.reads("nothing can be brought back into it now")
	platform.Restore()

	// The console's own database is away. A second process that starts now helps as well.
	database.Cut()
	p.until("fetch('/emergency').then(r => r.redirected && r.url.includes('/sign-in'), () => false)")
	p.open("/emergency")
	p.reads("Keepsake's own database does not answer")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": "not this one, surely"})
	p.reads("do not match")
	p.fill("Sign in", signIn)
	p.reads("What do you need?")
	p.looks("emergency-standby")
	p.click("Vendor contacts now")
	p.reads("Rose & Thistle")
	for path, words := range map[string]string{"/weddings": "Zoë & Łukasz", "/weddings/3": "Timeline",
		"/points": "Recovery points", "/points/latest": "Tables", "/weddings/3/changes": "Nothing changed",
		"/backups/new": "nothing can be started"} {
		p.open(path)
		p.reads(words)
	}
	p.open("/weddings/3")
	p.looks("wedding-standby")
	second, stopSecond := w.serve(t)
	if page := get(t, second+"/sign-in"); !strings.Contains(page, "own database does not answer") {
		t.Errorf("a process that starts without the console database: %s", page)
	}

	// It is back, and everything with it.
	database.Restore()
	p.until("fetch('/operations').then(r => r.redirected && r.url.includes('/sign-in'), () => false)")
	p.open("/sign-in")
	p.fill("Sign in", signIn)
	p.reads("Next weddings")
	q := &person{t: t, ctx: p.ctx, base: second}
	q.open("/sign-in")
	q.until("fetch('/sign-in').then(r => r.text()).then(x => !x.includes('own database does not answer'), () => false)")
	stopSecond()
	stop()
}

// serve starts the console and returns its address; stop ends it and fails the test when that is not clean.
func (w *world) serve(t *testing.T) (base string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{address: make(chan string, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--config", w.config, "serve", "--address", "127.0.0.1:0"}, environ(w.env),
			stdio{strings.NewReader(""), io.Discard, testenv.Log("a console's log", l)})
	}()
	select {
	case address := <-l.address:
		return "http://" + address, func() {
			cancel()
			if code := <-ended; code != exitDone {
				t.Errorf("serve ended with %d\n%s", code, l)
			}
		}
	case code := <-ended:
		cancel()
		t.Fatalf("serve ended with %d:\n%s", code, l)
		return "", nil
	}
}
