package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
)

type eventsInput struct {
	OperationID
	LastEventID int64 `header:"Last-Event-ID" minimum:"0" doc:"Where a reader left off"`
}

// Event is one message of a stream: the operation's whole state, so that a reader who misses some misses nothing.
type Event struct {
	Operation Operation `json:"operation"`
	Log       []LogLine `json:"log" doc:"New lines, oldest first"`
}

func (h *actions) events() {
	op := action(http.MethodGet, "/backups/{id}/events", "streamOperation", "Watch an operation",
		"Server-sent events: each has an id and, as data, the operation's whole state with the new lines of its log. "+
			"The stream ends after the event in which the operation has ended, and breaks off after ten minutes, or when the "+
			"token or the console ends: come back with Last-Event-ID then.", "Operations")
	op.Errors = []int{http.StatusNotFound, http.StatusTooManyRequests}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The stream", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	register(h, op, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		actor := handlers.ActorFrom(ctx)
		if _, err := h.d.Console.GetOperation(ctx, actor, in.ID); err != nil {
			return nil, err
		}
		//nolint:contextcheck // the stream outlives the call and has the request's context
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			c := humaecho.Unwrap(hc)
			ctx, cancel := context.WithTimeout(c.Request().Context(), h.d.Stream.Life)
			defer cancel()
			events, err := h.d.Console.Subscribe(ctx, actor, in.ID, in.LastEventID)
			if err != nil {
				h.fail(c, err)
				return
			}
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Time{})
			head := c.Response().Header()
			head.Set("Content-Type", "text/event-stream")
			head.Set("Cache-Control", "no-store")
			head.Set("X-Accel-Buffering", "no")
			c.Response().WriteHeader(http.StatusOK)
			stream(ctx, c.Response(), events, h.d.Stream)
		}}, nil
	})
}

// stream writes events until the operation, the reader or the stream's life ends.
func stream(ctx context.Context, w http.ResponseWriter, events <-chan console.Event, timing handlers.StreamTiming) {
	beat := time.NewTicker(timing.Heartbeat)
	defer beat.Stop()
	stop := handlers.Stopping(ctx)
	for {
		var message []byte
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		case <-beat.C:
			message = []byte(": still here\n\n")
		case ev, more := <-events:
			if !more {
				return
			}
			body, err := json.Marshal(Event{Operation: operationOf(ev.Operation), Log: each(ev.Log, lineOf)})
			if err != nil {
				return
			}
			message = fmt.Appendf(nil, "id: %d\nevent: state\ndata: %s\n\n", ev.ID, body)
		}
		if timing.Write(w, message) != nil {
			return
		}
	}
}
