package main

import (
	"os"
	"testing"
)

// TestRepairOnTheOverview finds a provider that missed the newest recovery point, taps its Repair button, and sees it
// healed.
func TestRepairOnTheOverview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	w.must(t, exitDone, "init")
	second := w.place("second")
	if err := os.Rename(second, second+" away"); err != nil {
		t.Fatal(err)
	}
	w.must(t, exitUnprotected, "backup")
	if err := os.Rename(second+" away", second); err != nil {
		t.Fatal(err)
	}
	p, stop := w.atTheConsole(t)
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.until("location.pathname === '/'")
	const card = "[...document.querySelectorAll('[aria-labelledby=providers] li')].find(e => " +
		"e.innerText.trim().startsWith('second'))"
	const repair = card + "?.querySelector('form[action=\"/repairs\"] button')"
	for !evaluate[bool](p, "!!("+repair+")") { // until the worker's first check is done
		p.open("/")
	}
	p.looks("overview-repair")
	p.reads("Works, lacks the newest")
	p.click("Repair")
	p.until("location.pathname.startsWith('/operations/')")
	p.reads("Repaired")
	p.open("/")
	p.reads("Everything is protected")
	if evaluate[bool](p, "!!("+repair+")") || !evaluate[bool](p, card+".innerText.includes('Works')") {
		t.Errorf("after the repair its card reads: %s", evaluate[string](p, card+".innerText"))
	}
	stop()
	w.must(t, exitDone, "verify", "--deep", "--all")
}
