package main

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// timedQuery is one query of the console.
type timedQuery struct {
	name   string
	median float64 // milliseconds that the server works on it, planning included
}

// slowestQueries asks for every page, one client alone, while the server writes down how long each statement takes.
func (b *bench) slowestQueries(s site, browser *http.Client) ([]timedQuery, error) {
	b.log.start()
	if err := b.sql("postgres", "alter system set log_min_duration_statement = 0", "select pg_reload_conf()"); err != nil {
		return nil, err
	}
	for _, p := range consolePages {
		for range timedQueries / len(consolePages) {
			if err := s.get(b.ctx, browser, p.path); err != nil {
				return nil, err
			}
		}
	}
	if err := b.sql("postgres", "alter system reset log_min_duration_statement", "select pg_reload_conf()"); err != nil {
		return nil, err
	}
	queries := durations(b.log.stop())
	if len(queries) == 0 {
		return nil, errors.New("the server wrote down no query")
	}
	return queries, nil
}

var duration = regexp.MustCompile(`duration: ([0-9.]+) ms  (bind|execute) [^:]+: -- name: (\w+) `)

// durations reads the server's log: how long binding, which plans, and executing each named query took.
func durations(log string) []timedQuery {
	times := map[string]map[string][]float64{}
	for _, m := range duration.FindAllStringSubmatch(log, -1) {
		ms, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			continue
		}
		if times[m[3]] == nil {
			times[m[3]] = map[string][]float64{}
		}
		times[m[3]][m[2]] = append(times[m[3]][m[2]], ms)
	}
	var all []timedQuery
	for name, steps := range times {
		q := timedQuery{name: name}
		for _, list := range steps {
			slices.Sort(list)
			q.median += list[len(list)/2]
		}
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b timedQuery) int { return cmp.Compare(b.median, a.median) })
	return all
}

// serverLog keeps the server's log while somebody wants it.
type serverLog struct {
	mu   sync.Mutex
	text *bytes.Buffer // nil: nobody does
}

// Write takes what the server says.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != nil {
		l.text.Write(p)
	}
	return len(p), nil
}

func (l *serverLog) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = &bytes.Buffer{}
}

func (l *serverLog) stop() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text = nil
	return text
}
