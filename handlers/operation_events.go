package handlers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// StreamTiming says how often a stream sends, and when it ends.
type StreamTiming struct {
	Gap       time.Duration // between two states sent; what comes sooner waits for the next
	Heartbeat time.Duration // a comment that keeps proxies from closing a quiet stream
	Life      time.Duration // after which the browser must come back, so that an ended session ends its streams too
	Patience  time.Duration // that a reader may take for one message; more than Heartbeat, which gives it anew
}

// DefaultStreamTiming returns times that a person can follow.
func DefaultStreamTiming() StreamTiming {
	return StreamTiming{
		Gap:       900 * time.Millisecond,
		Heartbeat: 15 * time.Second,
		Life:      10 * time.Minute,
		Patience:  time.Minute,
	}
}

// Write sends one message. A stream may be quiet for long, but a client that takes nothing of a message is given up:
// the time that the server allows for a whole answer becomes the time for each message.
func (t StreamTiming) Write(w http.ResponseWriter, message []byte) error {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(t.Patience)); err != nil {
		return fmt.Errorf("move the write deadline of a stream: %w", err)
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	return control.Flush()
}

type operationWatcher interface {
	GetOperation(ctx context.Context, actor keepsake.Actor, id string) (console.Operation, error)
	Subscribe(ctx context.Context, actor keepsake.Actor, id string, after int64) (<-chan console.Event, error)
}

// StreamOperation sends an operation's state as server-sent events: "progress" (the partial that the page embeds),
// "state" (its chip), "strip" (the line that the overview embeds), "status" (a sentence to read aloud), "log" (new
// lines), "decided" (the operation waits for no approval any more) and at last "end". Event ids are the console's, so
// a browser that comes back with Last-Event-ID misses nothing.
func StreamOperation(pages Pages, con operationWatcher, timing StreamTiming) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), timing.Life)
		defer cancel()
		after, err := lastEventID(c)
		if err != nil {
			return err
		}
		if _, err := con.GetOperation(ctx, actor(c), c.Param("id")); err != nil {
			return err
		}
		events, err := con.Subscribe(ctx, actor(c), c.Param("id"), after)
		if err != nil {
			return err
		}
		s := &stream{ctx: ctx, w: c.Response(), clock: pages.clock, timing: timing, pace: &draw.Pace{}}
		if err := s.open(); err != nil {
			return err
		}
		s.run(events, func() (console.Operation, error) { return con.GetOperation(ctx, actor(c), c.Param("id")) })
		return nil
	}
}

// lastEventID is where a browser left off: the header of one that comes back, else the page's own parameter.
func lastEventID(c echo.Context) (int64, error) {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("after")
	}
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, keepsake.Errorf(keepsake.CodeInvalid, "%q is not the number of an event: reload the page", text)
	}
	return id, nil
}

// stream is one browser that watches one operation. It belongs to one goroutine.
type stream struct {
	ctx    context.Context
	w      *echo.Response
	clock  func() format.Clock
	timing StreamTiming
	pace   *draw.Pace
	spoken string // the sentence sent last
	told   bool   // that nobody's approval is waited for
	next   *console.Event
	lines  []console.LogLine
}

// open sends the headers and lifts the server's deadline for a request: a stream may be quiet for long.
func (s *stream) open() error {
	if err := http.NewResponseController(s.w).SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lift the read deadline of a stream: %w", err)
	}
	h := s.w.Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
	s.write([]byte("retry: 2000\n\n")) // if the browser is gone, run notices by its context
	return nil
}

// run sends states until the operation, the browser, the server or the stream's life ends.
func (s *stream) run(events <-chan console.Event, now func() (console.Operation, error)) {
	beat := time.NewTicker(s.timing.Heartbeat)
	defer beat.Stop()
	gap := time.NewTimer(s.timing.Gap)
	gap.Stop()
	defer gap.Stop()
	waiting := false
	var sent time.Time
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-Stopping(s.ctx):
			return
		case ev, ok := <-events:
			if !ok {
				// The hub let go of this reader: it was too slow, or the operation is over. Only the latter ends the stream for
				// good; otherwise the browser comes back with its last id.
				if o, err := now(); err == nil && !o.State.Active() {
					s.next = &console.Event{ID: o.EventID, Operation: o}
					s.send()
				}
				return
			}
			s.next, s.lines = &ev, append(s.lines, ev.Log...)
			if final(ev) {
				s.send()
				return
			}
			if !waiting {
				gap.Reset(max(0, s.timing.Gap-time.Since(sent)))
				waiting = true
			}
		case <-gap.C:
			waiting, sent = false, time.Now()
			if !s.send() {
				return
			}
		case <-beat.C:
			if !s.write([]byte(": still here\n\n")) {
				return
			}
		}
	}
}

// final reports whether nothing comes after the event: the operation has ended and every line of its log was sent.
func final(ev console.Event) bool {
	return !ev.Operation.State.Active() && ev.ID >= ev.Operation.EventID
}

// send writes the newest state and every line since the last one. The id stands on the last message only: a stream that
// breaks in between is repeated, never short.
func (s *stream) send() bool {
	if s.next == nil {
		return true
	}
	o, clock := s.next.Operation, s.clock()
	live := draw.Live(o, s.pace)
	var buf bytes.Buffer
	s.message(&buf, "progress", views.LivePart(live))
	s.message(&buf, "state", ui.ShowChip(draw.OperationState(o)))
	s.message(&buf, "strip", views.StripBody(draw.Strip(o, live)))
	if live.Status != s.spoken {
		s.spoken = live.Status
		fmt.Fprintf(&buf, "event: status\ndata: %s\n\n", templ.EscapeString(live.Status))
	}
	if o.State != console.StateProposed && !s.told {
		s.told = true
		buf.WriteString("event: decided\ndata: \n\n")
	}
	if len(s.lines) > 0 {
		s.message(&buf, "log", views.LogLines(draw.LogLines(s.lines, clock)))
	}
	if final(*s.next) {
		fmt.Fprintf(&buf, "event: end\ndata: %s\n\n", o.State)
	}
	fmt.Fprintf(&buf, "id: %d\nevent: sent\ndata: %d\n\n", s.next.ID, s.next.ID)
	s.next, s.lines = nil, nil
	return s.write(buf.Bytes())
}

func (s *stream) message(buf *bytes.Buffer, name string, part templ.Component) {
	var html bytes.Buffer
	if err := part.Render(s.ctx, &html); err != nil {
		return // only a gone browser ends a render that writes to memory
	}
	fmt.Fprintf(buf, "event: %s\n", name)
	text := bytes.ReplaceAll(html.Bytes(), []byte("\r"), []byte(" ")) // which would end a field of the stream
	for line := range bytes.Lines(text) {
		fmt.Fprintf(buf, "data: %s\n", bytes.TrimSuffix(line, []byte("\n")))
	}
	buf.WriteByte('\n')
}

func (s *stream) write(b []byte) bool {
	return s.timing.Write(s.w, b) == nil && s.ctx.Err() == nil
}
