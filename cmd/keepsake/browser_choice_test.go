package main

import (
	"strings"
	"testing"
)

// confirming is the words of the button that confirms a comparison.
const confirming = "[...document.querySelectorAll('.btn[data-confirm-button]')].map(e => e.innerText.trim()).join()"

// TestOnlyWhatIsShownIsConfirmedAtTheConsole changes the choice of a comparison in every way a browser knows: with
// script each change compares anew and nothing can be confirmed meanwhile; without script the server shows what the new
// choice does and changes nothing.
func TestOnlyWhatIsShownIsConfirmedAtTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)],
		"update weddings set couple = 'Ada & Ben' where id = 3")...)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	const mine = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, mine)
	damage := []string{"delete from clients where wedding_id = 3 and id <> 2",
		"update clients set name = 'Vandal' where id = 2", "insert into clients values (5000, 3, 'New since')"}
	execute(t, w.platform, damage...)
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")

	// A change of choice puts the confirmation to rest at once, and it stays so until the page shows what was chosen.
	p.open("/weddings/3/restore")
	p.until(confirming + ".startsWith('Bring back ')")
	typed := "(e => { e.value = 'Ada & Ben'; e.dispatchEvent(new Event('input', {bubbles: true})) " +
		"})(document.getElementById('confirm')), "
	rests := "[...document.querySelectorAll('[data-confirm-button]')].every(e => e.disabled)"
	if evaluate[bool](p, typed+rests) {
		t.Error("what is shown cannot be confirmed")
	}
	if !evaluate[bool](p, "document.getElementById('mode-rewind').click(), "+rests) {
		t.Error("after a change of choice the old comparison can be confirmed")
	}
	p.until(confirming + ".startsWith('Make everything as it was: ')")
	p.until(confirming + ".includes('1 goes')")
	if !evaluate[bool](p, rests+" && document.activeElement.id === 'mode-rewind' || document.activeElement === "+
		"document.body") {
		t.Error("the name that was typed for another choice still counts, or the focus is lost")
	}
	p.looks("choice-rewind")
	p.until("location.search.includes('mode=rewind')")
	// A tick is a choice too.
	evaluate[bool](p, "[...document.querySelectorAll('.ks-change')].find(e => e.innerText.includes('id "+
		"5000')).querySelector('input').click(), true")
	p.until("!" + confirming + ".includes('goes')")
	p.reads("Left out")
	// The browser brings other choices back than the page shows: they are compared, not confirmed.
	if !evaluate[bool](p, "document.getElementById('mode-missing').checked = true, dispatchEvent(new Event('pageshow')), "+
		rests) {
		t.Error("choices that the browser brought back can be confirmed unseen")
	}
	p.until(confirming + ".startsWith('Bring back ')")
	p.open("/weddings/3")
	// The page goes back by itself: a command for the page that is being left may find it gone.
	evaluate[bool](p, "setTimeout(() => history.back()), true")
	p.until("location.pathname.endsWith('/restore')")
	p.until("document.readyState === 'complete' && document.getElementById('mode-missing') !== null")
	p.until("document.getElementById('mode-missing').checked === " + confirming + ".startsWith('Bring back ')")

	// Without script.
	p.withoutScripts()
	p.open("/weddings/3/restore?mode=missing")
	p.reads("Bring back what is missing")
	if words := evaluate[string](p, confirming); !strings.HasPrefix(words, "Bring back ") {
		t.Fatalf("the button says %q", words)
	}
	p.fill("Bring it back", map[string]string{"mode": "rewind", "confirm": "Ada & Ben"})
	p.reads("Nothing was changed")
	if n := query[int](t, w.platform, mine); n != 2 {
		t.Errorf("%d clients: something else than what was shown was done", n)
	}
	if words := evaluate[string](p, confirming); !strings.HasPrefix(words, "Make everything as it was: ") ||
		!strings.Contains(words, "1 changes, 1 goes") {
		t.Errorf("the button says %q", words)
	}
	p.fill("Bring it back", map[string]string{"confirm": "Ada & Ben"})
	p.reads("Brought back: Ada & Ben")
	if n := query[int](t, w.platform, mine+" and name like 'Client%'"); n != all {
		t.Errorf("%d of %d clients are as they were", n, all)
	}
	stop()
}
