package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestPagesOfferAnOrganizationsAdminWhatTheyMayDo: nothing that concerns the whole platform, and everything about a
// wedding.
func TestPagesOfferAnOrganizationsAdminWhatTheyMayDo(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.timeline = console.WeddingTimeline{
		Wedding: s.console.dashboard.Weddings[0],
		Now:     moment,
		Points:  s.console.points,
	}
	wide := []string{`href="/backups/new"`, `action="/points/verify"`, `/verify"`, `href="/organizations"`,
		`href="/weddings/scope"`, `/platform/restore`, `/platform/export`, `/points/20261123T070500Z-aa/restore`}
	pages := []string{"/", "/points", "/points/20261123T070500Z-aa",
		"/weddings", "/weddings/w1", "/emergency", "/operations"}
	offered := map[string]bool{}
	for _, path := range pages {
		body := s.get(path).want(http.StatusOK).body
		for _, link := range wide {
			offered[link] = offered[link] || strings.Contains(body, link)
		}
	}
	for link, seen := range offered {
		if !seen {
			t.Errorf("no page offers %s to a super admin of the platform: the test proves nothing of it", link)
		}
	}
	s.bind("org-1")
	for _, path := range pages {
		body := s.get(path).want(http.StatusOK).body
		for _, link := range wide {
			if strings.Contains(body, link) {
				t.Errorf("%s offers %s", path, link)
			}
		}
	}
	for _, link := range []string{"/weddings/w1/restore", "/weddings/w1/contacts", "/weddings/w1/milestones",
		"/backups/new?type=incremental"} {
		if !strings.Contains(s.get("/weddings/w1").body, link) {
			t.Errorf("the page of a wedding does not offer %s", link)
		}
	}
	s.console.estimate = console.Estimate{
		Hidden: "What a backup covers concerns the whole platform.",
		Quotas: map[keepsake.BackupType]keepsake.Quota{keepsake.BackupWedding: {Most: 6, Left: 5}},
	}
	a := s.get("/backups/new?type=full&wedding=w1").want(http.StatusOK).says("concerns the whole platform",
		"5 more of these")
	if form := fields(a.one("form", "action", "/backups")); form.Get("type") != "incremental" ||
		form.Get("wedding") != "w1" || len(a.all("input", "name", "type")) != 1 {
		t.Errorf("the form offers %v", url.Values(form))
	}
	s.get("/backups/new").want(http.StatusOK).says("Choose a wedding first")
}

// bind makes whoever is signed in an admin of one organization.
func (s *site) bind(organization string) {
	bound := admin
	bound.Platform, bound.Organization = keepsake.DefaultPlatform, organization
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	for id := range s.auth.sessions {
		s.auth.sessions[id] = bound
	}
}
