package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// withoutScripts switches JavaScript off in the person's browser: what tests ask of the page still runs, the page's own
// does not.
func (p *person) withoutScripts() {
	p.t.Helper()
	p.plain = true
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// TestEverythingWorksWithoutScripts takes a backup, reads a wedding's contacts, brings back all of it but what was
// ticked off on the second page of the rows, and takes that back, with JavaScript switched off.
func TestEverythingWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)],
		"insert into clients select 6000 + i, 3, 'Client of three ' || i from generate_series(1, 120) i")...)
	p, stop := w.atTheConsole(t)
	p.withoutScripts()
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": "not the password"})
	p.reads("do not match")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("no recovery point")
	if evaluate[bool](p, "typeof htmx === 'object'") {
		t.Fatal("scripts run")
	}
	p.open("/backups/new")
	p.click("Start the backup")
	p.reads("Saved and protected") // the page reloads itself until then
	const lost = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, lost)
	execute(t, w.platform, "delete from clients where wedding_id = 3")

	p.open("/emergency")
	p.click("Vendor contacts now")
	p.reads("Vendors of")
	p.click("Something of this wedding is gone")
	p.reads("Bring it back")
	p.open("/weddings/3/restore")
	p.until("document.querySelector('details:has(button[formaction])') !== null")
	evaluate[bool](p, "document.querySelector('details:has(button[formaction])').open = true")
	p.click("Show them")
	p.reads("rows 51 to 100")
	skip := evaluate[string](p, "(e => { e.click(); return e.value })([...document.querySelectorAll('.ks-change "+
		"input[name=skip]')][7])")
	p.click("More rows")
	p.reads("rows 101 to")
	p.click("Back to the comparison")
	p.reads("Bring it back")
	if !evaluate[bool](p, "[...document.querySelectorAll('input[type=hidden][name=skip]')].some(e => e.value === '"+skip+
		"')") {
		t.Fatalf("what was ticked off, %q, is forgotten", skip)
	}
	name := query[string](t, w.platform, "select couple from weddings where id = 3")
	p.fill("Bring it back", map[string]string{"confirm": "Somebody else"})
	p.reads("That is not the name")
	p.fill("Bring it back", map[string]string{"confirm": name})
	p.reads("Undo this restore…") // "Brought back" stands above the comparison too
	_, key, _ := strings.Cut(skip, " id ")
	if n := query[int](t, w.platform, lost); n != all-1 ||
		query[int](t, w.platform, "select count(*) from clients where id = "+key) != 0 {
		t.Errorf("%d of %d clients are back; %s was ticked off", n, all, skip)
	}
	p.click("Undo this restore…")
	p.reads("Undo this restore?")
	p.click("Undo this restore")
	p.reads("Undone: ")
	if n := query[int](t, w.platform, lost); n != 0 {
		t.Errorf("%d clients after the undo", n)
	}
	stop()
}
