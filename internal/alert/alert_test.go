package alert_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/internal/alert"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// hook is a place that keeps what it is told.
type hook struct {
	mu     sync.Mutex
	said   []string
	status int
	url    keepsake.Secret
}

const hookToken = "hook-token-0123456789"

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: http.StatusOK}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.said = append(h.said, string(body))
		w.WriteHeader(h.status)
	}))
	t.Cleanup(s.Close)
	h.url = keepsake.Secret("generic://" + strings.TrimPrefix(s.URL, "http://") + "/" + hookToken +
		"?disabletls=yes&template=json")
	return h
}

func (h *hook) messages(t *testing.T) (list []string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.said {
		var m struct{ Message string }
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
		list = append(list, m.Message)
	}
	return list
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func record(t *testing.T, d *db.DB, actor keepsake.Actor, e audit.Entry) {
	t.Helper()
	err := d.InTx(t.Context(), keepsake.System("test"),
		func(tx db.Tx) error { return audit.Record(t.Context(), tx, actor, e) })
	if err != nil {
		t.Fatal(err)
	}
}

func sender(t *testing.T, d *db.DB, pause time.Duration, on []audit.Kind, hooks ...*hook) *alert.Sender {
	t.Helper()
	o := alert.Options{On: on, Pause: pause, Link: "https://keepsake.example.com/", Logger: slog.New(slog.DiscardHandler)}
	for _, h := range hooks {
		o.URLs = append(o.URLs, h.url)
	}
	s, err := alert.New(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s *alert.Sender) {
	t.Helper()
	if err := s.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var (
	ada   = keepsake.Actor{ID: "1", Name: "ada@example.com", Role: keepsake.RoleSuperAdmin, Address: "192.0.2.1"}
	wrong = audit.Entry{
		Action:  "session.start",
		Target:  "x",
		Outcome: audit.Refused,
		Detail:  map[string]any{"reason": "mismatch"},
	}
	quiet = audit.Entry{Action: "backup.start", Outcome: audit.Allowed, Detail: map[string]any{"note": "row contents"}}
)

const soon = time.Microsecond

func TestSecurityEventsAreTold(t *testing.T) {
	t.Parallel()
	d, h := dbtest.Open(t, dbtest.URL(t)), newHook(t)
	s := sender(t, d, soon, []audit.Kind{audit.KindSecurity}, h)
	record(t, d, ada, wrong) // before anybody was to be told: history
	send(t, s)
	record(t, d, ada, quiet)
	send(t, s)
	if m := h.messages(t); len(m) != 0 {
		t.Fatalf("told of history, or of nothing: %q", m)
	}
	record(t, d, ada, audit.Entry{
		Action:    "backup.start",
		Outcome:   audit.Refused,
		WeddingID: "w7",
		Detail:    map[string]any{"code": "forbidden", "note": "row contents"},
	})
	record(t, d, keepsake.Actor{Name: "my password in the wrong field", Address: "198.51.100.7\nFake: line"}, wrong)
	record(t, d, keepsake.System("worker"), audit.Entry{Action: "backup.end", Outcome: audit.Failed})
	send(t, s)
	send(t, s)
	m := h.messages(t)
	if len(m) != 1 {
		t.Fatalf("%d messages: %q", len(m), m)
	}
	for _, want := range []string{"2 entries",
		"entry 3: backup.start refused by ada@example.com from 192.0.2.1 wedding w7",
		"entry 4: session.start refused from 198.51.100.7 Fake: line", "https://keepsake.example.com/audit"} {
		if !strings.Contains(m[0], want) {
			t.Errorf("%q is not in %q", want, m[0])
		}
	}
	for _, never := range []string{"row contents", "my password", "backup.end", "\nFake"} {
		if strings.Contains(m[0], never) {
			t.Errorf("%q was told: %q", never, m[0])
		}
	}
}

// TestNothingIsLostWhenAPlaceFails: it is told later, and the other place at once; what fails is said without the
// address.
func TestNothingIsLostWhenAPlaceFails(t *testing.T) {
	t.Parallel()
	d, bad, good := dbtest.Open(t, dbtest.URL(t)), newHook(t), newHook(t)
	s := sender(t, d, 10*time.Minute, audit.Kinds, bad, good) // longer than any machine takes for this test
	send(t, s)
	record(t, d, ada, wrong)
	bad.answer(http.StatusInternalServerError)
	err := s.Send(t.Context())
	if err == nil || strings.Contains(err.Error(), hookToken) ||
		!strings.Contains(err.Error(), "alerts.urls[0] (generic)") {
		t.Errorf("a place that fails: %v", err)
	}
	if len(good.messages(t)) != 1 {
		t.Error("the other place was not told")
	}
	bad.answer(http.StatusOK)
	send(t, s) // within the pause after a failure: nothing
	if n := len(bad.messages(t)); n != 1 {
		t.Errorf("%d messages within the pause", n)
	}
	record(t, d, ada, wrong)
	forget(t, d)
	send(t, s)
	if m := bad.messages(t); len(m) != 2 || !strings.Contains(m[1], "2 entries") {
		t.Errorf("afterwards: %q", m)
	}
}

// forget ends pauses and leases, as time would.
func forget(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.InTx(t.Context(), keepsake.System("test"), func(tx db.Tx) error {
		_, err := tx.PG.Exec(t.Context(), "update alert_places set next_at = '-infinity', leased_until = '-infinity'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneMessageAMinute however much happens, and each entry in one of them.
func TestOneMessageAMinute(t *testing.T) {
	t.Parallel()
	d, h := dbtest.Open(t, dbtest.URL(t)), newHook(t)
	s := sender(t, d, 10*time.Minute, []audit.Kind{audit.KindSecurity}, h)
	send(t, s)
	for range 30 {
		record(t, d, ada, wrong)
		send(t, s)
	}
	if m := h.messages(t); len(m) != 1 || !strings.Contains(m[0], "one entry") {
		t.Fatalf("%d messages within the pause: %q", len(m), m)
	}
	record(t, d, ada, audit.Entry{Action: "key.writer", Outcome: audit.Allowed}) // behind many others
	forget(t, d)
	send(t, s)
	// That the first message was sent is entry 2.
	if m := h.messages(t); len(m) != 2 || !strings.Contains(m[1], "30 entries") ||
		!strings.Contains(m[1], "and 10 more, up to entry 32: 1 × key.writer allowed, 9 × session.start refused\n") {
		t.Errorf("after the pause: %q", m)
	}
}

// TestManyWorkersTellOnce, and one that was killed while it sent tells nobody else to stop for longer than its lease.
func TestManyWorkersTellOnce(t *testing.T) {
	t.Parallel()
	d, h := dbtest.Open(t, dbtest.URL(t)), newHook(t)
	send(t, sender(t, d, 10*time.Minute, audit.Kinds, h))
	record(t, d, ada, wrong)
	var wg sync.WaitGroup
	for range 8 {
		s := sender(t, d, 10*time.Minute, audit.Kinds, h)
		wg.Go(func() {
			if err := s.Send(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(h.messages(t)); n != 1 {
		t.Errorf("eight workers told %d times", n)
	}
	forget(t, d)
	record(t, d, ada, wrong)
	killed := func() (err error) {
		defer func() { err = fmt.Errorf("killed: %v", recover()) }()
		// a nil function ends it in the middle
		return audit.Deliver(t.Context(), d, audit.Delivery{Place: h.url.Reveal(), On: audit.Kinds}, nil)
	}()
	if killed == nil {
		t.Fatal("the worker was not killed")
	}
	s := sender(t, d, soon, audit.Kinds, h)
	send(t, s)
	if n := len(h.messages(t)); n != 1 {
		t.Error("the lease of the one that was killed was not waited for")
	}
	forget(t, d)
	send(t, s)
	if n := len(h.messages(t)); n != 2 {
		t.Errorf("%d messages after its lease, want that nothing was lost", n)
	}
}

func TestABadAddressIsRefusedWithoutBeingSaid(t *testing.T) {
	t.Parallel()
	_, err := alert.New(nil, alert.Options{URLs: []keepsake.Secret{"nothing://token-in-the-address@host"}})
	if keepsake.CodeOf(err) != keepsake.CodeInvalid || strings.Contains(err.Error(), "token-in-the-address") ||
		!strings.Contains(err.Error(), "alerts.urls[0]") {
		t.Errorf("%v", err)
	}
}
