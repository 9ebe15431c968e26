// Command bench measures Keepsake beside PostgreSQL's own tools and pgBackRest, on the same machine, in the same run,
// and prints a table in Markdown. It starts a private PostgreSQL with the server's default settings but for more shared
// memory, fills it with the sample platform, and takes the median of several rounds.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/sample"
	"github.com/wedsync/keepsake/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	ctx      context.Context
	dir      string
	keepsake string

	repository string // of this round, below dir
	tools      pgtool.Tools
	server     *testenv.Postgres
	backRest   backRest
	log        serverLog
	times      map[string][]time.Duration
	stored     map[string]int64 // bytes of what pgBackRest was last asked to back up
	full       engine.BackupResult
	peak       int64
}

const platform = "platform"

func run(ctx context.Context) error {
	dir := flag.String("dir", ".bench", "folder in which a folder run is made for the server and the repositories, and "+
		"removed afterwards")
	rounds := flag.Int("rounds", 4, "rounds; the median counts. An even number: the two restores take turns "+
		"at going first")
	weddings := flag.Int("weddings", 2000, "weddings of the sample platform")
	only := flag.String("only", "", "whole, scope or console: a part of the benchmark")
	small := flag.Bool("small", false, "the small sample, to try the benchmark itself")
	flag.Parse()
	root, err := filepath.Abs(filepath.Join(*dir, "run"))
	if err != nil {
		return err
	}
	// What a run that was cut off left behind would be in the way of this one.
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	b := &bench{
		ctx:      ctx,
		dir:      root,
		keepsake: filepath.Join(root, "keepsake"),
		times:    map[string][]time.Duration{},
		stored:   map[string]int64{},
	}
	if err := b.setup(*weddings, !*small, *only != "scope" && *only != "console"); err != nil {
		return err
	}
	defer b.server.Stop()
	switch *only {
	case "scope":
		return b.scopes(*rounds)
	case "console":
		return b.consoles()
	}
	for i := range *rounds {
		say("round %d of %d", i+1, *rounds)
		if err := b.round(i); err != nil {
			return err
		}
	}
	incrementals := map[string][]engine.BackupResult{}
	for _, k := range changes {
		if incrementals[k.name], err = b.incrementals(*rounds, k.name, k.change); err != nil {
			return err
		}
	}
	b.print(incrementals)
	if *only == "whole" {
		return nil
	}
	if err := b.scopes(*rounds); err != nil {
		return err
	}
	return b.consoles()
}

// changes are what may have happened between two backups: nothing, and the two ends of what changes.
var changes = []struct {
	name, what     string
	change         func(ctx context.Context, url string, percent float64, seed uint64) (int64, error)
	goal, backRest float64 // of the full's time, and of pgBackRest's; 0: none
}{
	{"nothing", "nothing changed since", func(context.Context, string, float64, uint64) (int64, error) { return 0, nil },
		0.1, 0},
	{"season", "1 % of rows changed: a day of work, most of it new rows", sample.ChangeSeason, 0.6, 0.5},
	{"scattered", "1 % of rows changed: every 100th row of every large table", sample.ChangeScattered, 0.6, 0.5},
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (b *bench) setup(weddings int, large, fill bool) (err error) {
	if b.tools, err = pgtool.Find(b.ctx, ""); err != nil {
		return err
	}
	say("building keepsake")
	build := exec.CommandContext(b.ctx, "go", "build", "-o", b.keepsake, "./cmd/keepsake")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build keepsake: %w", err)
	}
	b.server, err = testenv.StartPostgres(b.ctx, testenv.PostgresOptions{Dir: filepath.Join(b.dir, "postgres"),
		Log: &b.log,
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_level": "logical",
			// Autovacuum would work on one restored database while the other tool is being measured.
			"autovacuum_naptime": "1h", "archive_mode": "on"}})
	if err != nil {
		return err
	}
	if err := b.archiving(archiveOff); err != nil {
		return err
	}
	if err := b.server.CreateDatabase(b.ctx, platform); err != nil {
		return err
	}
	if !fill {
		return nil
	}
	say("filling the platform")
	started := time.Now()
	err = sample.Load(b.ctx, b.server.URL(platform),
		sample.Options{Weddings: weddings, Large: large, Seed: 1, Today: time.Now()})
	if err != nil {
		return err
	}
	say("filled in %s", time.Since(started).Round(time.Second))
	if err := b.sql(platform, "vacuum analyze", "checkpoint"); err != nil {
		return err
	}
	return b.prepareBackRest()
}

