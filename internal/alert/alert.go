// Package alert tells people outside of what the audit trail says: a message by chat, e-mail or web hook. It reads the
// trail from the database, so that a crash loses nothing; it sends one message a minute to each place at most; and it
// never tells what a row of the platform, a note or any other detail holds.
package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/keepsake"
)

const (
	// pause is between two messages to one place.
	pause = time.Minute
	// sendTime is how long a place may take for a message.
	sendTime = 20 * time.Second
	// mostLines is how many entries a message names; the others are counted.
	mostLines = 20
)

// Options are what is told to whom.
type Options struct {
	URLs   []keepsake.Secret // as shoutrrr writes them: they hold tokens and passwords
	On     []audit.Kind
	Link   string        // address of the console, for people; may be empty
	Pause  time.Duration // between two messages to one place; 0: a minute
	Logger *slog.Logger
}

// Sender sends alerts. It is safe for concurrent use.
type Sender struct {
	db     *db.DB
	o      Options
	places []place
}

type place struct {
	url     keepsake.Secret
	service string // what may be said of it in a log
	router  *router.ServiceRouter
}

// New checks the addresses. It sends nothing.
func New(d *db.DB, o Options) (*Sender, error) {
	if o.Pause <= 0 {
		o.Pause = pause
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	places, err := open(o.URLs)
	if err != nil {
		return nil, err
	}
	return &Sender{db: d, o: o, places: places}, nil
}

// open parses the addresses. The error names every one that no message can be sent to, by its place in the
// configuration: the address itself may hold a password.
func open(urls []keepsake.Secret) ([]place, error) {
	var places []place
	var wrong []string
	for i, u := range urls {
		service, _, _ := strings.Cut(u.Reveal(), "://")
		r, err := shoutrrr.CreateSender(u.Reveal())
		switch {
		case errors.Is(err, router.ErrUnknownService) || strings.EqualFold(service, nowhere):
			wrong = append(wrong, fmt.Sprintf("alerts.urls[%d]: %q is no service that alerts can be sent by", i, plain(service)))
		case err != nil || hostless(u): // the error's words quote the address
			wrong = append(wrong, fmt.Sprintf("alerts.urls[%d]: this is no address of the service %q", i, plain(service)))
		default:
			r.Timeout = sendTime
			places = append(places, place{u, service, r})
		}
	}
	if len(wrong) > 0 {
		return nil, keepsake.Errorf(keepsake.CodeInvalid, "%s: write it as shoutrrr documents, such as smtp://…, slack://…, "+
			"generic://…", strings.Join(wrong, "; "))
	}
	return places, nil
}

// nowhere is shoutrrr's service that writes to a log which nobody reads.
const nowhere = "logger"

// hostless reports whether an address leads to no host at all, which shoutrrr's web hooks take for one.
func hostless(u keepsake.Secret) bool {
	parsed, err := url.Parse(u.Reveal())
	return err != nil || parsed.Host == ""
}

// Send tells every place what it has not been told of. Each place is tried, whatever becomes of the others.
func (s *Sender) Send(ctx context.Context) error {
	var failed []error
	for i, p := range s.places {
		to := audit.Delivery{Place: p.url.Reveal(), On: s.o.On, Pause: s.o.Pause}
		err := audit.Deliver(ctx, s.db, to, func(ctx context.Context,
			rows []audit.Row) error {
			return p.send(ctx, s.message(rows))
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("alerts.urls[%d] (%s): %w", i, p.service, err))
		}
	}
	return errors.Join(failed...)
}

// message says what happened, the latest last.
func (s *Sender) message(rows []audit.Row) string {
	var b strings.Builder
	if len(rows) == 1 {
		b.WriteString("Keepsake: one entry of the audit trail to look at\n")
	} else {
		_, _ = fmt.Fprintf(&b, "Keepsake: %d entries of the audit trail to look at\n", len(rows))
	}
	for _, r := range rows[:min(len(rows), mostLines)] {
		b.WriteString(line(r) + "\n")
	}
	if len(rows) > mostLines {
		_, _ = fmt.Fprintf(&b, "and %d more, up to entry %d: %s\n",
			len(rows)-mostLines, rows[len(rows)-1].ID, counted(rows[mostLines:]))
	}
	if s.o.Link != "" {
		b.WriteString(strings.TrimSuffix(s.o.Link, "/") + "/audit\n")
	}
	return b.String()
}

// counted says what entries are of, the seldom ones first: whoever makes many of one kind hides nothing else behind
// them.
func counted(rows []audit.Row) string {
	kinds := map[string]int{}
	for _, r := range rows {
		kinds[r.Action+" "+string(r.Outcome)]++
	}
	names := slices.SortedFunc(maps.Keys(kinds),
		func(a, b string) int { return cmp.Or(kinds[a]-kinds[b], strings.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", kinds[name], name)
	}
	return strings.Join(names, ", ")
}

// line says an entry without its details. Who tried to sign in may have typed a password into the wrong field: only
// what looks like an address is told.
func line(r audit.Row) string {
	words := []string{r.At.UTC().Format("2006-01-02 15:04:05 UTC"),
		fmt.Sprintf("entry %d:", r.ID), r.Action, string(r.Outcome)}
	if n := r.Exceptions(); n > 0 {
		words = append(words, fmt.Sprintf("restored with exceptions: %d could not be made,", n))
	} else if suspect := r.SuspectWords(); suspect != "" {
		words = append(words, "done, and "+suspect+",")
	} else if r.FellShort() {
		words = append(words, "done, but fell short of what it was for,")
	}
	if strings.Contains(r.ActorName, "@") || r.ActorRole != "" {
		words = append(words, "by "+plain(r.ActorName))
	}
	if r.Address != "" {
		words = append(words, "from "+plain(r.Address))
	}
	if r.WeddingID != "" {
		words = append(words, "wedding "+plain(r.WeddingID))
	}
	if r.Point != "" {
		words = append(words, "recovery point "+plain(r.Point))
	}
	return strings.Join(words, " ")
}

// plain is text from outside on one line.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// hide takes out of an error's text whatever the address is made of.
func hide(text string, address keepsake.Secret) string {
	pieces := []string{address.Reveal()}
	if u, err := url.Parse(address.Reveal()); err == nil {
		password, _ := u.User.Password()
		pieces = append(pieces, u.String(), u.RequestURI(), u.RawQuery,
			u.EscapedPath(), u.User.String(), u.User.Username(), password)
		pieces = append(pieces, strings.Split(u.Path, "/")...)
		pieces = append(pieces, strings.Split(u.EscapedPath(), "/")...)
		for _, values := range u.Query() {
			pieces = append(pieces, values...)
		}
	}
	for _, p := range pieces {
		if len(p) > 3 {
			text = strings.ReplaceAll(text, p, "…")
		}
	}
	return text
}
