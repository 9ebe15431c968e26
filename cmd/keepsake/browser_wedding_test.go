package main

import "testing"

// TestOneWeddingAtTheConsole walks in a real browser from the overview to a wedding that lost its clients, brings it
// back, and takes that back.
func TestOneWeddingAtTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)],
		"update weddings set couple = 'Wilhelmina Alexandrina van den Berg-Szczepańska & Maximilian Øvergård de la "+
			"Cruz' where id = 3")...)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	const lost = "select count(*) from clients where wedding_id = 3"
	all := query[int](t, w.platform, lost)
	execute(t, w.platform, "delete from clients where wedding_id = 3 and id <> 2",
		"update clients set name = 'Vandal' where id = 2",
		"insert into clients values (5000, 3, 'New since')")

	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Wilhelmina Alexandrina")
	p.looks("overview-weddings")
	p.open("/weddings/3/restore")
	p.reads("Bring it back")
	p.looks("wedding-missing")
	p.fill("Compare", map[string]string{"mode": "rewind"})
	p.reads("is removed")
	p.looks("wedding-rewind")
	name := query[string](t, w.platform, "select couple from weddings where id = 3")
	evaluate[bool](p, "document.getElementById('confirm').value = 'Somebody else', setTimeout(() => "+
		"document.getElementById('confirm').form.submit(), 0) > 0")
	p.until("document.querySelector('[aria-invalid=true]') !== null")
	p.looks("wedding-wrong-name")
	// Somebody changes a row before the confirmation: the new state is shown and nothing is written.
	execute(t, w.platform, "update clients set name = 'Vandal again' where id = 2")
	p.fill("Bring it back", map[string]string{"confirm": name})
	p.reads("Nothing was changed")
	p.reads("Vandal again")
	p.fill("Bring it back", map[string]string{"confirm": name})
	p.until("location.pathname.startsWith('/restores/')")
	p.reads("Brought back")
	p.looks("wedding-done")
	if n := query[int](t, w.platform, lost+" and name like 'Client%'"); n != all ||
		query[int](t, w.platform, lost) != all {
		t.Errorf("%d of %d clients are back", n, all)
	}
	if coloured := evaluate[string](p, "[...document.querySelectorAll('main .btn-danger, main .btn-primary')].map(e => "+
		"e.innerText.trim()).join()"); coloured != "To the wedding" {
		t.Errorf("after a restore these stand out: %s", coloured)
	}
	p.click("Undo this restore…")
	p.reads("Undo this restore?")
	p.reads("rows that came back are deleted again")
	p.looks("wedding-undo-ask")
	if n := query[int](t, w.platform, lost); n != all {
		t.Errorf("one tap has deleted rows: %d of %d clients are there", n, all)
	}
	p.click("Keep it as it is")
	p.reads("Brought back")
	p.click("Undo this restore…")
	p.reads("Undo this restore?")
	p.click("Undo this restore")
	p.reads("Undone: ")
	p.looks("wedding-undone")
	stop()
	if n := query[int](t, w.platform, lost); n != 2 {
		t.Errorf("%d clients after the undo, want 2", n)
	}
}
