package main

import "testing"

// TestAWeddingsPast walks through a wedding's past in a real browser: searching, its timeline, as it was, what changed,
// milestones and labels. (The handlers' own tests send the same forms without any script.)
func TestAWeddingsPast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, append(season[:len(season):len(season)],
		"update weddings set couple = 'Wilhelmina Alexandrina van den Berg-Szczepańska & Maximilian Øvergård de la Cruz', "+
			"wedding_date = current_date + 12 where id = 3")...)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup", "--wedding", "3", "--milestone", "contract_signed", "--label", "app=4.2")
	execute(t, w.platform, "update clients set name = 'Changed' where id = 2",
		"delete from clients where wedding_id = 3 and id > 300")
	second := document[report](t, w.must(t, exitDone, "backup",
		"--type", "incremental", "--note", "after the change", "--json")).Point

	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")
	// made by the command line
	p.until("fetch('/points').then(r => r.text()).then(x => x.includes('after the change'), () => false)")
	p.open("/weddings")
	evaluate[bool](p, "(() => { const s = document.getElementById('search'); s.value = 'szczepańska'; "+
		"s.dispatchEvent(new Event('input', {bubbles: true})); return true })()")
	p.until("document.querySelectorAll('#weddings .wed').length === 1 && location.search.includes('search=')")
	p.looks("past-weddings")
	p.click("Wilhelmina")
	p.reads("Timeline")
	p.looks("past-wedding")
	if n := evaluate[int](p, "document.querySelectorAll('svg.timeline a').length"); n < 1 {
		t.Errorf("%d marks on the timeline", n)
	}
	p.fill("Add the milestone", map[string]string{"name": "tasting", "day": "2030-01-01"})
	p.reads("Tasting")
	p.click("What changed since")
	p.until("location.pathname.endsWith('/changes') && document.getElementById('from') !== null")
	p.fill("Show the changes", map[string]string{
		"from": evaluate[string](p, "[...document.getElementById('from').options].at(-1).value"), "to": second})
	p.reads("1 changed · ")
	p.looks("past-changes")
	p.open("/weddings/3/then")
	p.reads("Clients")
	p.looks("past-then")
	p.open("/points/" + second)
	p.fill("Save", map[string]string{"note": "known good", "labels": "deploy=blue"})
	p.reads("known good")
	p.looks("past-point")
	p.open("/weddings/scope")
	p.reads("What belongs to a wedding")
	p.looks("past-scope")
	p.open("/weddings/3/restore")
	p.reads("This is where rows went missing")
	p.looks("past-hint")
	stop()
}
