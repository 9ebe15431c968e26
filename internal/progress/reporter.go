package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// interval is the shortest time between two writes: at most two a second.
	interval = 500 * time.Millisecond
	// most log lines wait for a console database that does not answer; the oldest give way.
	mostLines = 2000
	// saveTime bounds one write.
	saveTime = 10 * time.Second
)

// ErrLeaseLost says that the operation belongs to another worker now, or has ended.
var ErrLeaseLost = errors.New("the operation is not this worker's any more")

// Reporter writes the progress and the log of one operation, as the engine's Reporter. It never blocks the engine: a
// goroutine of its own writes the newest progress and the collected lines at most twice a second. Close ends it.
type Reporter struct {
	db        *db.DB
	operation string
	fence     int64
	log       *slog.Logger
	lost      func(error)

	mu      sync.Mutex
	newest  *report.Progress
	lines   []report.LogLine
	dropped int

	dirty chan struct{}
	quit  chan struct{}
	done  chan struct{}
}

// NewReporter starts a reporter for the holder of the fence. lost is called, at most once, when the fence does not
// hold.
func NewReporter(ctx context.Context, d *db.DB, operation string, fence int64, log *slog.Logger,
	lost func(error)) *Reporter {
	r := &Reporter{
		db:        d,
		operation: operation,
		fence:     fence,
		log:       log,
		lost:      lost,
		dirty:     make(chan struct{}, 1),
		quit:      make(chan struct{}),
		done:      make(chan struct{}),
	}
	// The last lines of a cancelled operation are worth as much as the first.
	go r.write(context.WithoutCancel(ctx))
	return r
}

// Progress takes the newest state of the operation.
func (r *Reporter) Progress(p report.Progress) {
	r.mu.Lock()
	r.newest = &p
	r.mu.Unlock()
	r.mark()
}

// Log takes a line.
func (r *Reporter) Log(l report.LogLine) {
	r.mu.Lock()
	if len(r.lines) == mostLines {
		r.lines = append(r.lines[:0], r.lines[1:]...)
		r.dropped++
	}
	r.lines = append(r.lines, l)
	r.mu.Unlock()
	r.mark()
}

// Close writes what is left and returns when the writer has ended.
func (r *Reporter) Close() {
	close(r.quit)
	<-r.done
}

func (r *Reporter) mark() {
	select {
	case r.dirty <- struct{}{}:
	default:
	}
}

func (r *Reporter) write(ctx context.Context) {
	defer close(r.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-r.quit:
			r.flush(ctx)
			return
		case <-pause.C:
		}
		select {
		case <-r.quit:
			r.flush(ctx)
			return
		case <-r.dirty:
			if !r.flush(ctx) {
				<-r.quit
				return
			}
			pause.Reset(interval)
		}
	}
}

// flush writes what is new; false when the lease is lost. What could not be written stays for the next time.
func (r *Reporter) flush(ctx context.Context) bool {
	r.mu.Lock()
	progress, lines, dropped := r.newest, r.lines, r.dropped
	r.newest, r.lines, r.dropped = nil, nil, 0
	r.mu.Unlock()
	if progress == nil && len(lines) == 0 {
		return true
	}
	err := r.save(ctx, progress, lines, dropped)
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrLeaseLost):
		r.lost(err)
		return false
	}
	r.log.WarnContext(ctx, "progress could not be saved and is tried again", "operation", r.operation, "err", err)
	r.mu.Lock()
	if r.newest == nil {
		r.newest = progress
	}
	r.lines = append(lines, r.lines...)
	r.dropped += dropped
	if over := len(r.lines) - mostLines; over > 0 {
		r.lines = append(r.lines[:0], r.lines[over:]...)
		r.dropped += over
	}
	r.mu.Unlock()
	r.mark()
	return true
}

func (r *Reporter) save(ctx context.Context, progress *report.Progress, lines []report.LogLine, dropped int) error {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	var state []byte
	if progress != nil {
		b, err := json.Marshal(progress)
		if err != nil {
			return fmt.Errorf("encode the progress: %w", err)
		}
		state = CleanJSON(b)
	}
	if dropped > 0 {
		missing := report.LogLine{
			Time:  lines[0].Time,
			Level: "warn",
			Message: fmt.Sprintf("%d lines of this log are missing: Keepsake's own database did not answer in time "+
				"to take them.", dropped),
		}
		lines = append([]report.LogLine{missing}, lines...)
	}
	return r.db.InTx(ctx, keepsake.System("progress"), func(tx db.Tx) error {
		last, err := tx.SaveProgress(ctx, sqlcgen.SaveProgressParams{
			ID:       r.operation,
			Fence:    r.fence,
			Progress: state,
			Events:   int64(max(1, len(lines))),
		})
		if db.IsNoRows(err) {
			return ErrLeaseLost
		}
		if err != nil {
			return fmt.Errorf("save the progress: %w", err)
		}
		if err := AppendLog(ctx, tx, r.operation, last-int64(len(lines))+1, lines); err != nil {
			return err
		}
		return Notify(ctx, tx, ChannelChanged, r.operation)
	})
}

// AppendLog adds lines to an operation's log. The caller has reserved the event ids from first on.
func AppendLog(ctx context.Context, tx db.Tx, operation string, first int64, lines []report.LogLine) error {
	if len(lines) == 0 {
		return nil
	}
	rows := make([]sqlcgen.InsertEventsParams, len(lines))
	for i, l := range lines {
		rows[i] = sqlcgen.InsertEventsParams{
			OperationID: operation,
			ID:          first + int64(i),
			At:          l.Time,
			Level:       level(l.Level),
			Message:     Clean(l.Message),
		}
	}
	var failed error
	tx.InsertEvents(ctx, rows).Exec(func(_ int, err error) { failed = errors.Join(failed, err) })
	if failed != nil {
		return fmt.Errorf("append to the log: %w", failed)
	}
	return nil
}

func level(s string) string {
	switch s {
	case "warn", "error":
		return s
	}
	return "info"
}

// CleanJSON makes JSON that jsonb takes: it knows no NUL.
func CleanJSON(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\u0000`), []byte(`\ufffd`)) }

// Clean makes text that PostgreSQL takes: a provider's error may quote anything.
func Clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// Notify tells every process that something happened to the operation, when the transaction commits.
func Notify(ctx context.Context, tx db.Tx, channel, operation string) error {
	if err := tx.Notify(ctx, sqlcgen.NotifyParams{Channel: channel, Payload: operation}); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
