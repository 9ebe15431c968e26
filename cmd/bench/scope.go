package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

//go:embed hundred.sql
var hundredSQL string

// hundred is the database of 100,000 weddings.
const hundred = "hundred"

// scoped are the figures of bringing one wedding back.
type scoped struct {
	preview, apply []time.Duration
	restore        time.Duration // pg_restore of everything
	gigabytes      float64
	rows           int64 // that came back
	chunksRead     int64
	chunksHolding  int64
	chunksTotal    int64
}

// scopes measures and prints one wedding out of 100,000.
func (b *bench) scopes(rounds int) error {
	s, err := b.measureScopes(rounds)
	if err != nil {
		return err
	}
	var out strings.Builder
	s.print(&out)
	fmt.Print(out.String())
	return nil
}

// measureScopes measures one wedding out of 100,000: its preview and its return, beside restoring the whole dump into a
// scratch database, which is what one does to get at these rows without Keepsake.
func (b *bench) measureScopes(rounds int) (*scoped, error) {
	if err := b.server.CreateDatabase(b.ctx, hundred); err != nil {
		return nil, err
	}
	say("filling 100,000 weddings")
	started := time.Now()
	for _, stage := range strings.Split(hundredSQL, "\n----\n") {
		g, _ := errgroup.WithContext(b.ctx)
		g.SetLimit(2)
		for _, block := range strings.Split(stage, "\n;\n") {
			g.Go(func() error { return b.sql(hundred, block) })
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	}
	if err := b.sql(hundred, "vacuum analyze", "checkpoint"); err != nil {
		return nil, err
	}
	say("filled in %s", time.Since(started).Round(time.Second))
	url := b.server.URL(hundred)
	s := &scoped{}
	b.repository = "repo-hundred"
	if err := b.newRepository(url); err != nil {
		return nil, err
	}
	if _, err := b.timed("hundred full", nil, b.keepsake, "backup", "--type=full", "--json", "--quiet"); err != nil {
		return nil, err
	}
	dump := filepath.Join(b.dir, "dump-hundred")
	if _, err := b.timed("hundred pg_dump", nil, filepath.Join(b.tools.Dir, "pg_dump"), "-Fd", "-j2", "-Z1", "-f", dump,
		"-d", url); err != nil {
		return nil, err
	}
	if err := b.server.CreateDatabase(b.ctx, "scratch"); err != nil {
		return nil, err
	}
	if _, err := b.timed("hundred pg_restore", nil, filepath.Join(b.tools.Dir, "pg_restore"), "-j2", "-d",
		b.server.URL("scratch"), dump); err != nil {
		return nil, err
	}
	s.restore = b.times["hundred pg_restore"][0]
	if err := b.sql(platform, "drop database scratch"); err != nil {
		return nil, err
	}
	for i := range rounds {
		if err := b.oneWedding(s, 12345+i*777); err != nil {
			return nil, err
		}
	}
	return s, b.size(s)
}

// oneWedding damages a wedding, looks at what would bring it back, and brings it back.
func (b *bench) oneWedding(s *scoped, id int) error {
	wedding := strconv.Itoa(id)
	err := b.sql(hundred, "set session_replication_role = replica", "delete from guests where wedding_id = "+wedding,
		"delete from payments where wedding_id = "+wedding,
		"delete from form_responses where form_id in (select id from forms where wedding_id = "+wedding+")",
		"update messages set body = 'gone' where wedding_id = "+wedding)
	if err != nil {
		return err
	}
	dropCaches()
	out, err := b.timed("preview", nil, b.keepsake, "scope", "preview", "latest",
		"--wedding", wedding, "--mode", "rewind", "--json")
	if err != nil {
		return err
	}
	var p struct {
		Name, Fingerprint string
		ChunksRead        int64 `json:"chunks_read"`
		ChunksHolding     int64 `json:"chunks_holding"`
		ChunksTotal       int64 `json:"chunks_total"`
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return err
	}
	s.preview = append(s.preview, last(b.times["preview"]))
	s.chunksRead, s.chunksHolding, s.chunksTotal = max(s.chunksRead, p.ChunksRead), max(s.chunksHolding, p.ChunksHolding),
		p.ChunksTotal
	dropCaches()
	out, err = b.timed("apply", nil, b.keepsake, "scope", "apply", "latest", "--wedding", wedding, "--mode", "rewind",
		"--fingerprint", p.Fingerprint, "--confirm", p.Name, "--json")
	if err != nil {
		return err
	}
	var done struct {
		Applied struct{ Inserted, Updated, Deleted int64 }
	}
	if err := json.Unmarshal(out, &done); err != nil {
		return err
	}
	s.apply = append(s.apply, last(b.times["apply"]))
	s.rows = done.Applied.Inserted + done.Applied.Updated
	if s.rows == 0 {
		return fmt.Errorf("nothing came back: %s", out)
	}
	return nil
}

func last(d []time.Duration) time.Duration { return d[len(d)-1] }

// dropCaches makes the kernel forget the repository's files, where it lets us.
func dropCaches() { _ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0) }

func (b *bench) size(s *scoped) error {
	conn, err := pgx.Connect(b.ctx, b.server.URL(hundred))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(b.ctx)) }()
	var bytes int64
	if err := conn.QueryRow(b.ctx, "select sum(pg_table_size(oid))::bigint from pg_class where relkind = 'r' and "+
		"relnamespace = 'public'::regnamespace").Scan(&bytes); err != nil {
		return err
	}
	s.gigabytes = float64(bytes) / 1e9
	return nil
}

func (s *scoped) print(out *strings.Builder) {
	preview, apply := median(s.preview), median(s.apply)
	fmt.Fprintf(out, "\nOne wedding out of 100,000, %.1f GB of tables, its rows scattered over them\n\n| work | "+
		"Keepsake | goal |\n| --- | --- | --- |\n", s.gigabytes)
	than := func(seconds float64) string { return fmt.Sprintf("%.0f times faster", s.restore.Seconds()/seconds) }
	fmt.Fprintf(out, "| preview: the rows at hand, each compared with the live one, cold | %.2f s | ≤ 1.00 s |\n", preview)
	fmt.Fprintf(out, "| chunks read | %d of %d; %d hold its rows | ≤ %d |\n", s.chunksRead, s.chunksTotal, s.chunksHolding,
		s.chunksHolding+s.chunksTotal/100)
	fmt.Fprintf(out, "| apply, %d rows, cold | %.2f s | ≤ 1.00 s |\n", s.rows, apply)
	fmt.Fprintf(out, "| the rows at hand, against pg_restore of the whole dump into a scratch database, %.1f s | %s | "+
		"≥ 20 times |\n", s.restore.Seconds(), than(preview))
	fmt.Fprintf(out, "| preview and apply, against the same | %s | |\n", than(preview+apply))
}
