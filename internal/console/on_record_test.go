package console_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// looks are the use cases that show the console's own facts and nothing of a couple's rows: they leave no entry when
// they are allowed.
var looks = []string{"Await", "Compliance", "Dashboard", "Emergency", "EstimateBackup", "ExplainScope", "FindDamage",
	"GetOperation", "GetPoint", "GetRetention", "GetSchedule", "GetTest", "GetWedding", "ListAudit",
	"ListDuties", "ListOperations", "ListOrganizations", "ListPoints", "ListTests", "ListWeddings", "NeedsSecondApprover",
	"OperationLog", "Performance", "Subscribe", "WeddingsByID"}

// keys are what a request does for itself, before and after the use case that it is for.
var keys = []string{"BeginAnswer", "EndAnswer"}

// TestEveryAttemptIsOnRecord carries out every use case as somebody who may, as a token that may nothing, as an
// organization's admin who asks for another's, for what is not there, and for somebody who has given up: each that was
// refused or broke is on record with its request, and each that was allowed, unless it is a look.
func TestEveryAttemptIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t)
	x := w.theirs()
	nothing := theirs{
		wedding:    "99",
		point:      "20200101T000000Z-00000000",
		restore:    "20200101T000000Z-00000000",
		operations: []string{"00000000-0000-0000-0000-000000000000"},
	}
	token := admin
	token.ID, token.Name, token.Permissions = "21", "script@example.org", []keepsake.Permission{}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, as := range []struct {
		name  string
		ctx   context.Context
		actor keepsake.Actor
		x     theirs
		// refused says that every use case is.
		refused bool
	}{
		{"a token that may nothing", t.Context(), token, x, true},
		{"another organization's admin", t.Context(), ofFirst, x, false},
		{"what is not there", t.Context(), admin, nothing, false},
		{"somebody who may", t.Context(), admin, x, false},
		{"somebody who has given up", gone, admin, x, false},
	} {
		cases := useCases(w.c, as.x)
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			if slices.Contains(keys, name) {
				continue
			}
			request := name + " by " + as.name
			_, err := cases[name](keepsake.WithRequest(as.ctx, keepsake.Request{ID: request}), as.actor)
			refused := w.count("select count(*) from audit_log where request_id = $1 and outcome <> 'allowed'", request)
			allowed := w.count("select count(*) from audit_log where request_id = $1 and outcome = 'allowed'", request)
			wrong := w.count("select count(*) from audit_log where request_id = $1 and actor_name <> $2", request, as.actor.Name)
			code := keepsake.CodeOf(err)
			switch look := slices.Contains(looks, name); {
			case wrong > 0:
				t.Errorf("%s: an entry says that somebody else did it", request)
			case as.refused && (err == nil || code != keepsake.CodeForbidden):
				t.Errorf("%s: %v, want it refused", request, err)
			case err == nil && !look && allowed == 0:
				t.Errorf("%s was allowed, and is not on record", request)
			case err == nil && refused > 0:
				t.Errorf("%s was allowed, and is on record as refused", request)
			case err != nil && refused == 0 && (!look || code == keepsake.CodeForbidden || code == keepsake.CodeNotFound):
				t.Errorf("%s: %v, and nothing is on record", request, err)
			}
		}
	}
}
