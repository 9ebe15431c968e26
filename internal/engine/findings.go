package engine

import (
	"errors"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// repairCommand is what a person runs to heal the copies of a recovery point, or of all of them. Damage that only reading shows is found
// by a deep repair alone.
func repairCommand(point string, deep bool) string {
	words := []string{"keepsake repair"}
	if deep {
		words = append(words, "--deep")
	}
	if point == "" {
		point = "--all"
	}
	return strings.Join(append(words, point), " ")
}

// thisRepair stands in the place of the command where a repair is what looks: it heals what it finds.
const thisRepair = "this repair"

// then says what to run about a finding, and what that does. A repair that runs need not say it.
func then(command, does string) string {
	if command == thisRepair {
		return ""
	}
	return " Run " + command + ": " + does
}

// missing says that an object is not there, or was not before the repair.
func missing(command string) string {
	if command == thisRepair {
		return "The object was missing."
	}
	return "The object is missing."
}

// findingOf says in words what is wrong with one copy of one object, and what to run. An empty command says that nobody could be asked for
// the object, so that there is nothing to repair yet.
func findingOf(provider, object string, err error, command string) report.VerifyFinding {
	f := report.VerifyFinding{Provider: provider, Object: object}
	switch {
	case command == "", errors.Is(err, storage.ErrTimeout):
		f.Problem = "The provider could not be asked. " + explain(err)
	case errors.Is(err, storage.ErrNotFound):
		f.Problem, f.Damage = missing(command)+then(command, "it copies it from a provider that has it."), true
	case isDamage(err):
		f.Problem, f.Damage = keepsake.MessageOf(err)+then(command, "it replaces it from a provider that has a good copy."), true
	default:
		f.Problem = "The provider does not give the object. " + explain(err)
		if command != thisRepair {
			f.Problem += " If that stays so, run " + command + ": it stores the object there anew."
		}
	}
	return f
}

// found names what a repair heals: it is missing, damaged, or not given by its provider. That a provider hangs is said once, and not for
// each object that it is not asked for any more.
func (v *verification) found(provider, object string, err error) {
	if errors.Is(err, storage.ErrTimeout) {
		v.mu.Lock()
		known := v.hung[provider]
		v.hung[provider] = true
		v.mu.Unlock()
		if !known {
			v.away(provider, object, err)
		}
		return
	}
	v.mu.Lock()
	v.result.Repair = v.command
	v.mu.Unlock()
	v.add(findingOf(provider, object, err, v.command))
}

// away names what could not be looked at, because the provider does not answer at all.
func (v *verification) away(provider, object string, err error) {
	v.add(findingOf(provider, object, err, ""))
}
