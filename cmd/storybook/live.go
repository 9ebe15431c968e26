package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// operationLive is a running operation whose stream really moves: ten steps of half a second, then it ends.
func operationLive(theme string) views.Operation {
	o := operation(theme, backupOf(console.StateRunning))
	o.EventsURL = "/events"
	return o
}

// dashboardLive is an overview whose running operation really moves, and ends.
func dashboardLive(theme string) views.Dashboard {
	d := dashboardRunning(theme)
	d.Running[0].EventsURL = "/events"
	return d
}

func serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	pace := &draw.Pace{}
	for n := 1; n <= 10; n++ {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		o := backupOf(console.StateRunning)
		o.Progress = progressAt(43 + n*5)
		l := draw.Live(o, pace)
		sendEvent(r.Context(), w, n, "progress", views.LivePart(l))
		sendEvent(r.Context(), w, n, "state", ui.ShowChip(ui.Chip{Tone: ui.ToneRun, Text: fmt.Sprintf("Running %d", n)}))
		sendEvent(r.Context(), w, n, "strip", views.StripBody(draw.Strip(o, l)))
		line := views.LogLine{
			ID:    fmt.Sprint(100 + n),
			Time:  "07:06:0" + fmt.Sprint(n%10),
			Level: "info",
			Class: "lv-info",
			Text:  fmt.Sprintf("Step %d of 10", n),
		}
		sendEvent(r.Context(), w, 100+n, "log", views.LogLines([]views.LogLine{line}))
		if err := flush.Flush(); err != nil {
			return
		}
	}
	fmt.Fprint(w, "event: end\ndata: done\n\n")
}

// serveQuiet is the stream of stories that stand still.
func serveQuiet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if http.NewResponseController(w).Flush() == nil {
		<-r.Context().Done()
	}
}

func sendEvent(ctx context.Context, w http.ResponseWriter, id int, event string, c templ.Component) {
	var buf bytes.Buffer
	if err := c.Render(ctx, &buf); err != nil {
		return
	}
	fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", id, event, strings.ReplaceAll(buf.String(), "\n", "\ndata: "))
}
