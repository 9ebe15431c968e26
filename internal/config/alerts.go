package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// Alerts says who is told of what the audit trail says.
type Alerts struct {
	URLs []keepsake.Secret `yaml:"urls"` // as shoutrrr writes them
	On   []string          `yaml:"on"`   // of alertKinds; empty: security and failed
	// Heartbeat is asked for after each protected backup, so that a watchdog elsewhere rings when none is made any more.
	Heartbeat keepsake.Secret `yaml:"heartbeat"`
}

var alertKinds = []string{"security", "failed", "restore"}

func (c *Config) checkAlerts() *mistake {
	for i, u := range c.Alerts.URLs {
		if scheme, rest, found := strings.Cut(u.Reveal(), "://"); !found || scheme == "" || rest == "" {
			return wrong("it is no address that alerts can be sent to: write it as shoutrrr documents, such as smtp://…, "+
				"slack://…, generic://…", "alerts", "urls", i)
		}
	}
	for i, kind := range c.Alerts.On {
		if !slices.Contains(alertKinds, kind) {
			return wrong(fmt.Sprintf("%q is nothing to be alerted on: use %s", kind, strings.Join(alertKinds, ", ")), "alerts",
				"on", i)
		}
	}
	return nil
}
