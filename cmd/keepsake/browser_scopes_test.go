package main

import (
	"net/url"
	"testing"
)

// TestOrganizationsAndTiersAtTheConsole brings back what an organization and a tier have lost, rewinds everything, and
// takes one organization out into a database on a server that no configuration names, in a real browser.
func TestOrganizationsAndTiersAtTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	p, stop := w.atTheConsole(t)
	w.must(t, exitDone, "backup")
	const clients = "select count(*) from clients where name like 'Client%'"
	all := query[int](t, w.platform, clients)
	// wedding 4 is organization 5's
	execute(t, w.platform, "delete from clients where wedding_id = 4 or id in (6, 7)",
		"update weddings set couple = 'Vandal' where id < 9")

	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")
	p.open("/organizations?search=5")
	p.reads("Organization 5")
	p.looks("organizations")
	p.click("Compare and bring back")
	p.reads("Whose day it touches")
	p.looks("organization-preview")
	p.fill("Bring it back", map[string]string{"confirm": "Organization 5"})
	p.reads("Brought back: Organization 5")
	if n := query[int](t, w.platform, "select count(*) from clients where wedding_id = 4"); n != 5 ||
		query[int](t, w.platform, clients) != all-2 {
		t.Errorf("%d clients of the wedding are back", n)
	}

	p.open("/platform/restore")
	p.reads("Which tables?")
	p.looks("scope-choice")
	p.click("Compare these tiers")
	p.reads("Bring back the critical tier")
	p.fill("Bring it back", map[string]string{"confirm": "critical tier"})
	p.reads("Brought back: critical tier")
	if n := query[int](t, w.platform, clients); n != all {
		t.Errorf("%d of %d clients are back", n, all)
	}
	p.open("/platform/restore?everything=yes&mode=rewind")
	p.reads("Bring back everything")
	p.looks("everything-preview")
	p.fill("Bring it back", map[string]string{"confirm": "everything"})
	p.reads("Brought back: everything")
	p.looks("everything-done")
	if n := query[int](t, w.platform, "select count(*) from weddings where couple = 'Vandal'"); n != 0 {
		t.Errorf("%d weddings are still changed", n)
	}
	p.click("Undo this restore…")
	p.reads("Undo this restore?")
	p.click("Undo this restore")
	p.reads("Undone: everything")
	if n := query[int](t, w.platform, "select count(*) from weddings where couple = 'Vandal'"); n != 8 {
		t.Errorf("%d weddings are changed after the undo", n)
	}
	p.open("/operations")
	p.reads("Bring back the critical tier")
	p.looks("operations-scoped")

	p.open("/points/latest/restore?organization=5")
	p.reads("only the organization 5")
	p.looks("restore-organization")
	p.fill("Next: check and confirm", map[string]string{"target": "another server", "url": "not an address",
		"database": "organization_five"})
	p.reads("This is not the address of a PostgreSQL server")
	p.fill("Next: check and confirm", map[string]string{"url": w.platform})
	p.reads("Do not restore")
	if u, err := url.Parse(w.platform); err == nil {
		if secret, has := u.User.Password(); has &&
			evaluate[bool](p, "document.documentElement.outerHTML.includes('"+secret+"')") {
			t.Error("the password of the other server is in the page")
		}
	}
	t.Cleanup(func() { dropDatabase(t, w.platform, "organization_five") })
	p.fill("Start the restore", map[string]string{"confirm": "organization_five"})
	p.until("location.pathname.startsWith('/operations/')")
	p.reads("proven")
	stop()
	u, err := url.Parse(w.platform)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/organization_five"
	if n := query[int](t, u.String(), "select count(*) from weddings"); n != 40 ||
		query[int](t, u.String(), "select count(*) from organizations") != 1 {
		t.Errorf("%d weddings of the organization came along", n)
	}
}
