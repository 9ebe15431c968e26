package target

import (
	"context"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// eventTrigger is one of the target's own, as it was before the restore.
type eventTrigger struct{ name, enabled string }

// switchOff switches the event triggers of the target off. PostgreSQL fires none for statements about event triggers.
func (t *Target) switchOff(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "select evtname, evtenabled::text from pg_event_trigger where evtenabled <> 'D' order by 1")
	if err != nil {
		return err
	}
	on, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e eventTrigger, err error) {
		return e, row.Scan(&e.name, &e.enabled)
	})
	if err != nil {
		return err
	}
	t.Loud = nil
	for _, e := range on {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "alter event trigger "+pgx.Identifier{e.name}.Sanitize()+" disable")
			return err
		})
		switch {
		case state(err) == pgerrcode.InsufficientPrivilege:
			t.Loud = append(t.Loud, e.name)
		case err != nil:
			return err
		default:
			t.off = append(t.off, e)
		}
	}
	return nil
}

// recall reads which event triggers a killed restore had switched off. A mark of an earlier version does not say so.
func (t *Target) recall(ctx context.Context) error {
	var says bool
	err := t.conn.QueryRow(ctx, "select to_regclass('keepsake_restore.switched_off') is not null").Scan(&says)
	if err != nil || !says {
		return err
	}
	rows, err := t.conn.Query(ctx, `select s.name, s.enabled from keepsake_restore.switched_off s
		join pg_event_trigger e on e.evtname = s.name and e.evtenabled = 'D'`)
	if err != nil {
		return fmt.Errorf("read the mark: %w", err)
	}
	t.off, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e eventTrigger, err error) {
		return e, row.Scan(&e.name, &e.enabled)
	})
	return err
}

// switchOn makes the event triggers of the target what they were.
func (t *Target) switchOn(ctx context.Context) error {
	how := map[string]string{"O": "enable", "A": "enable always", "R": "enable replica"}
	for _, e := range t.off {
		err := t.exec(ctx, "alter event trigger "+pgx.Identifier{e.name}.Sanitize()+" "+how[e.enabled])
		if err != nil {
			return fmt.Errorf("switch the target's event trigger %s on again: %w", e.name, err)
		}
	}
	return nil
}
