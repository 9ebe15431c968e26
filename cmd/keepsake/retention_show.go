package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/wedsync/keepsake/internal/config"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

type retentionShowCommand struct {
	All           bool   `help:"List every recovery point. Without it at most 40 are listed, the newest of those that go and of those that stay for another reason than the rules that count." env:"-"`
	Last          *int   `help:"Try: so many of the newest stay." placeholder:"N" env:"-"`
	Hourly        *int   `help:"Try: one of each of so many hours stays." placeholder:"N" env:"-"`
	Daily         *int   `help:"The same for days." placeholder:"N" env:"-"`
	Weekly        *int   `help:"The same for weeks." placeholder:"N" env:"-"`
	Monthly       *int   `help:"The same for months." placeholder:"N" env:"-"`
	Yearly        *int   `help:"The same for years." placeholder:"N" env:"-"`
	Within        string `help:"Try: every one stays for so long, such as \"48 hours\" or \"7 days\"; 0: that rule keeps none." placeholder:"SPAN" env:"-"`
	MilestoneDays *int   `help:"Try: one that was made for a milestone stays for so many days after that wedding." placeholder:"N" env:"-"`
}

// Help is what keepsake retention show --help says besides the flags.
func (*retentionShowCommand) Help() string {
	return "The rules are those of retention in keepsake.yaml; flags try others. Where a console database is " +
		"configured, it says which recovery points were proven, or restored and compared, and the newest of those stay. " +
		"Where none is, only the repository is asked, and no recovery point counts as proven."
}

// try puts the rules of the flags in the place of the configuration's.
func (c *retentionShowCommand) try(r *config.Retention) (tried bool) {
	for _, f := range []struct {
		from *int
		to   **int
	}{{c.Last, &r.Last}, {c.Hourly, &r.Hourly}, {c.Daily, &r.Daily}, {c.Weekly, &r.Weekly}, {c.Monthly, &r.Monthly},
		{c.Yearly, &r.Yearly}, {c.MilestoneDays, &r.MilestoneDays}} {
		if f.from != nil {
			*f.to, tried = f.from, true
		}
	}
	if c.Within != "" {
		r.Within, tried = c.Within, true
	}
	return tried
}

// heldPoint is a recovery point with what the rules say of it.
type heldPoint struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Type  string    `json:"type"`
	Keep  bool      `json:"keep"`
	Why   []string  `json:"why"`
	Due   time.Time `json:"due,omitzero"` // when it may go, where it is marked
	shown bool
}

func (n retentionNow) points() []heldPoint {
	due := map[string]time.Time{}
	for _, l := range slices.Backward(n.pending.Lists) { // the oldest counts
		for _, p := range l.Points {
			due[p.ID] = l.Due
		}
	}
	list := make([]heldPoint, 0, len(n.plan.Verdicts))
	for _, v := range n.plan.Verdicts {
		list = append(list, heldPoint{
			ID:    v.Point.ID,
			Time:  v.Point.Time.UTC(),
			Type:  string(v.Point.Type),
			Keep:  v.Keep,
			Why:   v.Why,
			Due:   due[v.Point.ID],
			shown: !v.ByRule,
		})
	}
	return list
}

func (c *retentionShowCommand) Run(a *app) error {
	n, err := a.retentionNow(c.try)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		printJSON(a.io.out, struct {
			Automatic bool                    `json:"automatic"`
			Rules     string                  `json:"rules"`
			Tried     bool                    `json:"tried,omitempty"` // by flags
			Zone      string                  `json:"zone"`
			Grace     string                  `json:"grace"`
			Points    []heldPoint             `json:"points"`
			Stay      int                     `json:"stay"`
			Go        int                     `json:"go"`
			Held      string                  `json:"held,omitempty"`  // why nothing goes now
			Large     string                  `json:"large,omitempty"` // why a person has to confirm it
			Marked    []engine.PendingRemoval `json:"marked"`
			Unread    []string                `json:"unread,omitempty"` // removal lists that could not be read
			// why the console's database could not be asked which points were proven
			Unasked string `json:"unasked,omitempty"`
		}{n.on, n.rules.Words(), n.tried, n.rules.Zone.String(), policy.SpanWords(n.grace), n.points(), n.stay, len(n.going),
			n.held, n.plan.Large, n.pending.Lists, n.pending.Unread, n.unasked})
		return nil
	}
	if n.tried {
		a.printf("These rules are tried; keepsake.yaml has others, and nothing changes.\n")
	}
	a.printf("%s\n", n.rules.Words())
	if !n.on {
		a.printf("No recovery point goes by itself: the configuration says retention.automatic: false.\n")
	}
	if len(n.plan.Verdicts) == 0 {
		a.printf("\nThere is no recovery point yet: run keepsake backup.\n")
		return nil
	}
	a.printf("\n")
	n.printPoints(a, c.All)
	a.printf("\n%s\n", n.summary())
	n.printPending(a)
	for _, words := range []string{keepsake.Sentence(n.unasked), n.held, n.plan.Large} {
		if words != "" {
			a.printf("%s\n", words)
		}
	}
	if n.plan.Large != "" && n.held == "" {
		a.printf("A person has to confirm it: keepsake retention run --yes\n")
	}
	return nil
}

// mostShown is how many recovery points are listed unless a person wants all.
const mostShown = 40

// printPoints lists recovery points, the newest first. Where there are more than mostShown, it leaves those out that
// stay by the rules that count, as most do.
func (n retentionNow) printPoints(a *app, all bool) {
	points := n.points()
	all = all || len(points) <= mostShown
	stay, goes := 0, 0
	var shown []heldPoint
	for _, p := range points {
		switch {
		case all || p.shown && len(shown) < mostShown:
			shown = append(shown, p)
		case p.Keep:
			stay++
		default:
			goes++
		}
	}
	n.printTable(a, shown, a.width())
	if hidden := stay + goes; hidden > 0 {
		a.printf("%s not shown, of which %s stay and %s go: --all lists every one.\n",
			some(int64(hidden), "recovery point"), count(int64(stay)), count(int64(goes)))
	}
}

// leastReason is how many columns a reason needs beside its recovery point. Where a terminal leaves it fewer, it has a
// line of its own.
const leastReason = 40

func (n retentionNow) printTable(a *app, points []heldPoint, width int) {
	if len(points) == 0 {
		return
	}
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "POINT\tTIME\tTYPE\tVERDICT\t")
	whys := []string{"WHY"}
	for _, p := range points {
		verdict := "goes"
		switch {
		case p.Keep:
			verdict = "stays"
		case !p.Due.IsZero():
			verdict = "marked"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", p.ID, p.Time.In(n.rules.Zone).Format("2006-01-02 15:04:05 MST"), p.Type,
			verdict)
		whys = append(whys, strings.Join(strings.Fields(strings.Join(p.Why, "; ")), " "))
	}
	_ = w.Flush() // into memory
	i := 0
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSuffix(line, "\n")
		if width > 0 && width-len([]rune(line)) < leastReason {
			line = strings.TrimRight(line, " ")
			a.printf("%s\n%s\n", shortened(line, width), shortened("    "+whys[i], width))
		} else {
			a.printf("%s\n", shortened(line+whys[i], width))
		}
		i++
	}
}

// width is how wide the terminal is to which results go; 0: they go somewhere else, where lines have no end.
func (a *app) width() int {
	f, ok := terminal(a.io.out)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// shortened cuts a line at the width; 0 leaves it as it is.
func shortened(line string, width int) string {
	r := []rune(line)
	if width <= 0 || len(r) <= width {
		return line
	}
	return strings.TrimRight(string(r[:width-1]), " ") + "…"
}
