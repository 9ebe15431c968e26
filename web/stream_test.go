package web_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/web"
)

// message is one server-sent event.
type message struct{ id, event, data string }

// watch opens a stream and returns its messages; comments come as events named ":".
func (s *site) watch(ctx context.Context, path string, header ...string) <-chan message {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("the stream answers %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	out := make(chan message)
	go func() {
		defer close(out)
		defer func() { _ = resp.Body.Close() }()
		var m message
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch name {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				m.data += value + "\n"
			case "":
				if lines.Text() == "" && m != (message{}) {
					out <- m
					m = message{}
				} else if lines.Text() != "" {
					out <- message{event: ":"}
				}
			}
		}
	}()
	return out
}

// next returns the next message that is not a heartbeat.
func next(t *testing.T, messages <-chan message) (message, bool) {
	t.Helper()
	for {
		select {
		case m, ok := <-messages:
			if ok && (m.event == ":" || m.event == "") {
				continue
			}
			return m, ok
		case <-time.After(10 * time.Second):
			t.Fatal("no message came")
		}
	}
}

// group reads one whole state: every message up to the one that carries the id.
func group(t *testing.T, messages <-chan message) map[string]string {
	t.Helper()
	out := map[string]string{}
	for {
		m, ok := next(t, messages)
		if !ok {
			return out
		}
		out[m.event] = m.data
		if m.id != "" {
			out["id"] = m.id
			return out
		}
	}
}

func TestStreamSendsStatesLinesAndTheEnd(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	o := runningBackup("op1")
	s.console.operations["op1"] = o
	stream := s.watch(t.Context(), "/operations/op1/events?after=7")

	o.EventID = 8
	s.console.events <- console.Event{
		ID:        8,
		Operation: o,
		Log:       []console.LogLine{{ID: 8, LogLine: engine.LogLine{Time: moment, Level: "info", Message: "line\r\n<one>"}}},
	}
	first := group(t, stream)
	if first["id"] != "8" || !strings.Contains(first["progress"], "40 %") ||
		!strings.Contains(first["strip"], "Full backup") || !strings.Contains(first["status"], "40 % done") ||
		!strings.Contains(first["state"], "Running") {
		t.Errorf("first state: %v", first)
	}
	if !strings.Contains(first["log"], "&lt;one&gt;") || !strings.Contains(first["log"], `id="log-8"`) ||
		strings.Contains(first["log"], "\r") {
		t.Errorf("log: %q", first["log"])
	}

	p := *o.Progress
	p.UpdatedAt, p.BytesDone = p.UpdatedAt.Add(2*time.Second), p.BytesDone+20<<20
	o.Progress = &p
	p.Tables = []engine.TableProgress{{
		Schema:     "public",
		Name:       "users",
		Tier:       "critical",
		State:      engine.ItemRunning,
		RowsDone:   600,
		RowsTotal:  1000,
		BytesDone:  60 << 20,
		BytesTotal: 100 << 20,
	}}
	s.console.events <- console.Event{ID: 9, Operation: o}
	second := group(t, stream)
	if !strings.Contains(second["progress"], "10 MiB/s") || !strings.Contains(second["progress"], "a few seconds") ||
		second["log"] != "" {
		t.Errorf("second state lacks the speed of the table: %v", second)
	}

	o.State, o.EventID = console.StateDone, 11
	s.console.events <- console.Event{ID: 10, Operation: o} // its log goes on
	if more := group(t, stream); more["end"] != "" || more["id"] != "10" {
		t.Errorf("ended before the last line: %v", more["end"])
	}
	s.console.events <- console.Event{
		ID:        11,
		Operation: o,
		Log:       []console.LogLine{{ID: 11, LogLine: engine.LogLine{Time: moment, Level: "info", Message: "last line"}}},
	}
	last := group(t, stream)
	if _, ok := last["end"]; !ok || last["id"] != "11" || !strings.Contains(last["log"], "last line") {
		t.Errorf("last state: %v", last)
	}
	if m, ok := next(t, stream); ok {
		t.Errorf("something came after the end: %v", m)
	}
}

func TestStreamResumesWhereTheBrowserLeftOff(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	ctx, cancel := context.WithCancel(t.Context())
	stream := s.watch(ctx, "/operations/op1/events?after=7", "Last-Event-ID", "42")
	for beats := 0; beats < 2; {
		if m := <-stream; m.event == ":" {
			beats++
		}
	}
	cancel()
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	if len(s.console.after) != 1 || s.console.after[0] != 42 {
		t.Errorf("subscribed after %v, want 42: the header of a browser that comes back wins", s.console.after)
	}
}

// TestAStreamEndsWithItsSession: whoever has it open sees no more of what they may not see any more.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	stream := s.watch(t.Context(), "/operations/op1/events")
	for beats := 0; beats < 3; { // looks at the session change nothing while it lasts
		if m, ok := <-stream; ok && m.event == ":" {
			beats++
		} else if !ok {
			t.Fatal("it ended before its session")
		}
	}
	s.auth.mu.Lock()
	clear(s.auth.sessions)
	s.auth.mu.Unlock()
	late := time.After(10 * time.Second)
	for open := true; open; {
		select {
		case _, open = <-stream:
		case <-late:
			t.Fatal("it goes on without its session")
		}
	}
}

func TestStreamOfAnOperationThatEndedMeanwhile(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	o := runningBackup("op1")
	o.State = console.StateCancelled
	s.console.operations["op1"] = o
	close(s.console.events)
	if got := group(t, s.watch(t.Context(), "/operations/op1/events")); got["end"] != "cancelled\n" {
		t.Errorf("got %v", got)
	}
}

func TestSlowReaderIsLetGoWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	close(s.console.events)
	if m, ok := next(t, s.watch(t.Context(), "/operations/op1/events")); ok {
		t.Errorf("got %v, want the stream to close so that the browser comes back", m)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.get("/operations/nothing/events").want(http.StatusNotFound)
	s.console.operations["op1"] = runningBackup("op1")
	s.get("/operations/op1/events?after=x").want(http.StatusUnprocessableEntity)
}

func TestServeStopsGracefullyAndEndsStreams(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.console.operations["op1"] = runningBackup("op1")
	e, err := web.New(web.Deps{Console: s.console, Auth: s.auth, SessionSecret: "0123456789abcdef0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, listener, e, slog.New(slog.DiscardHandler)) }()
	s.url = "http://" + listener.Addr().String() // cookies know hosts, not ports
	stream := s.watch(t.Context(), "/operations/op1/events")
	stop()
	for range stream { // drained until the server ends it
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("serve: %v", err)
		}
	case <-time.After(9 * time.Second):
		t.Fatal("the server waited for its streams")
	}
}

// TestAStreamThatNobodyReadsIsGivenUp, of the pages and of the API: who takes nothing holds a connection for a moment
// only.
func TestAStreamThatNobodyReadsIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/operations/op1/events", "/api/backups/op1/events"} {
		s := signedIn(t)
		o := runningBackup("op1")
		s.console.operations["op1"] = o
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+fakeToken)
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		watching := <-s.console.watching
		much := []console.LogLine{{ID: 8, LogLine: engine.LogLine{
			Time:    moment,
			Level:   "info",
			Message: strings.Repeat("x", 1<<20),
		}}}
		patience := time.After(10 * time.Second)
		for given := false; !given; {
			select {
			case s.console.events <- console.Event{ID: 8, Operation: o, Log: much}:
			case <-watching.Done():
				given = true
			case <-patience:
				t.Fatalf("%s waits for ever for who takes nothing", path)
			}
		}
	}
}
