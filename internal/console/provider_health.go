package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// writeEvery is how old a provider's last real write may get before the next check writes. One that fails is tried at
// every check.
const writeEvery = 5 * time.Minute

// Health says how a provider stands. The overview, its cards, the form of a backup and the API all show it.
type Health string

// The states of a provider, worst last.
const (
	HealthUnknown Health = "unknown" // never checked
	HealthWorks   Health = "works"   // its last write was read back, and it holds the newest recovery point
	HealthBehind  Health = "behind"  // it works, and lacks the newest recovery point: a repair copies it
	HealthFails   Health = "fails"   // the last check, backup or repair failed there, and no write has worked since
)

// Health judges what the console knows of the provider.
func (p ProviderState) Health() Health {
	switch {
	case p.Checked.IsZero():
		return HealthUnknown
	case !p.Reachable || p.Error != "":
		return HealthFails
	case p.Behind:
		return HealthBehind
	}
	return HealthWorks
}

// lacks reports whether the recovery point has no confirmed copy at the provider.
func lacks(newest *Point, provider string) bool {
	return newest != nil && !slices.ContainsFunc(newest.Copies,
		func(c keepsake.Copy) bool { return c.Provider == provider && c.Confirmed })
}

// checkProviders asks every provider who it is and stores the result. It writes to providers whose last real write is
// old or that fail, and to the wanted one; "" means none. It returns the providers that answered.
func (c *Console) checkProviders(ctx context.Context, of *platform, wanted string) (map[string]bool, error) {
	system, began := keepsake.System("providers"), time.Now()
	var states []sqlcgen.ProviderState
	if err := c.db.InTx(ctx, system, func(tx db.Tx) (err error) {
		states, err = tx.ListProviderStates(ctx, of.Name)
		return err
	}); err != nil {
		return nil, fmt.Errorf("read the states of the providers: %w", err)
	}
	asking, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	found, err := of.Engine.Health(asking, func(provider string) bool {
		return provider == wanted ||
			writeDue(states, provider, began)
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		found = nil
		for _, p := range of.Engine.Providers() {
			found = append(found, engine.ProviderHealth{Name: p.Name, Error: keepsake.MessageOf(err)})
		}
	}
	answered := map[string]bool{}
	var failed error
	for i, p := range of.Engine.Providers() {
		h := found[i]
		answered[p.Name] = h.Error == ""
		row := sqlcgen.SetProviderCheckParams{
			Platform:  of.Name,
			Name:      p.Name,
			Medium:    p.Medium,
			Region:    p.Region,
			Offsite:   p.Offsite,
			Reachable: h.Error == "",
			Error:     h.Error,
			Written:   h.Written,
			Seen:      seenAt(states, p.Name),
		}
		// One row a transaction: several would have to be locked in the order that others lock them in.
		err := c.db.InTx(ctx, system, func(tx db.Tx) error { return tx.SetProviderCheck(ctx, row) })
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("store the state of provider %s: %w", p.Name, err))
		}
		if h.Error != "" && !slices.ContainsFunc(states, func(s sqlcgen.ProviderState) bool {
			return s.Name == p.Name &&
				s.Error == h.Error
		}) {
			c.log.WarnContext(ctx, "a provider fails; backups go on without it", "provider", p.Name, "why", h.Error)
		}
	}
	return answered, failed
}

// healthTime bounds one check of all providers.
const healthTime = 45 * time.Second

// seenAt is when the last that is known of the provider was seen.
func seenAt(states []sqlcgen.ProviderState, provider string) *time.Time {
	for _, s := range states {
		if s.Name == provider {
			return s.CheckedAt
		}
	}
	return nil
}

func writeDue(states []sqlcgen.ProviderState, provider string, now time.Time) bool {
	i := slices.IndexFunc(states, func(s sqlcgen.ProviderState) bool { return s.Name == provider })
	return i < 0 || !states[i].Reachable || states[i].Error != "" || states[i].WrittenAt == nil ||
		now.Sub(*states[i].WrittenAt) >= writeEvery
}

