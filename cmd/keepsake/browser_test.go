package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/testenv"
	"github.com/wedsync/keepsake/internal/testenv/axe"
	"github.com/wedsync/keepsake/internal/testenv/browser"
)

// patience is how long the browser waits for anything to become true.
const patience = 60 * time.Second

// pause is between two looks at a page for what becomes true.
const pause = 100 * time.Millisecond

// person is somebody at a browser.
type person struct {
	t     *testing.T
	ctx   context.Context
	base  string
	plain bool // the browser runs no scripts of the page's
}

// sitDown starts a browser.
func sitDown(t *testing.T, base string) *person {
	t.Helper()
	return &person{t: t, ctx: browser.Open(t), base: base}
}

// newTab opens a second tab of the same browser.
func (p *person) newTab() *person {
	ctx, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	return &person{t: p.t, ctx: ctx, base: p.base}
}

func (p *person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
}

// evaluate runs an expression in the page.
func evaluate[T any](p *person, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to become true.
func (p *person) until(expression string) {
	p.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if p.plain { // polling would be a script of the page's
			is, failed := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
			if err = failed; is && err == nil {
				return
			}
			<-time.After(pause)
			continue
		}
		// By itself it would look at each frame, sixty times a second, which lays out the page each time.
		_, err = chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(pause),
			chromedp.WithPollingTimeout(time.Until(deadline))))
		if err == nil {
			return
		}
		// A page that is just being left ends the poll: the next one is asked the same.
	}
	p.t.Fatalf("waiting for %s: %v\n%s", expression, err,
		evaluate[string](p, `location.href + "\n" + document.body.innerText`))
}

// reads waits for words to stand on the page.
func (p *person) reads(words string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.readyState === 'complete' && document.body.innerText.toLowerCase().includes(%q)",
		strings.ToLower(words)))
}

// fill sets fields by their names and sends the form that a button of these words belongs to.
func (p *person) fill(button string, fields map[string]string) {
	p.t.Helper()
	for name, value := range fields {
		evaluate[bool](p, fmt.Sprintf(`(() => { const all = [...document.getElementsByName(%q)];
			const radio = all.find(e => e.type === 'radio' && e.value === %q);
			if (radio) { radio.click() } else {
				all[0].value = %q; all[0].dispatchEvent(new Event('input', {bubbles: true})) } return true })()`,
			name, value, value))
	}
	p.click(button)
}

// click presses the first button or link of these words.
func (p *person) click(words string) {
	p.t.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll('main button, main a')].find(e => (e.innerText || "+
		"'').trim().startsWith(%q))", words)
	p.until(find + " !== undefined")
	if p.plain {
		evaluate[bool](p, "("+find+".click(), true)")
		return
	}
	evaluate[bool](p, "setTimeout(() => "+find+".click(), 0) > 0")
}

// looks checks the page at phone and desktop width, in light and dark, and keeps screenshots where ARTIFACTS names a
// folder.
func (p *person) looks(name string) {
	p.t.Helper()
	defer func() {
		testenv.Saw("the page "+name, evaluate[string](p, "document.body ? document.documentElement.outerHTML : ''"))
	}()
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				return err
			}), chromedp.EmulateViewport(width, 800))
			if over := evaluate[int](p, "document.documentElement.scrollWidth - "+
				"document.documentElement.clientWidth"); over > 0 {
				p.t.Errorf("%s at %d px scrolls sideways by %d px", name, width, over)
			}
			p.keepsNobodyOut(fmt.Sprintf("%s at %d px, %s", name, width, scheme))
			dir := os.Getenv("ARTIFACTS")
			if dir == "" {
				continue
			}
			png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				p.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)),
				png, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// keepsNobodyOut fails when axe finds something serious on the page.
func (p *person) keepsNobodyOut(where string) {
	p.t.Helper()
	if !evaluate[bool](p, "typeof axe === 'object'") {
		evaluate[bool](p, axe.Source()+"\ntypeof axe === 'object'")
	}
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](axe.Check, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", where, err)
	}
	for _, line := range found {
		p.t.Errorf("%s: %s", where, line)
	}
}

const consolePassword = "a long enough passphrase"

// atTheConsole makes the repository, a console database, a super admin and a console, serves it and opens a browser.
// stop ends the console and fails the test when that is not clean.
func (w *world) atTheConsole(t *testing.T) (p *person, stop func()) {
	t.Helper()
	w.withConsole(t)
	return w.served(t)
}

