package scope

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// mostPasses is how often a preview tries to write its rows: each pass may refuse rows because of those that the one
// before refused. givingUp is the pass after which rows that change places are not moved any more.
const (
	mostPasses = 60
	givingUp   = 40
)

// trialTime is how long a preview tries its rows at most: they are locked meanwhile.
const trialTime = 15 * time.Second

// settle tries to write the changes as an apply would, behind a savepoint, and takes them back. What the platform
// does not take it refuses, each row with the platform's reason, until the rest can be written together. spread, which
// may be nil, refuses what hangs on refused rows.
func (w writer) settle(ctx context.Context, tables []TableChanges, spread func() error) error {
	if rowsOf(tables) == 0 {
		return nil
	}
	for pass := range mostPasses {
		w.careful = false
		found, err := w.try(ctx, tables)
		var stopped *stepError
		switch {
		case errors.As(err, &stopped) && w.swaps(stopped):
			stopped.table.exchange = true
			continue
		case stopped != nil && refusal(err) != "":
			w.careful = true
			if found, err = w.try(ctx, tables); err != nil {
				return err
			}
		case err != nil:
			return err
		case found == 0:
			return nil
		}
		if found == 0 {
			continue // another one was faster: what was in the way is gone
		}
		if pass >= givingUp {
			keepPlaces(tables)
		}
		if spread != nil {
			if err := spread(); err != nil {
				return err
			}
		}
	}
	return keepsake.Errorf(keepsake.CodeUnsupported,
		"The live platform does not take some of these rows, and so many others hang on them that it could not be found out "+
			"which ones. Nothing was changed: restore the recovery point into a database of its own instead.")
}

// swaps reports whether the rows may only have to be freed of their values before others take them. Where a trigger or
// rule would fire for rows that are taken out or put in, they are not.
func (w writer) swaps(e *stepError) bool {
	state, s := stateOf(e.err), w.shapes[e.table.Table]
	return e.op == Update && !e.table.exchange && s.fires(Insert, nil) == "" && s.fires(Delete, nil) == "" &&
		(state == pgerrcode.UniqueViolation || state == pgerrcode.ExclusionViolation)
}

// keepPlaces refuses what changes places in tables where no end of that is found.
func keepPlaces(tables []TableChanges) {
	for i := range tables {
		if !tables[i].exchange {
			continue
		}
		for j := range tables[i].Changes {
			if c := &tables[i].Changes[j]; c.Op == Update && c.Refused == "" {
				c.Refused = "it changes places with rows that cannot be changed"
			}
		}
	}
}

// try writes the changes that are not refused behind a savepoint and takes them back. It returns how many it refused:
// where it is careful, rows that the platform did not take; otherwise rows that would point at nothing or conflict.
func (w writer) try(ctx context.Context, tables []TableChanges) (int, error) {
	before := refusedOf(tables)
	took, err := nested(ctx, w.tx, func() error {
		if err := silence(ctx, w.tx); err != nil {
			return err
		}
		if _, err := w.write(ctx, tables); err != nil {
			return err
		}
		if refusedOf(tables) > before {
			return errTakenBack // what points at a row that was taken out may find it again in the next pass
		}
		for _, look := range []func(context.Context, []TableChanges) ([]unfit, error){w.orphans, w.conflicts} {
			found, err := look(ctx, tables)
			if err != nil {
				return err
			}
			for _, o := range found {
				for _, i := range o.changes {
					if c := &o.table.Changes[i]; c.Refused == "" {
						c.Refused = o.words
					}
				}
			}
		}
		return errTakenBack
	})
	if err != nil {
		return 0, err
	}
	if !errors.Is(took, errTakenBack) {
		return 0, took
	}
	return refusedOf(tables) - before, nil
}

// errTakenBack ends what was only tried.
var errTakenBack = errors.New("it was only tried")

// errSlow ends a preview that would lock the platform's rows for too long.
var errSlow = errors.New("trying the rows takes too long")

