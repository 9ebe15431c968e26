package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Heartbeat returns what asks for an address once, so that a watchdog elsewhere knows that all is well and rings when
// it is not asked for any more. An answer other than 2xx is an error, which does not quote the address: it is a secret.
func Heartbeat(address keepsake.Secret) (func(context.Context) error, error) {
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, keepsake.Errorf(keepsake.CodeInvalid,
			"alerts.heartbeat: this is no address that can be asked for: write it like https://watchdog.example.com/ping/ID")
	}
	client := &http.Client{Timeout: sendTime}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.Reveal(), nil)
		if err != nil {
			return errors.New("alerts.heartbeat: the address cannot be asked for")
		}
		answer, err := client.Do(r)
		if err != nil {
			var asking *url.Error
			if errors.As(err, &asking) { // its own words quote the address
				err = asking.Err
			}
			return fmt.Errorf("alerts.heartbeat: %w", err)
		}
		defer func() { _ = answer.Body.Close() }()
		_, _ = io.CopyN(io.Discard, answer.Body, 4096)
		if answer.StatusCode/100 != 2 {
			return fmt.Errorf("alerts.heartbeat: the watchdog answered %s", answer.Status)
		}
		return nil
	}, nil
}
