package check

import (
	"context"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// largeTime bounds trying the largest object: a store that takes longer is slower than 128 KiB a second.
const largeTime = 3 * time.Minute

func always(string) bool { return true }

func (by *Checker) checkRepository(ctx context.Context, thorough bool) []report.CheckFinding {
	r, err := by.Replicas.OpenToSeal(ctx, by.Replicas.Providers)
	if err != nil {
		return []report.CheckFinding{{Area: "repository", Level: report.LevelError, Message: keepsake.MessageOf(err)}}
	}
	found := []report.CheckFinding{{Area: "key", Level: report.LevelOK, Message: "The key opens repository " +
		r.Keys.Repository()}}
	if r.Keys.WritesOnly() {
		found[0].Message = "It is a writer's key, so this machine can back up into repository " + r.Keys.Repository() +
			" and can read nothing there"
	}
	var configured, copies []keepsake.Copy
	for i, h := range r.Health(ctx, always) {
		p := r.Providers[i]
		c := keepsake.Copy{Provider: p.Name, Medium: p.Medium, Offsite: p.Offsite, Confirmed: true}
		configured = append(configured, c)
		more := []report.CheckFinding{{
			Area:    "provider " + p.Name,
			Level:   report.LevelOK,
			Message: "What was written there was read back",
		}}
		if h.Error == "" && thorough {
			more = by.checkThoroughly(ctx, r, p, more)
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
		f := report.CheckFinding{
			Area:    "3-2-1 rule",
			Level:   report.LevelWarn,
			Message: "A backup would not meet it now, because " + verdict.Lacks(),
			Action:  "Configure three providers on two media, one of them offsite: true",
		}
		if keepsake.JudgeProtection(configured).Protected() {
			f.Action = "The providers that are configured are enough. Bring back those that fail, then run keepsake repair --all"
		}
		found = append(found, f)
	}
	return found
}

// checkThoroughly tries what is too much for every minute. found begins with what is known of the provider.
func (by *Checker) checkThoroughly(ctx context.Context, r *replicas.Repo, p replicas.Provider,
	found []report.CheckFinding) []report.CheckFinding {
	area := found[0].Area
	size := int64(repository.MaxChunkSealed) // or the newest manifest, where that is larger
	_ = p.Store.List(ctx, repository.ManifestPrefix, func(o storage.Object) error { size = max(size, o.Size); return nil })
	trying, cancel := context.WithTimeout(ctx, largeTime)
	defer cancel()
	if err := storage.CheckLarge(trying, p.Store, size); err != nil {
		found[0].Level, found[0].Message = report.LevelError,
			fmt.Sprintf("It takes small objects, but not one of %d MiB, which a backup may write, so what is larger has no "+
				"copy there. %s",
				size>>20, replicas.Explain(err))
	}
	if gives := storage.Public(trying, p.Store, repository.HeaderKey); gives != "" {
		found = append(found, report.CheckFinding{
			Area:    area,
			Level:   report.LevelWarn,
			Message: gives + ". They are encrypted, but when and how much you back up is theirs to see",
			Action:  "Make the bucket private",
		})
	}
	if missing := lacksNewest(ctx, r, p); missing != "" && found[0].Level == report.LevelOK {
		found = append(found, report.CheckFinding{
			Area:    area,
			Level:   report.LevelWarn,
			Message: "It lacks the newest recovery point, " + missing,
			Action:  "Run keepsake repair",
		})
	}
	return found
}

// lacksNewest returns the newest recovery point when the provider does not hold it.
func lacksNewest(ctx context.Context, r *replicas.Repo, p replicas.Provider) string {
	list, err := replicas.ListManifests(ctx, r.Live())
	if err != nil || len(list.At) == 0 {
		return ""
	}
	if newest := list.NewestFirst()[0]; !list.At[newest][p.Name] && list.Failed[p.Name] == nil {
		return newest
	}
	return ""
}
