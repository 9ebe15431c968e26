package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/platform"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Batch is how many rows one statement changes, unless the caller says otherwise.
const Batch = 100

// mostTries is how often a transaction is tried that the database asks to be tried again. firstPause and longestPause
// are between two tries, give or take a half: two that met should not meet again.
const (
	mostTries    = 5
	firstPause   = 50 * time.Millisecond
	longestPause = 200 * time.Millisecond
)

// errMoved says that the live rows are not those of the preview.
var errMoved = errors.New("the live rows have changed since the preview")

// Applied says what an apply did.
type Applied struct {
	Inserted int64 `json:"inserted"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
	Refused  int64 `json:"refused"`
}

// writer changes rows inside one transaction.
type writer struct {
	tx      pgx.Tx
	shapes  map[string]*shape
	batch   int
	done    func(rows int64) // called after every batch
	careful bool             // rows that the platform does not take are refused one by one
	until   time.Time        // when a preview gives up and waits for no lock; zero: it is none
}

func newWriter(tx pgx.Tx, shapes map[string]*shape) writer {
	return writer{tx: tx, shapes: shapes, batch: Batch, done: func(int64) {}}
}

var errSilence = keepsake.Errorf(keepsake.CodeForbidden,
	"the platform's role may not restore into the live database, because triggers could not be kept silent: "+
		"as a superuser, run GRANT SET ON PARAMETER session_replication_role TO the role (PostgreSQL 15 and newer), or "+
		"use a superuser's URL")

// silence keeps the platform's triggers from firing: no e-mail goes out because of a restore. It also switches foreign
// keys off, which is why checkKeys follows.
func silence(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "set local session_replication_role = replica")
	if stateOf(err) == pgerrcode.InsufficientPrivilege {
		return errSilence
	}
	return err
}

func stateOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// step is the changes of one kind of one table.
type step struct {
	table  *TableChanges
	op     Op
	at     []int // of the table's changes
	rows   []Change
	places []spot // of the rows that are there
	done   *int64
	exec   func(context.Context, *TableChanges, []Change, []spot) (int64, error)
}

// steps are the changes that are not refused: deletions first, so that a unique value is free before it is taken again,
// then updates, then insertions. Rows that change places with each other are taken out before and put in again after
// the deletions.
func (w writer) steps(tables []TableChanges, a *Applied) (out []step) {
	var nobody int64 // counts rows that are counted when they are put in
	for _, kind := range []struct {
		step
		exchange, plain bool // of tables whose rows change places, of others
	}{
		{step{op: Update, done: &nobody, exec: w.takeOut}, true, false},
		{step{op: Delete, done: &a.Deleted, exec: w.remove}, true, true},
		{step{op: Update, done: &a.Updated, exec: w.update}, false, true},
		{step{op: Update, done: &a.Updated, exec: w.putIn}, true, false},
		{step{op: Insert, done: &a.Inserted, exec: w.insert}, true, true},
	} {
		for i := range tables {
			t := &tables[i]
			if t.exchange && !kind.exchange || !t.exchange && !kind.plain {
				continue
			}
			s := kind.step
			s.table = t
			for j, c := range t.Changes {
				if c.Op != s.op || c.Refused != "" {
					continue
				}
				s.at, s.rows = append(s.at, j), append(s.rows, c)
				if c.Before != nil {
					s.places = append(s.places, t.places[j])
				}
			}
			if len(s.rows) > 0 {
				out = append(out, s)
			}
		}
	}
	return out
}

// part is some of the step's rows.
func (s step) part(from, to int) step {
	s.at, s.rows = s.at[from:to], s.rows[from:to]
	if s.places != nil {
		s.places = s.places[from:to]
	}
	return s
}

// stepError says which step the platform did not take.
type stepError struct {
	step
	err error
}

func (e *stepError) Error() string { return e.table.Table + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// write makes the changes that are not refused. holdAll has locked the rows.
func (w writer) write(ctx context.Context, tables []TableChanges) (a Applied, err error) {
	steps := w.steps(tables, &a)
	if err := w.makeShelves(ctx, tables); err != nil {
		return a, err
	}
	if err := computeAs(ctx, w.tx, true); err != nil {
		return a, err
	}
	for _, s := range steps {
		for from := 0; from < len(s.rows); from += w.batch {
			part := s.part(from, min(from+w.batch, len(s.rows)))
			if w.careful {
				err = w.attempt(ctx, part)
			} else {
				err = w.make(ctx, part)
			}
			if err != nil {
				return a, &stepError{s, err}
			}
		}
	}
	for _, t := range tables {
		_, _, _, refused := t.Counts()
		a.Refused += refused
	}
	return a, computeAs(ctx, w.tx, false)
}

// make makes the changes of a step.
func (w writer) make(ctx context.Context, s step) error {
	if !w.until.IsZero() && time.Now().After(w.until) {
		return errSlow
	}
	n, err := s.exec(ctx, s.table, s.rows, s.places)
	if err != nil {
		return err
	}
	if n != int64(len(s.rows)) {
		return fmt.Errorf("%d of %d rows were found: %w", n, len(s.rows), errMoved)
	}
	*s.done += n
	w.done(n)
	return nil
}

// holdAll locks the rows that are there and notes where they lie. It returns errMoved unless each is as the preview
// showed it. The rows of a table that the platform does not let be locked are refused.
func (w writer) holdAll(ctx context.Context, tables []TableChanges) error {
	for i := range tables {
		t := &tables[i]
		at := slices.DeleteFunc(indexes(len(t.Changes)), func(j int) bool {
			return t.Changes[j].Before == nil || t.Changes[j].Refused != ""
		})
		if len(at) == 0 {
			continue
		}
		hold := func() (err error) {
			t.places, err = w.hold(ctx, t, at)
			return err
		}
		refused, err := w.behind(ctx, hold)
		for try := 1; stateOf(err) == pgerrcode.LockNotAvailable && !w.until.IsZero() && try < mostTries; try++ {
			if err := pause(ctx, firstPause); err != nil {
				return err
			}
			refused, err = w.behind(ctx, hold)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Table, err)
		}
		if refused != nil {
			t.refuse(at, refusal(refused))
		}
	}
	return nil
}

// unmoved adds what the live row must still be, and the condition that it is. A row that waited for the platform's lock
// is looked at again, as it is then.
func unmoved(t *TableChanges, list []column) ([]column, string) {
	var same []string
	for i, c := range t.Columns {
		as := fmt.Sprintf("ks_was_%d", i)
		list = append(list, column{name: c.Name, as: as, text: true, side: before})
		same = append(same, fmt.Sprintf("%s is not distinct from v.%s", textOf("t."+quote(c.Name)), as))
	}
	return list, strings.Join(same, " and ")
}

// spot is where a live row lies: its table or partition, and its tuple there.
type spot struct{ table, ctid string }

// waiting is what a statement says that locks rows. Who waits for a lock of a session that waits for this one's may end
// that session, as a deadlock; a preview ends none.
func (w writer) waiting() string {
	if w.until.IsZero() {
		return ""
	}
	return " nowait"
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// hold locks the live rows that some of the table's changes are about, and returns where they lie, by change. It
// returns errMoved unless each is as the preview showed it.
func (w writer) hold(ctx context.Context, t *TableChanges, at []int) ([]spot, error) {
	places := make([]spot, len(t.Changes))
	for batch := range slices.Chunk(at, w.batch) {
		rows := make([]Change, len(batch))
		for i, j := range batch {
			rows[i] = t.Changes[j]
		}
		all, condition := unmoved(t, columns(t.Key, before))
		from, args := values(t, all, rows)
		found, err := w.tx.Query(ctx, fmt.Sprintf("select v.ks_n, t.tableoid::oid::text, t.ctid::text from %s t join %s v "+
			"on %s and %s for update of t%s", w.shapes[t.Table].rows(), from, w.shapes[t.Table].same("t", "v", t.Key),
			condition, w.waiting()), args...)
		if err != nil {
			return nil, err
		}
		var n, count int
		var p spot
		if _, err := pgx.ForEachRow(found, []any{&n, &p.table, &p.ctid}, func() error {
			places[batch[n-1]] = p
			count++
			return nil
		}); err != nil {
			return nil, err
		}
		if count != len(batch) {
			return nil, fmt.Errorf("%d of %d rows were found: %w", count, len(batch), errMoved)
		}
	}
	return places, nil
}

// atPlace is the condition that a row t is the one whose place v names. Nothing else than a place decides: which rows
// they are was settled by hold, under settings that are not the platform's.
const atPlace = "t.ctid operator(pg_catalog.=) v.ks_ctid and t.tableoid operator(pg_catalog.=) v.ks_table"

// computeAs sets, until the transaction ends, the settings by which the platform computes values: generated columns,
// defaults, checks, expressions of indexes and the partition of a row must come out as for the platform's own sessions,
// and rows are compared under settings that never differ.
func computeAs(ctx context.Context, tx pgx.Tx, platforms bool) error {
	own := platform.ReadSettings()
	var b strings.Builder
	for _, name := range platform.ComputingSettings {
		value := "default"
		if !platforms {
			value = "'" + own[name] + "'"
		}
		fmt.Fprintf(&b, "set local %s to %s; ", name, value)
	}
	_, err := tx.Conn().PgConn().Exec(ctx, b.String()).ReadAll()
	return err
}

func (t *TableChanges) full() string {
	return quoted(t.Table)
}

func (t *TableChanges) names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

func (w writer) insert(ctx context.Context, t *TableChanges, rows []Change, _ []spot) (int64, error) {
	from, args := values(t, columns(t.names(), after), rows)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("insert into %s (%s) overriding system value select %s from %s v", t.full(),
		list("", t.names()), list("v.", t.names()), from), args...)
	return tag.RowsAffected(), err
}

func (w writer) update(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	s := w.shapes[t.Table]
	written := t.written(s)
	if len(written) == 0 {
		return int64(len(rows)), nil
	}
	sets := make([]string, len(written))
	for i, c := range written {
		sets[i] = quote(c) + " = v." + quote(c)
	}
	from, args := valuesAt(t, columns(written, after), rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("update %s t set %s from %s v where %s", s.rows(),
		strings.Join(sets, ", "), from, atPlace), args...)
	return tag.RowsAffected(), err
}

func (w writer) remove(ctx context.Context, t *TableChanges, rows []Change, places []spot) (int64, error) {
	from, args := valuesAt(t, nil, rows, places)
	tag, err := w.tx.Exec(ctx, fmt.Sprintf("delete from %s t using %s v where %s", w.shapes[t.Table].rows(), from,
		atPlace), args...)
	return tag.RowsAffected(), err
}

// retry runs do again when the database asks for it: a serialization failure, a deadlock.
func retry(ctx context.Context, do func() error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = do()
		if s := stateOf(last); last != nil && s != pgerrcode.SerializationFailure && s != pgerrcode.DeadlockDetected {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval:     firstPause,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         longestPause,
	}),
		backoff.WithMaxTries(mostTries), backoff.WithMaxElapsedTime(0))
	if stateOf(last) == pgerrcode.LockNotAvailable {
		return keepsake.Errorf(keepsake.CodeUnavailable,
			"the platform is using these rows just now, so nothing was changed: try again in a moment: %w", last)
	}
	return err
}
