package alert

import (
	"context"
	"errors"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Tried is how one address took a test message.
type Tried struct {
	Address int    `json:"address"` // its place in alerts.urls, from 0
	Service string `json:"service"` // such as smtp; never the address, which may hold a password
	Sent    bool   `json:"sent"`
	Error   string `json:"error,omitempty"`
}

// Check returns the services that alerts are sent by, in order, or an Error that names every address that cannot be
// used. It sends nothing.
func Check(urls []keepsake.Secret) ([]string, error) {
	places, err := open(urls)
	var services []string
	for _, p := range places {
		services = append(services, p.service)
	}
	return services, err
}

// Test sends every address one message that says that it is a test. An address that fails keeps no other from its own.
// What cannot be sent to at all is an Error, and then nothing is sent.
func Test(ctx context.Context, urls []keepsake.Secret, link string, now time.Time) ([]Tried, error) {
	places, err := open(urls)
	if err != nil {
		return nil, err
	}
	message := "Keepsake: this is a test, sent " + now.UTC().Format("2006-01-02 15:04:05 UTC") +
		". Nothing has happened. Alerts reach this address.\n"
	if link != "" {
		message += link + "\n"
	}
	tried := make([]Tried, 0, len(places))
	for i, p := range places {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := Tried{Address: i, Service: p.service, Sent: true}
		if err := p.send(ctx, message); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			t.Sent, t.Error = false, err.Error()
		}
		tried = append(tried, t)
	}
	return tried, nil
}

// send tells the place one message. The error says nothing that the address holds. shoutrrr takes no context, so that a
// message under way when ctx ends is left behind for sendTime at most: it may still arrive.
func (p place) send(ctx context.Context, message string) error {
	sent := make(chan []error, 1)
	go func() { sent <- p.router.Send(message, nil) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case errs := <-sent:
		for _, err := range errs {
			if err != nil {
				return errors.New(hide(err.Error(), p.url))
			}
		}
		return nil
	}
}