func (b *bench) sql(database string, statements ...string) error {
	conn, err := pgx.Connect(b.ctx, b.server.URL(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(b.ctx)) }()
	for _, q := range statements {
		if _, err := conn.Exec(b.ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// timed measures a program with more environment than this process has.
func (b *bench) timed(what string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), env...), b.dir
	return b.timedCommand(what, cmd)
}

// timedCommand runs a program after a checkpoint, so that none pays for what the one before it left to write.
func (b *bench) timedCommand(what string, cmd *exec.Cmd) ([]byte, error) {
	if err := b.sql(platform, "checkpoint"); err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	started := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s %s", what, err, errs.String(), out.String())
	}
	took := time.Since(started)
	b.times[what] = append(b.times[what], took)
	say("  %-22s %6.2f s", what, took.Seconds())
	return out.Bytes(), nil
}

// round measures a whole backup and a whole restore with both.
func (b *bench) round(i int) error {
	// Nothing is deleted between rounds: ext4 takes its time to make files where others were deleted minutes ago.
	dump := filepath.Join(b.dir, fmt.Sprintf("dump%d", i))
	b.repository = fmt.Sprintf("repo%d", i)
	url := b.server.URL(platform)
	if _, err := b.timed("pg_dump", nil, filepath.Join(b.tools.Dir, "pg_dump"),
		"-Fd", "-j2", "-Z1", "-f", dump, "-d", url); err != nil {
		return err
	}
	if err := b.newRepository(url); err != nil {
		return err
	}
	out, err := b.timed("keepsake full", nil, b.keepsake, "backup", "--type=full", "--json", "--quiet")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &b.full); err != nil {
		return err
	}
	b.peak = max(b.peak, b.full.PeakMemory)
	if err := b.backRestBackup("pgbackrest full", "full"); err != nil {
		return err
	}
	if err := b.sql(platform, "drop database if exists by_pg_restore", "drop database if exists by_keepsake",
		"create database by_pg_restore"); err != nil {
		return err
	}
	restores := []func() error{func() error { return b.pgRestore(dump) }, b.restore}
	if i%2 == 1 { // the second one pays for what the first has left for the disk to write
		slices.Reverse(restores)
	}
	for _, restore := range restores {
		if err := restore(); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	if err := b.sql(platform, "drop database by_pg_restore", "drop database by_keepsake"); err != nil {
		return err
	}
	return b.backRestRestore(i)
}

func (b *bench) pgRestore(dump string) error {
	_, err := b.timed("pg_restore", nil, filepath.Join(b.tools.Dir, "pg_restore"), "-j2", "-d",
		b.server.URL("by_pg_restore"), dump)
	return err
}

func (b *bench) restore() error {
	out, err := b.timed("keepsake restore", []string{"KEEPSAKE_TARGET_URL=" + b.server.URL("by_keepsake")}, b.keepsake,
		"restore", "latest", "--create", "--json", "--quiet")
	if err != nil {
		return err
	}
	var restored engine.RestoreResult
	if err := json.Unmarshal(out, &restored); err != nil {
		return err
	}
	if !restored.Verified || restored.Rows != b.full.Rows {
		return fmt.Errorf("the restore is not verified: %+v", restored)
	}
	b.peak = max(b.peak, restored.PeakMemory)
	return nil
}

