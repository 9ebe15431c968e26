package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/sample"
)

const (
	consoleDatabase = "console"
	smallPlatform   = "small"
	clients         = 50
	requestsEach    = 100 // of each client, of each page
	timedQueries    = 200
	benchEmail      = "bench@example.org"
	benchPassword   = "a password of the benchmark's"
)

var consoleSize = sample.ConsoleSize{Operations: 100_000, Points: 50_000, Audit: 1_000_000}

// consolePages are what is asked for: the status of everything, the lists. The weddings' list depends on the platform,
// so it has no goal here.
var consolePages = []struct{ name, path, goal string }{{"status and overview", "/", "≤ 100 ms"},
	{"recovery points", "/points", "≤ 100 ms"}, {"operations", "/operations", "≤ 100 ms"},
	{"API: status", "/api/backups/status", "≤ 100 ms"},
	{"API: recovery points", "/api/backups/recovery-points", "≤ 100 ms"}, {"weddings, from the platform", "/weddings", ""},
	{"a search of weddings", "/weddings?search=zoe+thistle", ""}}

// consoles measures the console's pages over a console database as large as years leave it: `keepsake serve` in a
// process of its own, asked by 50 browsers at once that never wait.
func (b *bench) consoles() (err error) {
	if err := b.prepareConsole(); err != nil {
		return err
	}
	site, stop, err := b.serveConsole()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	browser, err := site.signIn(b.ctx)
	if err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\nThe console over %d operations, %d recovery points and %d audit rows, %d clients at once that "+
		"never wait\n\n", consoleSize.Operations, consoleSize.Points, consoleSize.Audit, clients)
	out.WriteString("| page | p50 | p99 | pages a second | p99 goal |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range consolePages {
		if _, err := site.ask(b.ctx, browser, p.path, 2); err != nil { // connections, prepared statements, caches
			return err
		}
		started := time.Now()
		took, err := site.ask(b.ctx, browser, p.path, requestsEach)
		if err != nil {
			return err
		}
		rate := float64(len(took)) / time.Since(started).Seconds()
		slices.Sort(took)
		fmt.Fprintf(&out, "| %s | %.0f ms | %.0f ms | %.0f | %s |\n", p.name, milliseconds(took[len(took)/2]),
			milliseconds(took[len(took)*99/100]), rate, p.goal)
	}
	slowest, err := b.slowestQueries(site, browser)
	if err != nil {
		return err
	}
	out.WriteString("\n| slowest queries of these pages, one client | median | goal |\n| --- | --- | --- |\n")
	for _, q := range slowest[:min(len(slowest), 5)] {
		fmt.Fprintf(&out, "| %s | %.2f ms | ≤ 10 ms |\n", q.name, q.median)
	}
	fmt.Print(out.String())
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// prepareConsole makes a small platform, a repository and a full console database.
func (b *bench) prepareConsole() error {
	if err := b.server.CreateDatabase(b.ctx, smallPlatform); err != nil {
		return err
	}
	if err := sample.Load(b.ctx, b.server.URL(smallPlatform),
		sample.Options{Weddings: 2000, Seed: 1, Today: time.Now()}); err != nil {
		return err
	}
	b.repository = "repo-console"
	if err := b.newRepository(b.server.URL(smallPlatform)); err != nil {
		return err
	}
	owner, server, err := db.Provision(b.ctx, keepsake.Secret(b.server.URL("postgres")),
		db.ProvisionInput{
			Database:      consoleDatabase,
			Owner:         consoleDatabase + "_owner",
			OwnerPassword: benchPassword,
			Server:        consoleDatabase,
			Password:      benchPassword,
		})
	if err == nil {
		err = db.Prepare(b.ctx, owner, server, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return err
	}
	say("filling the console database")
	started := time.Now()
	if err := sample.LoadConsole(b.ctx, owner.Reveal(), consoleSize); err != nil {
		return err
	}
	say("filled in %s", time.Since(started).Round(time.Second))
	file, err := os.OpenFile(filepath.Join(b.dir, "keepsake.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "console: {url: %q, owner_url: %q}\nschedule: {automatic: false}\n", server.Reveal(),
		owner.Reveal())
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	cmd := exec.CommandContext(b.ctx, b.keepsake, "admin", "create", "--email", benchEmail, "--password-stdin")
	cmd.Dir, cmd.Stdin = b.dir, strings.NewReader(benchPassword)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the console's account: %w: %s", err, said)
	}
	return b.sql(consoleDatabase, "checkpoint")
}

// site is the console's address.
type site string

// serveConsole starts the console and waits until it answers.
func (b *bench) serveConsole() (site, func() error, error) {
	listener, err := (&net.ListenConfig{}).Listen(b.ctx, "tcp", "127.0.0.1:0") // a free port
	if err != nil {
		return "", nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(b.ctx, b.keepsake, "serve", "--no-worker", "--address", address)
	cmd.Dir, cmd.Stderr = b.dir, &said
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop := func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		_ = cmd.Wait() // it ends because it was told to
		return nil
	}
	s := site("http://" + address)
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = s.get(ctx, http.DefaultClient, "/healthz"); err == nil {
			return s, stop, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", nil, errors.Join(fmt.Errorf("the console does not answer: %w: %s", err, said.String()), stop())
		}
	}
}

// signIn returns a browser with a session. Its connections are kept, as a browser keeps its own.
func (s site) signIn(ctx context.Context) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	script := &script{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	browser := &http.Client{Jar: jar, Transport: script}
	form := url.Values{"email": {benchEmail}, "password": {benchPassword}, "next": {"/points"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, string(s)+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := browser.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/points" {
		return nil, fmt.Errorf("signing in led to %s: %s", answer.Request.URL.Path, answer.Status)
	}
	script.token, err = s.makeToken(ctx, browser)
	return browser, err
}

// script sends a token to the API, beside what a browser sends elsewhere.
type script struct {
	*http.Transport
	token string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	return s.Transport.RoundTrip(r)
}

var shownToken = regexp.MustCompile(`ks_[A-Z2-7]{52}`)

func (s site) makeToken(ctx context.Context, browser *http.Client) (string, error) {
	form := url.Values{"name": {"the benchmark"}, "scope": {"read"}, "days": {"1"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, string(s)+"/tokens", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := browser.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	token := shownToken.FindString(string(page))
	if token == "" {
		return "", fmt.Errorf("making a token: %s", answer.Status)
	}
	return token, nil
}

func (s site) get(ctx context.Context, browser *http.Client, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, string(s)+path, nil)
	if err != nil {
		return err
	}
	answer, err := browser.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || answer.Request.URL.RequestURI() != path {
		return fmt.Errorf("%s led to %s: %s", path, answer.Request.URL.Path, answer.Status)
	}
	return nil
}

// ask has every client ask for the page so many times, one after the other, and returns how long each answer took.
func (s site) ask(ctx context.Context, browser *http.Client, path string, each int) ([]time.Duration, error) {
	took := make([]time.Duration, clients*each)
	g, ctx := errgroup.WithContext(ctx)
	for c := range clients {
		g.Go(func() error {
			for i := range each {
				started := time.Now()
				if err := s.get(ctx, browser, path); err != nil {
					return err
				}
				took[c*each+i] = time.Since(started)
			}
			return nil
		})
	}
	return took, g.Wait()
}
