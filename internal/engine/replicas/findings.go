package replicas

import (
	"errors"
	"strings"

	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/engine/storage"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// RepairCommand returns the command that heals the copies of a recovery point, or of all of them. Only a deep repair
// finds damage that names and sizes do not show.
func RepairCommand(point string, deep bool) string {
	words := []string{"keepsake repair"}
	if deep {
		words = append(words, "--deep")
	}
	if point == "" {
		point = "--all"
	}
	return strings.Join(append(words, point), " ")
}

// ThisRepair stands in the place of a command where a running repair finds something, because that repair heals it.
const ThisRepair = "this repair"

// ThenRun says which command to run about a finding and what that does. For ThisRepair it says only the latter.
func ThenRun(command, does string) string {
	if command == ThisRepair {
		return ""
	}
	return " Run " + command + ": " + does
}

// missing says that an object is not there, or was not before the repair.
func missing(command string) string {
	if command == ThisRepair {
		return "The object was missing."
	}
	return "The object is missing."
}

// FindingOf says in words what is wrong with one copy of one object, and which command to run. An empty command means
// that no provider could be asked for the object, so that there is nothing to repair yet.
func FindingOf(provider, object string, err error, command string) report.VerifyFinding {
	f := report.VerifyFinding{Provider: provider, Object: object}
	switch {
	case command == "", errors.Is(err, storage.ErrTimeout):
		f.Problem, f.Away = "The provider could not be asked. "+Explain(err), true
	case errors.Is(err, storage.ErrNotFound):
		f.Problem, f.Damage = missing(command)+ThenRun(command, "it copies it from a provider that has it."), true
	case isDamage(err):
		f.Problem, f.Damage = keepsake.MessageOf(err)+
			ThenRun(command, "it replaces it from a provider that has a good copy."), true
	default:
		f.Problem = "The provider does not give the object. " + Explain(err)
		if command != ThisRepair {
			f.Problem += " If that stays so, run " + command + ": it stores the object there anew."
		}
	}
	return f
}

// Explain says in whole sentences, without a colon, why a provider or an object there is not used. The caller may put
// a name and a colon before them.
func Explain(err error) string {
	var place placeError
	var own *keepsake.Error
	switch {
	case errors.As(err, &place):
		return place.Error()
	case errors.Is(err, errOtherHeader):
		return keepsake.Sentence(errOtherHeader.Error())
	case errors.As(err, &own):
		return keepsake.Sentence(own.Message)
	}
	return storage.Explain(err)
}
