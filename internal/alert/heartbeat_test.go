package alert_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAHeartbeatAsksForItsAddress, and an error does not quote it.
func TestAHeartbeatAsksForItsAddress(t *testing.T) {
	t.Parallel()
	asked, status := 0, http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping/secret-id" && r.Method == http.MethodGet {
			asked++
		}
		w.WriteHeader(status)
	}))
	beat, err := alert.Heartbeat(keepsake.Secret(s.URL + "/ping/secret-id"))
	if err != nil {
		t.Fatal(err)
	}
	if err := beat(t.Context()); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	status = http.StatusGone
	if err := beat(t.Context()); err == nil || !strings.Contains(err.Error(), "410 Gone") {
		t.Errorf("%v", err)
	}
	s.Close()
	if err := beat(t.Context()); err == nil || strings.Contains(err.Error(), "secret-id") {
		t.Errorf("%v", err)
	}
	for _, address := range []keepsake.Secret{"", "watchdog", "ftp://a/b", "https://", "http://:80/x", "https://a b/"} {
		if _, err := alert.Heartbeat(address); keepsake.CodeOf(err) != keepsake.CodeInvalid {
			t.Errorf("%q: %v", address.Reveal(), err)
		}
	}
}
