package main

import "testing"

// TestASuspectPointOnThePages: somebody sees on the overview that the newest recovery point may show damage, looks at
// it, says that it is right, and takes that back.
func TestASuspectPointOnThePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	w.must(t, exitDone, "backup")
	if _, err := connect(t, w.platform).Exec(t.Context(), "delete from clients where id > 100"); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitExceptions, "backup")
	p, _ := w.atTheConsole(t)
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.until("location.pathname === '/'")
	const link = "[...document.querySelectorAll('a')].find(a => a.innerText.startsWith('Look at it'))"
	for !evaluate[bool](p, "!!("+link+")") { // until the worker has listed the points
		p.open("/")
	}
	p.looks("overview-suspect")
	p.reads("Table public.clients holds 100 rows, and held 1,000 rows before.")
	p.open("/emergency")
	p.reads("The newest recovery point may show damage")
	evaluate[bool](p, link+".click(), true")
	p.until("location.pathname.startsWith('/points/')")
	p.reads("This recovery point may show damage")
	p.looks("point-suspect")
	p.click("Yes, trust it")
	p.until("!document.body.innerText.includes('may show damage')")
	p.reads("Somebody said that it can be trusted")
	p.open("/")
	p.reads("Everything is protected")
	p.open("/points")
	evaluate[bool](p, "document.querySelector('tbody a').click(), true")
	p.until("location.pathname.startsWith('/points/')")
	p.click("No, do not trust it")
	p.reads("Somebody said that it cannot be trusted.")
	p.looks("point-doubted")
}