func (b *bench) newRepository(url string) error {
	config := "platform: {url: \"" + url + "\"}\nkey: {file: ./" + b.repository + "/key}\nproviders:\n" +
		"  - {name: one, type: file, path: ./" + b.repository + "/one, medium: disk}\n" +
		"  - {name: two, type: file, path: ./" + b.repository + "/two, medium: other}\n" +
		"  - {name: three, type: file, path: ./" + b.repository + "/three, medium: third, offsite: true}\n"
	if err := os.WriteFile(filepath.Join(b.dir, "keepsake.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(b.ctx, b.keepsake, "init", "--json")
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("keepsake init: %w: %s", err, out)
	}
	return nil
}

// incrementals measures backups after one per cent of the rows changed; it returns the reports.
func (b *bench) incrementals(rounds int, name string,
	change func(context.Context, string, float64, uint64) (int64, error)) ([]engine.BackupResult, error) {
	var results []engine.BackupResult
	for i := range rounds {
		rows, err := change(b.ctx, b.server.URL(platform), 1, uint64(i+1))
		if err != nil {
			return nil, fmt.Errorf("change the platform: %w", err)
		}
		say("%s: %d of %d rows changed", name, rows, b.full.Rows)
		backups := []func() error{
			func() error {
				r, err := b.incremental(name)
				results = append(results, r)
				return err
			},
			func() error { return b.backRestBackup("pgbackrest "+name, "incr") },
		}
		if i%2 == 1 { // the first one finds pages that nobody has read since they were written
			slices.Reverse(backups)
		}
		for _, backup := range backups {
			if err := backup(); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}

func (b *bench) incremental(name string) (r engine.BackupResult, err error) {
	out, err := b.timed("incremental "+name, nil, b.keepsake, "backup", "--type=incremental", "--json", "--quiet")
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(out, &r)
	b.peak = max(b.peak, r.PeakMemory)
	return r, err
}

func median(d []time.Duration) float64 {
	d = slices.Clone(d)
	slices.Sort(d)
	return (d[len(d)/2] + d[(len(d)-1)/2]).Seconds() / 2
}

// line is a row of the table.
type line struct {
	work         string
	seconds      float64
	against      string // empty: nothing but pgBackRest
	other, goal  float64
	backRest     float64
	backRestGoal float64
}

func (l line) String() string {
	ratio := func(other, goal float64) string {
		text := fmt.Sprintf("%.2f |", l.seconds/other)
		if goal > 0 {
			text += fmt.Sprintf(" ≤ %.2f", goal)
		}
		return text
	}
	return fmt.Sprintf("| %s | %.2f s | %s, %.2f s | %s | %.2f s | %s |\n", l.work, l.seconds, l.against, l.other,
		ratio(l.other, l.goal), l.backRest, ratio(l.backRest, l.backRestGoal))
}

func (b *bench) print(incrementals map[string][]engine.BackupResult) {
	var out strings.Builder
	fmt.Fprintf(&out, "%d tables, %d rows, %.2f GB read; PostgreSQL %d; median of %d\n\n", b.full.Tables, b.full.Rows,
		float64(b.full.BytesRead)/1e9, b.tools.Major, len(b.times["pg_dump"]))
	out.WriteString("| work | Keepsake | against | ratio | goal | pgBackRest | ratio | goal |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	full := median(b.times["keepsake full"])
	out.WriteString(line{"full backup, encrypted, three directories", full, "pg_dump -Fd -j2 -Z1 to one",
		median(b.times["pg_dump"]), 0.75, median(b.times["pgbackrest full"]), 1}.String())
	out.WriteString(line{"full restore, verified, to a new database", median(b.times["keepsake restore"]),
		"pg_restore -j2", median(b.times["pg_restore"]), 0.9, median(b.times["pgbackrest restore"]), 0}.String())
	for _, k := range changes {
		out.WriteString(line{"incremental, " + k.what, median(b.times["incremental "+k.name]), "Keepsake's full", full,
			k.goal, median(b.times["pgbackrest "+k.name]), k.backRest}.String())
		results := incrementals[k.name]
		slices.SortFunc(results, func(x, y engine.BackupResult) int { return cmp.Compare(x.BytesNew, y.BytesNew) })
		mid := results[len(results)/2].BytesNew
		fmt.Fprintf(&out,
			"| its bytes to each provider | %.1f MB | Keepsake's full, %.1f MB | %.2f | ≤ 0.10 | %.1f MB | | |\n",
			float64(mid)/1e6, float64(b.full.BytesNew)/1e6, float64(mid)/float64(b.full.BytesNew),
			float64(b.stored["pgbackrest "+k.name])/1e6)
	}
	fmt.Fprintf(&out, "| bytes of the full backup | %.1f MB | | | | %.1f MB | | |\n", float64(b.full.BytesNew)/1e6,
		float64(b.stored["pgbackrest full"])/1e6)
	fmt.Fprintf(&out, "| peak memory of the process | %.0f MiB | | | ≤ 256 MiB | | | |\n", float64(b.peak)/(1<<20))
	fmt.Print(out.String())
}
