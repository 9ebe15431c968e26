package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/testenv"
)

// ledger is a platform under write, whose every committed state keeps four invariants: money is neither made nor lost,
// an order has as many lines as it says, a line has its order, and the queue, emptied and refilled in one transaction,
// has ten rows.
type ledger struct {
	url     string
	commits atomic.Int64
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{url: testenv.DB(t)}
	run(t, l.url, "create table accounts (id int primary key, balance bigint not null, padding text)",
		"insert into accounts select i, 1000, repeat('x', 500) from generate_series(1, 3000) i",
		"create table orders (id bigint generated always as identity primary key, lines int not null)",
		"create table lines (id bigint generated always as identity primary key, order_id bigint not null references "+
			"orders, text text)",
		"create table queue (id int)", "insert into queue select generate_series(1, 10)")
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	for _, write := range []func(context.Context, pgx.Tx) error{transfer, transfer, order, requeue} {
		l.wg.Go(func() { l.write(ctx, t, write) })
	}
	t.Cleanup(l.end)
	return l
}

func (l *ledger) end() {
	l.stop()
	l.wg.Wait()
}

// write commits one transaction after the other until the ledger ends. One that gives up waiting for a lock is tried
// again.
func (l *ledger) write(ctx context.Context, t *testing.T, fn func(context.Context, pgx.Tx) error) {
	conn, err := pgx.Connect(ctx, l.url)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return fn(ctx, tx) })
		var pg *pgconn.PgError
		switch {
		case err == nil:
			l.commits.Add(1)
		case ctx.Err() != nil, errors.As(err, &pg) && pg.Code == "55P03":
		default:
			t.Errorf("write: %v", err)
			return
		}
	}
}

// transfer moves money between two accounts anywhere in the table.
func transfer(ctx context.Context, tx pgx.Tx) error {
	a, b, amount := 1+rand.IntN(1500), 1501+rand.IntN(1500), rand.IntN(100)
	if rand.IntN(2) == 0 {
		amount = -amount
	}
	if _, err := tx.Exec(ctx, "update accounts set balance = balance - $2 where id = $1", a, amount); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "update accounts set balance = balance + $2 where id = $1", b, amount)
	return err
}

func order(ctx context.Context, tx pgx.Tx) error {
	n := 1 + rand.IntN(4)
	var id int64
	if err := tx.QueryRow(ctx, "insert into orders (lines) values ($1) returning id", n).Scan(&id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "insert into lines (order_id, text) select $1, 'line ' || i from generate_series(1, $2) i",
		id, n)
	return err
}

func requeue(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "set local lock_timeout = '20ms'"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "truncate queue"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "insert into queue select i + $1 from generate_series(1, 10) i", rand.IntN(1000))
	return err
}

// waitForCommits returns when n more transactions are committed.
func (l *ledger) waitForCommits(ctx context.Context, n int64) {
	for end := l.commits.Load() + n; l.commits.Load() < end && ctx.Err() == nil; {
		conn, err := pgx.Connect(ctx, l.url) // a round trip to the server instead of a sleep
		if err == nil {
			_ = conn.Close(ctx)
		}
	}
}

func TestSnapshotsUnderConcurrentWritesAreConsistent(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	e := newEngine(t, l.url, providers(t))
	l.waitForCommits(t.Context(), 20)
	var points []engine.BackupResult
	for _, kind := range []keepsake.BackupType{keepsake.BackupFull, keepsake.BackupIncremental} {
		var before, during int64
		w := &watcher{onProgress: func(p engine.Progress) {
			switch {
			case p.Stage == engine.StageReading && before == 0: // the snapshot is taken, no row is read yet
				before = l.commits.Load()
				l.waitForCommits(t.Context(), 100)
			case p.Stage == engine.StageCatchingUp && during == 0:
				during = l.commits.Load() - before
			}
		}}
		r, err := e.Backup(t.Context(), engine.BackupInput{Type: kind}, w)
		if err != nil {
			t.Fatal(err)
		}
		if during < 100 {
			t.Errorf("only %d transactions were committed while rows were read", during)
		}
		points = append(points, r)
	}
	l.end()
	orders := int64(0)
	for _, p := range points {
		target := testenv.DB(t)
		if r := restore(t, e, engine.RestoreInput{
			Scope:  keepsake.Everything(),
			Point:  p.Point,
			Target: keepsake.Secret(target),
		}); !r.Verified {
			t.Errorf("restore: %+v", r)
		}
		if n := one[int64](t, target, "select sum(balance)::int8 from accounts"); n != 3_000_000 {
			t.Errorf("point %s holds %d of money, want 3000000", p.Point, n)
		}
		if n := one[int64](t, target, `select count(*) from orders o where lines <> (select count(*) from lines
			where order_id = o.id)`); n != 0 {
			t.Errorf("point %s holds %d orders without all their lines", p.Point, n)
		}
		if n := one[int64](t, target, `select count(*) from lines where order_id not in (select id from orders)`); n != 0 {
			t.Errorf("point %s holds %d lines without their order", p.Point, n)
		}
		if n := one[int64](t, target, `select count(*) from queue`); n != 10 {
			t.Errorf("point %s holds %d rows of the queue, want 10", p.Point, n)
		}
		now := one[int64](t, target, "select count(*) from orders")
		if now <= orders {
			t.Errorf("point %s holds %d orders, the one before %d: want more", p.Point, now, orders)
		}
		orders = now
		run(t, target, "insert into orders (lines) values (0)") // its sequence is not behind its rows
	}
}
