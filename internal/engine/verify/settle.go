package verify

import (
	"slices"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/replicas"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/repository"
)

// settle tells what was found and is sound now from what remains,
// for the result, the log and each provider's state alike.
func (r *repair) settle(found []report.VerifyFinding) {
	healed := map[string]int{}
	for _, f := range found {
		if r.healed(f) {
			r.result.Repaired = append(r.result.Repaired, f)
			healed[f.Provider]++
		}
	}
	for _, f := range r.result.Remaining {
		r.track.Warnf("Remains at %s, %s: %s", orEvery(f.Provider), f.Object, f.Problem)
	}
	for _, p := range r.repo.Providers {
		if n := healed[p.Name]; n > 0 {
			r.track.Infof("Provider %s: %s repaired.", p.Name, report.Plural(n, "object"))
		}
		state, why := report.ItemDone, ""
		if i := slices.IndexFunc(r.result.Remaining,
			func(f report.VerifyFinding) bool { return f.Provider == p.Name }); i >= 0 {
			state, why = report.ItemFailed, r.result.Remaining[i].Problem
		}
		r.track.Provider(p.Name, func(p *report.ProviderProgress) { p.State, p.Error = state, why })
	}
}

func orEvery(provider string) string {
	if provider == "" {
		return "every provider"
	}
	return "provider " + provider
}

// healed reports whether what was found is sound now.
func (r *repair) healed(f report.VerifyFinding) bool {
	if r.repo.Down[f.Provider] != nil {
		return false
	}
	if ref, is := replicas.ParseKey(f.Object); is {
		return !r.doubts[f.Provider][ref.ID]
	}
	return !slices.ContainsFunc(r.result.Remaining, func(left report.VerifyFinding) bool {
		if left.Object == f.Object {
			return left.Provider == f.Provider || left.Provider == ""
		}
		// What lies beside recovery points is found where it is, and remains where it is not.
		return f.Object != repository.HeaderKey && strings.HasSuffix(left.Object, "/") &&
			strings.HasPrefix(f.Object, left.Object)
	})
}
