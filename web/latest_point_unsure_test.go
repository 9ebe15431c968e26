package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

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
		ask := func(body string) string {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/backups/restore",
				strings.NewReader(body))
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
		for name, got := range map[string]string{
			"a preview":       ask(`{"wedding":"w 1/2"}`),
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
		if got := ask(`{"wedding":"w 1/2","point":"20261123T070500Z-aa"}`); strings.Contains(got, "point_why") {
			t.Errorf("a point that was named: %s", got)
		}
	}
}