// served is atTheConsole with the console database that the world has.
func (w *world) served(t *testing.T) (p *person, stop func()) {
	t.Helper()
	w.must(t, exitDone, "init")
	if o := w.runWith(t, consolePassword, "admin", "create",
		"--email", "ada@example.com", "--password-stdin"); o.code != exitDone {
		t.Fatalf("admin create: %s%s", o.out, o.err)
	}
	base, end := w.serve(t)
	stop = sync.OnceFunc(end)
	t.Cleanup(stop)
	return sitDown(t, base), stop
}

// TestConsoleInTheBrowser walks the console's main job in a real browser over the real program: sign in, back up,
// watch, look at the recovery point, verify it, restore it behind a typed confirmation, with a reload and a second tab
// on the way.
func TestConsoleInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	p, stop := w.atTheConsole(t)

	p.open("/points")
	p.reads("Sign in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": "wrong password here"})
	p.reads("password")
	p.looks("sign-in-wrong")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.until("location.pathname === '/points'")
	p.looks("points-empty")

	p.open("/backups/new")
	// A browser that comes back to the form brings a choice along that no estimate was asked for.
	const shown = "document.querySelector('[name=planned]').value === %q && !document.querySelector('#start " +
		"button').disabled"
	evaluate[bool](p, "document.querySelector('input[name=type][value=full]').checked = true, dispatchEvent(new "+
		"Event('pageshow')), true")
	p.until(fmt.Sprintf(shown, "full"))
	evaluate[bool](p, "document.querySelector('input[name=type][value=incremental]').click(), true")
	p.until(fmt.Sprintf(shown, "incremental"))
	evaluate[bool](p, "document.querySelector('input[name=type][value=full]').click(), true")
	p.until(fmt.Sprintf(shown, "full"))
	if sent, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](twice, chromedp.EvalAwaitPromise)); err != nil ||
		sent != 1 {
		t.Errorf("two clicks on Start the backup send it %d times: %v", sent, err)
	}
	p.until("location.pathname.startsWith('/operations/')")
	second := p.newTab()
	second.open(evaluate[string](p, "location.pathname"))
	p.open(evaluate[string](p, "location.pathname"))
	for _, tab := range []*person{p, second} {
		tab.reads("confirmed")
		tab.until("!document.querySelector('[sse-connect]')")
		tab.reads("before the season")
	}
	p.looks("operation-done")
	p.open("/")
	p.reads("Everything is protected")
	p.looks("overview")

	p.open("/points")
	point := evaluate[string](p, "[...document.querySelectorAll('main a')].map(a => a.getAttribute('href')).find(h => "+
		"/^\\/points\\/2/.test(h))")
	p.open(point)
	p.reads("clients")
	p.looks("point")
	p.open(point + "/restore")
	p.fill("Next: check and confirm", map[string]string{"database": "after_the_fire"})
	p.reads("Do not restore")
	p.looks("restore-confirm")
	if !evaluate[bool](p, "document.querySelector('[data-confirm-button]').disabled") {
		t.Error("the restore can be started before its confirmation is typed")
	}
	evaluate[bool](p, "document.getElementById('confirm').value = 'something else', setTimeout(() => "+
		"document.getElementById('confirm').form.submit(), 0) > 0")
	p.until("document.querySelector('[aria-invalid=true]') !== null") // the server checks too
	p.fill("Start the restore", map[string]string{"confirm": "after_the_fire"})
	p.until("location.pathname.startsWith('/operations/')")
	p.reads("proven")
	p.looks("restore-done")
	t.Cleanup(func() { dropDatabase(t, w.platform, "after_the_fire") })
	stop()
	u, err := url.Parse(w.platform)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/after_the_fire"
	restored := u.String()
	if want, got := query[int64](t, w.platform, "select count(*) from clients"),
		query[int64](t, restored, "select count(*) from clients"); want != got {
		t.Errorf("restored %d clients of %d", got, want)
	}
}

// twice asks for a backup with a double click, and returns how often the form was sent.
const twice = `(async () => {
	let sent = 0;
	addEventListener('submit', () => { sent++ });
	document.querySelector('input[name=note]').value = 'before the season';
	const button = document.querySelector('form[action="/backups"] button[type=submit]');
	button.click();
	await new Promise(then => setTimeout(then, 0));
	button.click();
	return sent;
})()`

func dropDatabase(t *testing.T, server, name string) {
	t.Helper()
	ctx := context.Background() // the test's own has ended when this runs
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)"); err != nil {
		t.Fatal(err)
	}
}
