package main

import "testing"

// TestTheAuditTrailInABrowser looks at the trail, opens an entry, filters and verifies.
func TestTheAuditTrailInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting, season...)
	p, stop := w.atTheConsole(t)
	p.open("/sign-in")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": "not the right one"})
	p.reads("do not match")
	p.fill("Sign in", map[string]string{"email": "ada@example.com", "password": consolePassword})
	p.reads("Next weddings")
	p.open("/audit")
	p.reads("was refused to sign in")
	p.reads("from a device not seen before")
	evaluate[bool](p, "(() => { document.querySelectorAll('details').forEach(d => d.open = true); return true })()")
	p.looks("audit")
	p.click("Verify the whole trail now")
	p.reads("verified the audit trail (")
	p.open("/audit?search=nothing-like-it")
	p.reads("No entry is like that")
	p.looks("audit-empty")
	stop()
}