// nested does something behind a savepoint. Where that fails it is taken back, and failed says why. The savepoint is
// gone in any case: one that stays has a lock of its own in the server's memory, which all sessions share.
func nested(ctx context.Context, tx pgx.Tx, do func() error) (failed, err error) {
	say := func(ctx context.Context, statements string) error {
		_, err := tx.Conn().PgConn().Exec(ctx, statements).ReadAll()
		return err
	}
	if err := say(ctx, "savepoint ks_nested"); err != nil {
		return nil, err
	}
	if failed = do(); failed == nil {
		return nil, say(ctx, "release savepoint ks_nested")
	}
	if err := say(context.WithoutCancel(ctx), "rollback to savepoint ks_nested; release savepoint ks_nested"); err != nil {
		return nil, errors.Join(failed, err)
	}
	return failed, nil
}

func refusedOf(tables []TableChanges) (n int) {
	for _, t := range tables {
		for _, c := range t.Changes {
			if c.Refused != "" {
				n++
			}
		}
	}
	return n
}

// attempt makes the changes of a step behind a savepoint. Where the platform does not take them together it tries the
// halves, and refuses the rows that it does not take alone.
func (w writer) attempt(ctx context.Context, s step) error {
	if s = s.open(); len(s.rows) == 0 {
		return nil
	}
	refused, err := w.behind(ctx, func() error { return w.make(ctx, s) })
	switch {
	case err != nil || refused == nil:
		return err
	case len(s.rows) == 1 || ofTable(refused):
		s.table.refuse(s.at, refusal(refused))
		return nil
	}
	half := len(s.rows) / 2
	if err := w.attempt(ctx, s.part(0, half)); err != nil {
		return err
	}
	return w.attempt(ctx, s.part(half, len(s.rows)))
}

// open is the step without the rows that were refused meanwhile.
func (s step) open() step {
	out := s
	out.at, out.rows, out.places = nil, nil, nil
	for i, at := range s.at {
		if s.table.Changes[at].Refused != "" {
			continue
		}
		out.at, out.rows = append(out.at, at), append(out.rows, s.rows[i])
		if s.places != nil {
			out.places = append(out.places, s.places[i])
		}
	}
	return out
}

func (t *TableChanges) refuse(at []int, why string) {
	for _, i := range at {
		t.Changes[i].Refused = why
	}
}

// behind does something behind a savepoint. It takes back what the platform refuses, and returns that as refused.
func (w writer) behind(ctx context.Context, do func() error) (refused, err error) {
	failed, err := nested(ctx, w.tx, do)
	if err != nil || refusal(failed) == "" {
		return nil, cmp.Or(err, failed)
	}
	return failed, nil
}

// ofTable reports whether the platform would refuse any row of the table for the same reason.
func ofTable(err error) bool {
	return slices.Contains([]string{pgerrcode.InsufficientPrivilege, pgerrcode.UndefinedTable, pgerrcode.UndefinedColumn,
		pgerrcode.WrongObjectType}, stateOf(err))
}

// refusal says in words why the platform does not take a row; "" where the error is about no row: a lock that somebody
// else has, a session that ended, a full disk.
func refusal(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return ""
	}
	rule := pg.ConstraintName
	switch pg.Code {
	case pgerrcode.UniqueViolation:
		return fmt.Sprintf("another row has the same value, which must be unique (%s)", rule)
	case pgerrcode.ExclusionViolation:
		return fmt.Sprintf("it would meet another row in a way that the rule %s does not allow", rule)
	case pgerrcode.NotNullViolation:
		if pg.ColumnName == "" { // of a domain
			return "a value must not be missing now: " + pg.Message
		}
		return fmt.Sprintf("the column %s must have a value now", pg.ColumnName)
	case pgerrcode.CheckViolation:
		if rule == "" {
			return "the table has no partition for it any more"
		}
		return fmt.Sprintf("it breaks the rule %s, which holds now", rule)
	case pgerrcode.InsufficientPrivilege:
		return "the platform's role may not write it: " + pg.Message
	case pgerrcode.LockNotAvailable:
		return ""
	}
	if strings.Contains("08 25 26 28 40 53 57 58 72 F0", pg.Code[:2]) {
		return ""
	}
	return fmt.Sprintf("the database does not take it: %s (SQLSTATE %s)", pg.Message, pg.Code)
}
