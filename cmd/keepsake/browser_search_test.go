package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/text/unicode/norm"

	"github.com/wedsync/keepsake/internal/testenv"
	"github.com/wedsync/keepsake/internal/testenv/fonts"
)

// hard names a few weddings as couples write themselves, and gives 14 of them to today and tomorrow.
var hard = append(season[:len(season):len(season)],
	"alter table weddings add column venue text",
	"update weddings set wedding_date = current_date + 40 + id",
	"update weddings set couple = 'Zoë & Łukasz', wedding_date = current_date + 1 where id = 1",
	"update weddings set couple = "+literal(norm.NFD.String("Étienne & Chloé"))+", venue = 'Château d’Été' where id = 2",
	"update weddings set couple = 'Paweł & Yuki', wedding_date = current_date where id = 3",
	"update weddings set wedding_date = current_date + id % 2 where id between 4 and 15",
	"create table suppliers (id int primary key, kind text, name text, city text)",
	"insert into suppliers values (1, 'florist', 'Blumen Özdemir', 'Łódź')",
	"create table wedding_suppliers (wedding_id int references weddings, supplier_id int references suppliers)",
	"insert into wedding_suppliers values (2, 1)")

// TestWeddingsAreFoundAsTheyAreTyped searches in a browser as people type in a hurry, with the platform there and with
// the platform away: the same is found, and said by what.
func TestWeddingsAreFoundAsTheyAreTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, hard...)
	var platform *testenv.Link
	w.env["PLATFORM"], platform = through(t, w.platform)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")
	p.reads("more weddings within a year")
	for _, away := range []bool{false, true} {
		if away {
			platform.Cut()
			p.until("fetch('/weddings?search=zoe').then(r => r.text()).then(x => x.includes('Not the live " +
				"platform'), () => false)")
		}
		for _, c := range []struct{ typed, found, says string }{
			{"zoe", "Zoë & Łukasz", ""},
			{"LUKASZ zoe", "Zoë & Łukasz", ""},
			{"yuki pawel", "Paweł & Yuki", ""},
			{"etienne", norm.NFD.String("Étienne & Chloé"), ""},
			{"pawel today", "Paweł & Yuki", "Read as a day"},
			{"tomorrow zoe", "Zoë & Łukasz", "Read as a day"},
			{"chateau", norm.NFD.String("Étienne & Chloé"), "Place: Château d’Été"},
			{"oezdemir", norm.NFD.String("Étienne & Chloé"), "Vendor: Blumen Özdemir"},
			{"lodz chloe", norm.NFD.String("Étienne & Chloé"), "Vendor: Blumen Özdemir, Łódź"},
		} {
			p.open("/weddings")
			evaluate[bool](p,
				fmt.Sprintf("(() => { const s = document.getElementById('search'); s.value = %q; s.dispatchEvent(new "+
					"Event('input', {bubbles: true})); return true })()", c.typed))
			p.until("location.search.includes('search=') && document.querySelectorAll('#weddings .wed').length === 1")
			got := evaluate[[]string](p, "[document.querySelector('.wed__name').textContent, "+
				"document.getElementById('weddings').innerText]")
			if got[0] != c.found {
				t.Errorf("%q finds %q, want %q", c.typed, got[0], c.found)
			}
			if c.says != "" {
				p.reads(c.says)
			}
		}
	}
	platform.Restore()
	p.open("/weddings?search=nobody+at+all")
	p.reads("No wedding fits “nobody at all”")
	p.looks("search-nothing")
	execute(t, w.platform, "delete from wedding_suppliers",
		"delete from weddings w where id = 2 and not exists (select from clients where wedding_id = 2)",
		"update weddings set couple = 'Vandal' where id = 2")
	p.until("fetch('/weddings?search=etienne').then(r => r.text()).then(x => x.includes('deleted or renamed " +
		"since'), () => false)")
	p.open("/weddings?search=lodz")
	p.reads("deleted or renamed since")
	p.looks("search-gone")
	p.do(chromedp.EmulateViewport(360, 800))
	point := evaluate[string](p, "document.querySelector(\"#weddings a[href^='/points/']\").getAttribute('href')")
	for _, path := range []string{"/", "/weddings", "/weddings?search=etienne", "/weddings/3", "/weddings/3/changes",
		"/weddings/3/restore", "/weddings/3/then", "/weddings/scope", "/organizations", "/emergency", "/backups/new",
		"/operations", "/duties", "/points", point, point + "/restore", "/platform/restore", "/audit", "/tokens", "/sessions",
		"/second-step"} {
		p.open(path)
		if set, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fonts.Wide(), chromedp.EvalAwaitPromise)); err != nil ||
			!set {
			t.Fatalf("%s is not in the wide font: %v", path, err)
		}
		if width := evaluate[int](p, "document.scrollingElement.scrollWidth"); width > 360 {
			t.Errorf("%s in a wide font is %d px wide", path, width)
		}
	}
	stop()
}

// TestEmergencyLeavesNobodyOut: all weddings of today and tomorrow are on the emergency page, few or many, with the
// platform there or away.
func TestEmergencyLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, hard...)
	var platform *testenv.Link
	w.env["PLATFORM"], platform = through(t, w.platform)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	p.open("/sign-in?next=/emergency")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	couples := func(where string) (list []string) {
		list = query[[]string](t, w.platform, "select array_agg(couple order by couple collate \"C\") from weddings where "+
			where)
		return list
	}
	shown := func(ids string) []string {
		list := evaluate[[]string](p, fmt.Sprintf(
			"%s.flatMap(id => [...document.querySelectorAll(`section[aria-labelledby=${id}] h3`)].map(e => e.textContent))",
			ids))
		slices.Sort(list)
		return list
	}
	p.reads("Today: ")
	if got, want := shown("['now', 'tomorrow']"), couples("wedding_date between current_date and current_date + 1"); len(
		want) != 14 || !slices.Equal(got, want) {
		t.Errorf("of today and tomorrow: %q, want %q", got, want)
	}
	p.reads("more weddings within a year")
	p.looks("emergency-14")
	execute(t, w.platform, "update weddings set wedding_date = current_date + id % 2 where id <= 200")
	for _, away := range []bool{false, true} {
		if away {
			w.must(t, exitDone, "backup")
			platform.Cut()
		}
		p.open("/emergency")
		p.reads("Tomorrow: ")
		got, want := shown("['now', 'tomorrow']"), couples("wedding_date between current_date and current_date + 1")
		if len(want) < 100 || !slices.Equal(got, want) {
			t.Errorf("%d of %d weddings of today and tomorrow are shown (the platform is away: %v)", len(got), len(want), away)
		}
		if !evaluate[bool](p, "document.getElementById('search').getBoundingClientRect().top < "+
			"document.getElementById('now').getBoundingClientRect().top") {
			t.Error("among many weddings the search does not come first")
		}
		p.looks("emergency-many")
	}
	stop()
}
