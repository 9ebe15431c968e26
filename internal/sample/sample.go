// Package sample makes a platform database like WedSync's, filled with a believable wedding season: for the demo, for
// benchmarks and for tests. The same options make the same rows. It is never linked into the product.
package sample

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

var (
	//go:embed schema.sql
	schemaSQL string
	//go:embed words.sql
	wordsSQL string
	//go:embed fill.sql
	fillSQL string
	//go:embed constraints.sql
	constraintsSQL string
	//go:embed season.sql
	seasonSQL string
	//go:embed scattered.sql
	scatteredSQL string
)

// Options say how large the platform is.
type Options struct {
	Weddings      int // 0 is 2,000
	Organizations int // 0 is 40
	// at least 1.5 GB of tables, whatever the number of weddings, in place of about 150 KB a wedding
	Large bool
	Seed  uint64    // of everything that looks like chance
	Today time.Time // the day around which the weddings lie

	// Progress, if set, is told what is being done and how many of the steps are done, from several goroutines.
	Progress func(done, total int, what string)
}

// largeActivity is how many weddings' worth of activity make the large size.
const largeActivity = 38_000

// monthsBack and monthsAhead bound event_logs' partitions; what lies outside goes to the default one.
const monthsBack, monthsAhead = 13, 2

// Load fills an empty database. It writes over two connections and leaves the database analyzed.
func Load(ctx context.Context, url string, o Options) error {
	if o.Weddings == 0 {
		o.Weddings = 2000
	}
	if o.Organizations == 0 {
		o.Organizations = 40
	}
	activity := 1
	if o.Large {
		activity = max(1, int(math.Ceil(largeActivity/float64(o.Weddings))))
	}
	fill := strings.NewReplacer("{W}", strconv.Itoa(o.Weddings), "{O}", strconv.Itoa(o.Organizations), "{A}",
		strconv.Itoa(activity),
		"{SEED}", strconv.FormatUint(o.Seed%1_000_000, 10), "{TODAY}", o.Today.Format(time.DateOnly))
	phases := [][]string{{"set client_min_messages = warning;\n" + schemaSQL},
		{fill.Replace(wordsSQL) + ";\n" + partitions(o.Today)}}
	phases = append(phases, split(fill.Replace(fillSQL))...)
	phases = append(phases, split(constraintsSQL)...)
	phases = append(phases, []string{"drop schema sample_words cascade"}, []string{"vacuum (analyze)"})
	return execute(ctx, url, phases, o.Progress)
}

// split cuts a file into phases, which wait for each other, of blocks, which do not.
func split(sql string) (phases [][]string) {
	for phase := range strings.SplitSeq(sql, "\n----\n") {
		phases = append(phases, strings.Split(phase, "\n;\n"))
	}
	return phases
}

func partitions(today time.Time) string {
	var b strings.Builder
	month := time.Date(today.Year(), today.Month()-monthsBack, 1, 0, 0, 0, 0, time.UTC)
	for range monthsBack + monthsAhead {
		next := month.AddDate(0, 1, 0)
		fmt.Fprintf(&b, "create table public.event_logs_%s partition of public.event_logs for values from "+
			"('%s') to ('%s');\n",
			month.Format("2006_01"), month.Format(time.DateOnly), next.Format(time.DateOnly))
		month = next
	}
	b.WriteString("create table public.event_logs_other partition of public.event_logs default")
	return b.String()
}

func execute(ctx context.Context, url string, phases [][]string, progress func(int, int, string)) error {
	if progress == nil {
		progress = func(int, int, string) {}
	}
	total := 0
	for _, blocks := range phases {
		total += len(blocks)
	}
	// Sessions of our own settings: the rows can be made again, so nothing waits for the disk.
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("read the address of the sample database: %w", err)
	}
	for name, value := range map[string]string{"synchronous_commit": "off", "maintenance_work_mem": "128MB",
		"work_mem": "64MB",
		"timezone": "UTC", "client_min_messages": "warning", "max_parallel_workers_per_gather": "0",
		"max_parallel_maintenance_workers": "0"} {
		config.RuntimeParams[name] = value
	}
	var conns [2]*pgx.Conn
	for i := range conns {
		if conns[i], err = pgx.ConnectConfig(ctx, config); err != nil {
			return fmt.Errorf("connect to the sample database: %w", err)
		}
		defer func() { _ = conns[i].Close(context.WithoutCancel(ctx)) }()
	}
	var done atomic.Int64
	for _, blocks := range phases {
		queue := make(chan string, len(blocks))
		for _, b := range blocks {
			queue <- b
		}
		close(queue)
		g, ctx := errgroup.WithContext(ctx)
		for _, conn := range conns {
			g.Go(func() error {
				for block := range queue {
					progress(int(done.Load()), total, title(block))
					if _, err := conn.PgConn().Exec(ctx, block).ReadAll(); err != nil {
						return fmt.Errorf("%s: %w", title(block), err)
					}
					progress(int(done.Add(1)), total, title(block))
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// title is a block's first line that is no comment, short.
func title(block string) string {
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "insert into public."); ok {
			name, _, _ = strings.Cut(name, " ")
			return "rows of " + name
		}
		return strings.TrimSuffix(line[:min(len(line), 60)], ";")
	}
	return "sample"
}

// ChangeSeason changes about percent of the rows as a day of work does: mostly new activity, some answers and tasks of
// the nearest weddings, a few deletions. It returns the number of rows touched. No two calls need the same seed.
func ChangeSeason(ctx context.Context, url string, percent float64, seed uint64) (int64, error) {
	return change(ctx, url, seasonSQL, percent, seed)
}

// ChangeScattered changes about percent of the rows of every large table, evenly over the whole table: what a
// maintenance job does, and the worst case for whoever keeps unchanged parts.
func ChangeScattered(ctx context.Context, url string, percent float64, seed uint64) (int64, error) {
	return change(ctx, url, scatteredSQL, percent, seed)
}

func change(ctx context.Context, url, sql string, percent float64, seed uint64) (touched int64, err error) {
	if percent <= 0 || percent > 50 {
		return 0, errors.New("between 0 and 50 per cent of the rows can be changed")
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect to the sample database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		every := int(math.Round(100 / percent))
		fill := strings.NewReplacer("{EVERY}", strconv.Itoa(every), "{SEED}", strconv.FormatUint(seed%1_000_000, 10))
		for _, block := range split(fill.Replace(sql))[0] {
			tag, err := tx.Exec(ctx, block)
			if err != nil {
				return fmt.Errorf("%s: %w", title(block), err)
			}
			touched += tag.RowsAffected()
		}
		return nil
	})
	return touched, err
}
