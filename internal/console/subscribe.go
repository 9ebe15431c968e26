package console

import (
	"context"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

const (
	// eventLines is how many log lines one event carries; more follow in the next, at once.
	eventLines = 500
	// lookAgain is when a watcher looks although nothing woke it.
	lookAgain = 10 * time.Second
)

// Subscribe returns a channel with events of an operation. The first event is its whole current state, with the log
// lines after afterEventID, or the newest lines where that is 0. Another event follows whenever something has
// changed. A slow reader gets fewer events, each complete, and nothing waits for it. The channel closes after the
// event in which the operation has ended, and when ctx ends. Subscribe checks the actor's rights for every event.
// Without Run, changes by other processes arrive late.
func (c *Console) Subscribe(ctx context.Context, actor keepsake.Actor, id string, afterEventID int64) (_ <-chan Event,
	err error) {
	defer func() { err = c.recordRefusedLook(ctx, actor, audit.OperationRead, id, err) }()
	if id, err = operationID(id); err != nil {
		return nil, err
	}
	watch := c.runner.Hub.Watch(progress.ChannelChanged, id) // first, so that nothing falls between reading and watching
	first, err := c.event(ctx, actor, id, afterEventID)
	if err != nil {
		watch.Stop()
		return nil, err
	}
	events := make(chan Event)
	go func() {
		defer close(events)
		defer watch.Stop()
		c.follow(ctx, actor, watch, first, events)
	}()
	return events, nil
}

func (c *Console) follow(ctx context.Context, actor keepsake.Actor, watch *progress.Watch, ev Event,
	events chan<- Event) {
	again := time.NewTicker(c.look(ev.Operation))
	defer again.Stop()
	for {
		select {
		case events <- ev:
		case <-ctx.Done():
			return
		}
		sent := ev
		again.Reset(c.look(sent.Operation))
		if !sent.Operation.State.Active() && sent.ID == sent.Operation.EventID {
			return
		}
		for ev.ID <= sent.ID && ev.Operation.Silence == sent.Operation.Silence {
			if sent.ID == sent.Operation.EventID { // otherwise there is more to read right away
				select {
				case <-watch.C():
				case <-again.C:
				case <-ctx.Done():
					return
				}
			}
			next, err := c.event(ctx, actor, sent.Operation.ID, sent.ID)
			if code := keepsake.CodeOf(err); err != nil && (code == keepsake.CodeNotFound || ctx.Err() != nil) {
				return
			} else if err != nil {
				c.log.WarnContext(ctx, "a live view is late", "operation", sent.Operation.ID, "err", err)
				sent.Operation.EventID = sent.ID // wait for the next wake-up or look
				continue
			}
			ev = next
		}
	}
}

// event reads the state and the log of an operation at one moment.
func (c *Console) event(ctx context.Context, actor keepsake.Actor, id string, after int64) (Event, error) {
	var ev Event
	err := c.db.InTx(ctx, actor, func(tx db.Tx) error {
		var err error
		if ev.Operation, err = c.observe(ctx, tx, actor, id); err != nil {
			return err
		}
		ev.ID = ev.Operation.EventID
		// Lines beyond the row's newest event belong to the next event, so both are of one moment.
		ev.Log, err = readLog(ctx, tx, id, after, ev.ID, eventLines)
		return err
	})
	if db.IsNoRows(err) {
		return ev, keepsake.Errorf(keepsake.CodeNotFound, "There is no operation %s.", id)
	}
	if after > 0 && len(ev.Log) == eventLines {
		ev.ID = ev.Log[eventLines-1].ID
	}
	return ev, err
}
