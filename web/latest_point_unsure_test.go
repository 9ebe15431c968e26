package web_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestLatestPointThatMayBeDamagedIsSaid: where damage cannot be looked for, the latest recovery point may be from
// after it. The API and the page that take it say so, and tell nothing that was not written for people.
func TestLatestPointThatMayBeDamagedIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		says string
	}{
		{keepsake.Errorf(keepsake.CodeUnavailable, "provider attic does not answer"), "Provider attic does not answer."},
		{fmt.Errorf("read chunk 7 of the secret: %w", context.DeadlineExceeded), "Looking took too long."},
		{fmt.Errorf("read chunk 7 of the secret"), "may be from after a damage"},
	} {
		s := signedIn(t)
		s.console.preview, s.console.damageErr = damagedWedding(), c.err
		ask := func(body string) string { return restoring(t, s, body) }
		for name, got := range map[string]string{
			"a preview":              ask(`{"wedding":"w 1/2"}`),
			"a point that was named": ask(`{"wedding":"w 1/2","point":"20261123T070500Z-aa"}`),
			"of an organization":     ask(`{"organization":"o 1","point":"20261123T070500Z-aa"}`),
			"the page of a point": s.get("/weddings/w%201%2F2/restore?point=20261123T070500Z-aa").want(http.StatusOK).
				text(),
			"a new database":  ask(`{"wedding":"w 1/2","database":{"name":"new"},"confirm":{"name":"new"}}`),
			"what is applied": ask(`{"wedding":"w 1/2","confirm":{"name":"Zoë","fingerprint":"f00d"}}`),
			"the page":        s.get("/weddings/w%201%2F2/restore").want(http.StatusOK).text(),
			"a look":          s.get("/weddings/w%201%2F2/then").want(http.StatusOK).text(),
			"elsewhere": s.get("/points/20261123T070500Z-aa/restore?wedding=w+1%2F2").want(http.StatusOK).
				text(),
		} {
			if !strings.Contains(got, "may be from after a damage") || !strings.Contains(got, c.says) ||
				strings.Contains(got, "secret") {
				t.Errorf("%v: %s: %s", c.err, name, got)
			}
		}
	}
}

// TestContactsSayThatNobodyLookedForVendors who may have vanished.
func TestContactsSayThatNobodyLookedForVendors(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.preview = damagedWedding()
	const page, says = "/weddings/w%201%2F2/contacts", "Vendors may be missing here"
	if got := s.get(page).want(http.StatusOK).text(); strings.Contains(got, says) {
		t.Errorf("although somebody looked: %s", got)
	}
	s.console.damageErr = keepsake.Errorf(keepsake.CodeUnavailable, "provider attic does not answer")
	s.get(page).want(http.StatusOK).says("Nobody looked for missing rows", says, "Provider attic does not answer.")
}

// restoring is what the API answers to a restore.
func restoring(t *testing.T, s *site, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.url+"/api/backups/restore", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+fakeToken)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestANamedPointFromAfterADamageIsSaidToBe: who names a recovery point gets it, and is told which older one has what
// it has lost. Nothing waits for that: the damage is found once the comparison, or the restore, has begun.
func TestANamedPointFromAfterADamageIsSaidToBe(t *testing.T) {
	t.Parallel()
	const named = "20261123T070500Z-aa"
	at := moment.Add(-5 * time.Hour)
	damage := &engine.Damage{
		Point: "20261123T020500Z-bb",
		From:  at,
		To:    at.Add(time.Hour),
		Rows:  147,
		Gone:  72,
		Safe:  true,
		Lost:  []engine.TableLost{{Table: "public.guests", Then: 72}, {Table: "public.seats", Then: 5, After: 4, Changed: 2}},
	}
	for name, c := range map[string]struct{ body, page string }{
		"a preview":       {body: `{"wedding":"w 1/2","point":"` + named + `"}`},
		"an organization": {body: `{"organization":"o 1","point":"` + named + `"}`},
		"what is applied": {body: `{"wedding":"w 1/2","point":"` + named +
			`","confirm":{"name":"Zoë & <Łukasz>","fingerprint":"f00d"}}`},
		"the page":                    {page: "/weddings/w%201%2F2/restore?point=" + named},
		"the page of an organization": {page: "/platform/restore?organization=o+1&point=" + named},
	} {
		for _, found := range []*engine.Damage{damage, {Point: named, From: at, To: at.Add(time.Hour), Rows: 9, Gone: 9}} {
			s := signedIn(t)
			s.console.preview, s.console.damage, s.console.read = damagedWedding(), found, make(chan struct{})
			got := ""
			if c.page != "" {
				got = s.get(c.page).want(http.StatusOK).text()
			} else {
				got = restoring(t, s, c.body)
			}
			told := strings.Contains(got, "Guests: 72 before, 0 after; Seats: 5 before, 4 after, 2 changed") &&
				(strings.Contains(got, damage.Point) || strings.Contains(got, "Compare with the safe one"))
			if told != (found == damage) {
				t.Errorf("%s, %s: %s", name, found.Point, got)
			}
			if c.body != "" && strings.Contains(got, `"safer_point":{`) != (found == damage) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

// TestADownloadSaysWhatNobodyLookedFor: a download has no page that could say that its recovery point may be from after
// a damage. Its name does, and the first file of the ZIP, which says as well why it is not of the latest.
func TestADownloadSaysWhatNobodyLookedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		query string
		named bool
		says  string
	}{
		"nobody looked": {keepsake.Errorf(keepsake.CodeUnavailable, "provider attic does not answer"),
			"", true, "Provider attic"},
		"looking took too long": {context.DeadlineExceeded, "", true, "may be from after a damage. Looking took too long."},
		"a damage is found": {nil, "", false,
			"No recovery point was named, so the newest safe one before that was taken"},
		"a point is named": {nil, "&point=20261123T070500Z-aa", false, ""},
	} {
		s := signedIn(t)
		s.console.preview, s.console.damageErr = damagedWedding(), c.err
		a := s.get("/weddings/w%201%2F2/export?format=csv" + c.query).want(http.StatusOK)
		if file := a.header.Get("Content-Disposition"); strings.Contains(file, "-csv-perhaps-damaged.zip") != c.named {
			t.Errorf("%s: the download is called %s", name, file)
		}
		archive, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		note := ""
		if f := archive.File[0]; f.Name == "READ ME FIRST.txt" {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			note = string(b)
		}
		if !strings.Contains(note, c.says) || (note == "") != (c.says == "") {
			t.Errorf("%s: the download says %q", name, note)
		}
	}
}
