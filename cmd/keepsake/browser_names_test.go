package main

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestNamesConfirmAsTheyAreRead brings weddings back whose names a person cannot type as they are stored: in the
// browser, and on the command line.
func TestNamesConfirmAsTheyAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	names := []struct{ stored, typed string }{
		{"  Ada & Ben ", "ada & ben"},
		{"Zoë\u00a0 & \u200bŁukasz\ufeff", "Zoë & Łukasz"},
		{"Siobhán O’Brien – D‘Arcy", "Siobhán O'Brien - D'Arcy"},
		{norm.NFD.String("Đặng & Žofie"), "ĐẶNG & žofie"},
		{"Two\nlines & Ben", "Two lines & Ben"},
		{"Zoë & Łukasz Müller", "zoe & lukasz mueller"}, // from a phone
		{" \u00a0", "9"},                         // nothing to read: the key of its row stands for it
		{strings.Repeat("Ada & Ben ", 60), "10"}, // nor does anybody type that
	}
	const first = 3
	for i, n := range names {
		execute(t, w.platform, fmt.Sprintf("update weddings set couple = %s where id = %d", literal(n.stored), first+i))
	}
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	count := func(wedding int) int {
		return query[int](t, w.platform, fmt.Sprintf("select count(*) from clients where wedding_id = %d", wedding))
	}
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")
	for i, n := range names {
		wedding := first + i
		all := count(wedding)
		execute(t, w.platform, fmt.Sprintf("delete from clients where wedding_id = %d", wedding))
		p.open(fmt.Sprintf("/weddings/%d/restore", wedding))
		p.reads("To confirm, type the name")
		type answer struct{ Asleep, Awake bool }
		got := evaluate[answer](p, fmt.Sprintf(
			`(() => { const input = document.getElementById('confirm'), button = document.querySelector('[data-confirm-button]');
			const type = (words) => { input.value = words; input.dispatchEvent(new Event('input', {bubbles: true}));
				return button.disabled };
			return {Asleep: type('Somebody else'), Awake: !type(%q)} })()`, n.typed))
		if !got.Asleep || !got.Awake {
			t.Errorf("%q, typed as %q: %+v", n.stored, n.typed, got)
		}
		p.fill("Bring it back", map[string]string{"confirm": n.typed})
		p.until("location.pathname.startsWith('/restores/') && document.readyState === 'complete'")
		if now := count(wedding); now != all || all == 0 {
			t.Errorf("%q: %d of %d clients are back", n.stored, now, all)
		}

		execute(t, w.platform, fmt.Sprintf("delete from clients where wedding_id = %d", wedding))
		id := fmt.Sprint(wedding)
		fingerprint := document[struct{ Fingerprint string }](t,
			w.must(t, exitDone, "scope", "preview", "latest", "--wedding", id, "--json")).Fingerprint
		apply := []string{"scope", "apply", "latest", "--wedding", id, "--fingerprint", fingerprint, "--confirm"}
		w.must(t, exitUsage, append(apply, "Somebody else")...)
		w.must(t, exitDone, append(apply, n.typed)...)
		if now := count(wedding); now != all {
			t.Errorf("%q on the command line: %d of %d clients are back", n.stored, now, all)
		}
	}
	stop()
}

// literal writes a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
