package platform

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// mostQuestions is how many sessions pages have on the platform at once, however many people look: the platform has
	// few to give, and its own users come first.
	mostQuestions = 4
	// questionIdle is how long a session that nobody uses stays, so that a platform nobody looks at is left alone.
	questionIdle = 10 * time.Second
	// questionPatience is how long connecting for a question may take.
	questionPatience = 5 * time.Second
)

// thePlatform is what a database that pages ask is called.
const thePlatform = "the platform's database"

// Questions asks a database what pages show. It keeps a few sessions for reading between questions, is safe for
// concurrent use, and connects when it is first asked. Backups and restores never go through it.
type Questions struct {
	url  keepsake.Secret
	once sync.Once
	pool *pgxpool.Pool
	err  error
}

// NewQuestions returns Questions for a database. It opens nothing.
func NewQuestions(url keepsake.Secret) *Questions { return &Questions{url: url} }

// Ask runs fn with a session, which is fn's until it returns. While all sessions are in use, Ask waits for one until
// ctx ends. It may run fn twice, because a session that was kept may turn out to be dead after a restart of the
// server.
func (q *Questions) Ask(ctx context.Context, fn func(*pgx.Conn) error) error {
	q.once.Do(q.open)
	if q.err != nil {
		return q.err
	}
	began := time.Now()
	for fresh := false; ; fresh = true {
		conn, err := q.pool.Acquire(ctx)
		if err != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			if ctx.Err() != nil || timedOut(err) {
				return silent(thePlatform, time.Since(began), err)
			}
			var known *keepsake.Error
			if errors.As(err, &known) {
				return known
			}
			return explainConnect(err, q.pool.Config().ConnConfig, thePlatform, time.Since(began))
		}
		err = fn(conn.Conn())
		dead := conn.Conn().IsClosed()
		conn.Release()
		if err == nil || fresh || !dead || ctx.Err() != nil {
			return err
		}
		q.pool.Reset() // the others are as old
	}
}

// Close waits for running questions and ends the sessions. Ask must not be called afterwards.
func (q *Questions) Close() {
	q.once.Do(func() { q.err = keepsake.Errorf(keepsake.CodeUnavailable, "this program is ending") })
	if q.pool != nil {
		q.pool.Close()
	}
}

func (q *Questions) open() {
	if q.url == "" {
		q.err = errNoURL
		return
	}
	config, err := pgxpool.ParseConfig(q.url.Reveal())
	if err != nil {
		q.err = errURL
		return
	}
	configure(config.ConnConfig, questionPatience)
	config.MinConns, config.MinIdleConns, config.MaxConns = 0, 0, mostQuestions
	config.MaxConnIdleTime, config.HealthCheckPeriod = questionIdle, questionIdle/2
	config.AfterConnect = func(ctx context.Context,
		conn *pgx.Conn) error {
		return applySettings(ctx, conn, sessionSettings)
	}
	// the context is for a minimum of sessions, of which there is none
	q.pool, q.err = pgxpool.NewWithConfig(context.Background(), config)
}
