package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// largeTime bounds trying the largest object: a store that takes longer is slower than 128 KiB a second.
const largeTime = 3 * time.Minute

// ProviderHealth is how one provider answered just now.
type ProviderHealth struct {
	Name    string
	Error   string // why it is not used, in words; "" where it is the provider that is meant and does what was asked of it
	Written bool   // something was written there, read back and compared
}

// Health asks every provider at once who it is, and those that write names take a small object, which is read back, compared, and
// removed where that is allowed. It is an error when there is no repository to compare with.
func (e *Engine) Health(ctx context.Context, write func(provider string) bool) ([]ProviderHealth, error) {
	r, err := e.openToSeal(ctx, e.opts.Providers)
	if err != nil {
		return nil, err
	}
	return r.health(ctx, write), ctx.Err()
}

func (r *repo) health(ctx context.Context, write func(provider string) bool) []ProviderHealth {
	found := make([]ProviderHealth, len(r.providers))
	var wg sync.WaitGroup
	for i, p := range r.providers {
		found[i].Name = p.Name
		err := r.down[p.Name]
		if err == nil && !write(p.Name) {
			continue
		}
		wg.Go(func() {
			if err == nil {
				probe, cancel := context.WithTimeout(ctx, askTimeout)
				defer cancel()
				err = storage.Check(probe, p.Store)
				found[i].Written = err == nil
			}
			if err != nil {
				found[i].Error = explain(err)
			}
		})
	}
	wg.Wait()
	return found
}

func always(string) bool { return true }

func (e *Engine) checkRepository(ctx context.Context, thorough bool) []report.CheckFinding {
	r, err := e.openToSeal(ctx, e.opts.Providers)
	if err != nil {
		return []report.CheckFinding{{Area: "repository", Level: report.LevelError, Message: keepsake.MessageOf(err)}}
	}
	found := []report.CheckFinding{{Area: "key", Level: report.LevelOK, Message: "The key opens repository " + r.keys.Repository()}}
	if r.keys.WritesOnly() {
		found[0].Message = "It is a writer's key, so this machine can back up into repository " + r.keys.Repository() + " and can read nothing there"
	}
	var configured, copies []keepsake.Copy
	for i, h := range r.health(ctx, always) {
		p := r.providers[i]
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: true}
		configured = append(configured, c)
		more := []report.CheckFinding{{Area: "provider " + p.Name, Level: report.LevelOK, Message: "What was written there was read back"}}
		if h.Error == "" && thorough {
			more = e.checkThoroughly(ctx, r, p, more)
		}
		if h.Error != "" {
			more[0].Level, more[0].Message = report.LevelError, h.Error
		}
		if more[0].Level == report.LevelError {
			more[0].Action = "Backups go on without it and are not protected until it is back"
		} else {
			copies = append(copies, c)
		}
		found = append(found, more...)
	}
	if verdict := keepsake.JudgeProtection(copies); !verdict.Protected() {
		f := report.CheckFinding{Area: "3-2-1 rule", Level: report.LevelWarn, Message: "A backup would not meet it now, because " + verdict.Lacks(),
			Action: "Configure three providers on two media, one of them offsite: true"}
		if keepsake.JudgeProtection(configured).Protected() {
			f.Action = "The providers that are configured are enough. Bring back those that fail, then run keepsake repair --all"
		}
		found = append(found, f)
	}
	return found
}

// checkThoroughly tries what is too much for every minute. found begins with what is known of the provider.
func (e *Engine) checkThoroughly(ctx context.Context, r *repo, p Provider, found []report.CheckFinding) []report.CheckFinding {
	area := found[0].Area
	size := int64(repository.MaxChunkSealed) // or the newest manifest, where that is larger
	_ = p.Store.List(ctx, repository.ManifestPrefix, func(o storage.Object) error { size = max(size, o.Size); return nil })
	trying, cancel := context.WithTimeout(ctx, largeTime)
	defer cancel()
	if err := storage.CheckLarge(trying, p.Store, size); err != nil {
		found[0].Level, found[0].Message = report.LevelError, fmt.Sprintf("It takes small objects, but not one of %d MiB, which a backup may write, so what is larger has no copy there. %s",
			size>>20, explain(err))
	}
	if gives := storage.Public(trying, p.Store, repository.HeaderKey); gives != "" {
		found = append(found, report.CheckFinding{Area: area, Level: report.LevelWarn, Message: gives + ". They are encrypted, but when and how much you " +
			"back up is theirs to see", Action: "Make the bucket private"})
	}
	if missing := r.lacksNewest(ctx, p); missing != "" && found[0].Level == report.LevelOK {
		found = append(found, report.CheckFinding{Area: area, Level: report.LevelWarn, Message: "It lacks the newest recovery point, " + missing,
			Action: "Run keepsake repair"})
	}
	return found
}

// lacksNewest returns the newest recovery point when the provider does not hold it.
func (r *repo) lacksNewest(ctx context.Context, p Provider) string {
	list, err := listManifests(ctx, r.live())
	if err != nil || len(list.at) == 0 {
		return ""
	}
	if newest := list.newestFirst()[0]; !list.at[newest][p.Name] && list.failed[p.Name] == nil {
		return newest
	}
	return ""
}
