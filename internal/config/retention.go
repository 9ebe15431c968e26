package config

import (
	"fmt"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/policy"
)

// Retention says which recovery points stay. What is missing has policy.DefaultRetention's. Days begin in the zone of
// Schedule.
type Retention struct {
	Automatic     *bool  `yaml:"automatic"` // false: none is removed by itself; nil: true
	Last          *int   `yaml:"last"`      // so many of the newest stay
	Hourly        *int   `yaml:"hourly"`    // one of each of so many hours stays, and so on; 0: none by that rule
	Daily         *int   `yaml:"daily"`
	Weekly        *int   `yaml:"weekly"`
	Monthly       *int   `yaml:"monthly"`
	Yearly        *int   `yaml:"yearly"`
	Within        string `yaml:"within"`         // every one stays for so long, as policy.ParseSpan reads it
	MilestoneDays *int   `yaml:"milestone_days"` // after its wedding, for one that a milestone made
	Grace         string `yaml:"grace"`          // between the decision that one goes and its removal
	MostShare     *int   `yaml:"most_share"`     // so many percent of all go at once without a person's word
	MostPoints    *int   `yaml:"most_points"`    // and so many at the most
}

const (
	mostOfRule        = 10_000
	mostMilestoneDays = 36_500
	mostPoints        = 100_000
	mostRetentionSpan = 3650 * 24 * time.Hour
	shortestGrace     = 24 * time.Hour
)

// On reports whether any recovery point is removed by itself.
func (r Retention) On() bool { return r.Automatic == nil || *r.Automatic }

// Read returns the rules, with days that begin in a zone (nil: this machine's), and the grace: how long a point that
// goes can still be kept. Or the first mistake.
func (r Retention) Read(zone *time.Location) (p policy.Retention, grace time.Duration, err error) {
	p, grace, m := r.read()
	if m != nil {
		err = keepsake.Errorf(keepsake.CodeInvalid, "retention.%v: %s", m.path[1], m.text)
	}
	if zone != nil {
		p.Zone = zone
	}
	return p, grace, err
}

func (r Retention) read() (p policy.Retention, grace time.Duration, m *mistake) {
	p, grace = policy.DefaultRetention(), shortestGrace
	for _, n := range []struct {
		field       string
		value, into *int
		least, most int
	}{
		{"last", r.Last, &p.Last, 0, mostOfRule},
		{"hourly", r.Hourly, &p.Hourly, 0, mostOfRule},
		{"daily", r.Daily, &p.Daily, 0, mostOfRule},
		{"weekly", r.Weekly, &p.Weekly, 0, mostOfRule},
		{"monthly", r.Monthly, &p.Monthly, 0, mostOfRule},
		{"yearly", r.Yearly, &p.Yearly, 0, mostOfRule},
		{"milestone_days", r.MilestoneDays, &p.MilestoneDays, 0, mostMilestoneDays},
		{"most_share", r.MostShare, &p.MostShare, 1, 100},
		{"most_points", r.MostPoints, &p.MostCount, 1, mostPoints},
	} {
		if n.value == nil {
			continue
		}
		if *n.value < n.least || *n.value > n.most {
			return p, grace, wrong(fmt.Sprintf("%d is out of range: use %d to %d", *n.value, n.least, n.most), "retention",
				n.field)
		}
		*n.into = *n.value
	}
	for _, d := range []struct {
		field, text string
		into        *time.Duration
		least       time.Duration
	}{
		{"within", r.Within, &p.Within, 0},
		{"grace", r.Grace, &grace, shortestGrace},
	} {
		if d.text == "" {
			continue
		}
		span, err := policy.ParseSpan(d.text)
		if err != nil {
			return p, grace, wrong(err.Error(), "retention", d.field)
		}
		if span < d.least || span > mostRetentionSpan {
			return p, grace, wrong(fmt.Sprintf("%q is out of range: use %s to %s", d.text, policy.SpanWords(d.least),
				policy.SpanWords(mostRetentionSpan)), "retention", d.field)
		}
		*d.into = span
	}
	if r.On() && !p.KeepsAny() {
		return p, grace, wrong("no rule keeps any recovery point: give last, hourly, daily, weekly, monthly, yearly or "+
			"within more than 0, or turn automatic off", "retention", "automatic")
	}
	return p, grace, nil
}

func (c *Config) checkRetention() *mistake {
	_, _, m := c.Retention.read()
	return m
}