// seeProviders stores what an operation saw of each provider: a copy that is confirmed is a real write, any other a
// failure.
func seeProviders(ctx context.Context, tx db.Tx, platform, during string, copies []keepsake.Copy) error {
	for _, cp := range slices.SortedFunc(slices.Values(copies),
		func(a, b keepsake.Copy) int { return cmp.Compare(a.Provider, b.Provider) }) {
		row := sqlcgen.SetProviderSeenParams{Platform: platform, Name: cp.Provider}
		if !cp.Confirmed {
			row.Error = fmt.Sprintf("In %s it got no copy. %s", during, keepsake.Sentence(cp.Error))
		}
		if err := tx.SetProviderSeen(ctx, row); err != nil {
			return fmt.Errorf("store what was seen of provider %s: %w", cp.Provider, err)
		}
	}
	return nil
}

func backupOf(at time.Time) string { return "the backup of " + at.UTC().Format("2 Jan 15:04 UTC") }

// providerStates reads how the providers stand, beside the newest whole recovery point.
func (p *platform) providerStates(ctx context.Context, tx db.Tx) ([]ProviderState, error) {
	states, err := tx.ListProviderStates(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	var newest *Point
	row, err := newestWhole(ctx, tx, p.Name)
	if err != nil && !db.IsNoRows(err) {
		return nil, err
	}
	if err == nil {
		point, err := pointOf(row)
		if err != nil {
			return nil, err
		}
		newest = &point
	}
	var out []ProviderState
	for _, provider := range p.Engine.Providers() {
		s := providerOf(provider, states)
		s.Behind = lacks(newest, provider.Name)
		out = append(out, s)
	}
	return out, nil
}

// FailingProviders returns the providers at which the newest check, backup or repair that the console knows of
// failed, each with the failure in words.
func FailingProviders(ctx context.Context, d *db.DB, platform string) (map[string]string, error) {
	var states []sqlcgen.ProviderState
	err := d.InTx(ctx, keepsake.System("doctor"), func(tx db.Tx) (err error) {
		states, err = tx.ListProviderStates(ctx, platform)
		return err
	})
	failing := map[string]string{}
	for _, s := range states {
		if s.Error != "" {
			failing[s.Name] = s.Error
		}
	}
	return failing, err
}

// ruleArea is what the preflight calls the 3-2-1 rule.
const ruleArea = "3-2-1 rule"

// sayProviders puts what is known of the providers in the place of what the preflight says of them, so that a form says
// what the overview does. Of one that was never checked the preflight knows more.
func sayProviders(found []engine.CheckFinding, providers []ProviderState) []engine.CheckFinding {
	failing := map[string]bool{}
	var out []engine.CheckFinding
	known := map[string]Health{}
	for _, p := range providers {
		known["provider "+p.Name] = p.Health()
	}
	for _, f := range found {
		if h, is := known[f.Area]; is && h == HealthUnknown {
			failing[f.Area] = f.Level == "error"
			out = append(out, f)
		} else if !is && f.Area != ruleArea {
			out = append(out, f)
		}
	}
	var configured, copies []keepsake.Copy
	for _, p := range providers {
		area, cp := "provider "+p.Name, keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: true}
		configured = append(configured, cp)
		if p.Health() == HealthFails {
			failing[area] = true
			out = append(out, engine.CheckFinding{
				Area:    area,
				Level:   "error",
				Message: keepsake.Sentence(p.Error),
				Action: "A backup goes on without it, and is not fully protected until it is back and Repair has copied " +
					"what it lacks",
			})
		}
		if !failing[area] {
			copies = append(copies, cp)
		}
	}
	if verdict := keepsake.JudgeProtection(copies); !verdict.Protected() {
		f := engine.CheckFinding{
			Area:    ruleArea,
			Level:   "warn",
			Message: "A backup started now would not be protected, because " + verdict.Lacks(),
			Action:  "Configure three providers on two media, one of them offsite: true",
		}
		if keepsake.JudgeProtection(configured).Protected() {
			f.Action = "The providers that are configured are enough. Bring back the one that fails, then repair"
		}
		out = append(out, f)
	}
	return out
}
