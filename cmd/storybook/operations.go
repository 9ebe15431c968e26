package main

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	duty "github.com/wedsync/keepsake/internal/operation"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// estimate is what a backup would take of a platform that answers.
func estimate() console.Estimate {
	return console.Estimate{
		Type:     keepsake.BackupIncremental,
		Tables:   38,
		Rows:     6_142_885,
		Bytes:    1_717_986_918,
		Seconds:  40,
		Measured: 5,
		Tiers: []console.TierEstimate{
			{
				Tier:    keepsake.TierCritical,
				Covered: true,
				Tables:  4,
				Rows:    58_214,
				Bytes:   22_439_526,
				Largest: []string{"clients", "suppliers", "users", "organizations"},
			},
			{
				Tier:    keepsake.TierHigh,
				Covered: true,
				Tables:  5,
				Rows:    1_204_551,
				Bytes:   641_728_512,
				Largest: []string{"audit_logs", "files", "payments", "forms", "journey_instances"},
			},
			{
				Tier:    keepsake.TierStandard,
				Covered: true,
				Tables:  29,
				Rows:    4_880_120,
				Bytes:   1_027_604_480,
				Largest: []string{"event_logs", "guests", "communications"},
			}},
	}
}

// backup draws the form of a backup, with what is known of it.
func backup(theme string, e console.Estimate) views.BackupForm {
	vm := views.BackupForm{
		Shell:   shell(theme, "Back up now", "backup"),
		Types:   draw.BackupChoices(),
		Plan:    draw.Plan(e),
		Notices: draw.EstimateNotices(e),
	}
	vm.Types[0].Checked, vm.Plan.Value = true, string(e.Type)
	return vm
}

func backupRefused(theme string) views.BackupForm {
	running := backupOf(console.StateRunning)
	e := console.Estimate{
		Type:        keepsake.BackupIncremental,
		Running:     &running,
		Unreachable: overviewAlarm().Platform.Words,
		Findings: []engine.CheckFinding{
			{
				Area:    "provider offsite",
				Level:   "error",
				Message: forbidden,
				Action:  "A backup goes on without it, and is not fully protected until it is back",
			}},
	}
	f := backup(theme, e)
	f.NoteError = "The note has 612 characters; 500 fit."
	return f
}

func backupLimited(theme string) views.BackupForm {
	f := backup(theme, estimate())
	f.Notices = []ui.Notice{{
		Tone:  ui.ToneBad,
		Title: "The backup was not started",
		Text: "You have started as many full backups as one person may within an hour: 2. The next one can start in 42 " +
			"minutes. An incremental one holds every row as well, and can start now.",
	}}
	f.Start = views.BackupStart{Disabled: true, Why: "The next one can start in 42 min, at 14:32 UTC."}
	f.Types[1].Limit = f.Start.Why
	f.Plan.Left = "You have started all 2 of these that one person may within an hour. " + f.Start.Why
	return f
}

// operation draws an operation as whoever asked for it sees it. Its stream stands still.
func operation(theme string, o console.Operation) views.Operation {
	vm := draw.Operation(shell(theme, draw.OperationTitle(o), "operations"), o, admin, logLines(), clock)
	vm.EventsURL, vm.Shell.Refresh = "/none", ""
	return vm
}

// operationStories are operations of every kind, in the states that they can be in.
func operationStories() map[string]story {
	page := func(o console.Operation) story {
		return func(theme string) templ.Component { return views.OperationPage(operation(theme, o)) }
	}
	return map[string]story{
		"operation-queued":      page(backupOf(console.StateQueued)),
		"operation-running":     page(backupOf(console.StateRunning)),
		"operation-live":        func(theme string) templ.Component { return views.OperationPage(operationLive(theme)) },
		"operation-done":        page(backupDone(false)),
		"operation-failed":      page(backupOf(console.StateFailed)),
		"operation-cancelled":   page(backupOf(console.StateCancelled)),
		"operation-verify":      page(verifyDone()),
		"operation-repair-left": page(repairDone()),
		"operation-restoring":   page(restoreOf(console.StateRunning)),
		"operation-exceptions":  page(restoreDone()),
		"cancel": func(theme string) templ.Component {
			return views.CancelPage(draw.Cancel(shell(theme, "Cancel", "operations"), backupOf(console.StateRunning)))
		},
		"operations":       func(theme string) templ.Component { return views.OperationsPage(operations(theme, 12)) },
		"operations-empty": func(theme string) templ.Component { return views.OperationsPage(operations(theme, 0)) },
		"duties": func(theme string) templ.Component {
			return views.DutiesPage(draw.Duties(shell(theme, "Duties", "operations"), duties(), clock))
		},
		"schedule":        func(theme string) templ.Component { return schedulePage(theme, scheduled(0)) },
		"schedule-fails":  func(theme string) templ.Component { return schedulePage(theme, scheduled(3)) },
		"retention":       func(theme string) templ.Component { return retentionPage(theme, retained(60, 100)) },
		"retention-held":  func(theme string) templ.Component { return retentionPage(theme, retentionHeld()) },
		"retention-large": func(theme string) templ.Component { return retentionPage(theme, retentionLarge()) },
		"retention-empty": func(theme string) templ.Component { return retentionPage(theme, retained(0, 100)) },
		"schedule-off":    func(theme string) templ.Component { return schedulePage(theme, console.ScheduleState{}) },
	}
}

func operations(theme string, n int) views.Operations {
	vm := draw.Operations(shell(theme, "Operations", "operations"), history(n), clock)
	vm.Next, vm.Count, vm.Shell.Refresh = "?cursor=x", fmt.Sprintf("The newest %d", n), ""
	return vm
}

// duties are one for each way that a duty can stand.
func duties() []console.DutyState {
	ago := now.Add(-3 * time.Minute)
	done := func(name, does string, every time.Duration) console.DutyState {
		return console.DutyState{
			Name:  name,
			Does:  does,
			Every: every,
			Who:   duty.OneHolder,
			Next:  now.Add(every),
			Began: ago,
			Ended: ago,
		}
	}
	each := done("check_providers", "check the providers", 30*time.Second)
	each.Who, each.Next = duty.EachProcess, time.Time{}
	failed := done("seal_audit", "seal the audit trail into the repository", 30*time.Second)
	failed.Failed, failed.Message = true, long(3)
	running := done("store_sign_ins", "store in the repository who may sign in without the console database",
		10*time.Minute)
	running.Running = true
	late := done("expire_approvals", "end restores that nobody approved in time", time.Minute)
	late.Next = ago
	never := done("forget_sessions", "remove ended sessions", time.Hour)
	never.Began, never.Ended, never.Next = time.Time{}, time.Time{}, time.Time{}
	return []console.DutyState{each,
		done("watch_milestones", "back up for weddings that reach a milestone", 10*time.Minute), failed, running, late, never}
}

// approvalStories are a restore of everything that waits for a second person, as each of them sees it.
func approvalStories() map[string]story {
	o := restoreOf(console.StateProposed)
	o.RequestedBy, o.RequestedByID, o.StartedAt, o.Progress = longPerson, "2", time.Time{}, nil
	page := func(actor keepsake.Actor) story {
		return func(theme string) templ.Component {
			vm := draw.Operation(shell(theme, draw.OperationTitle(o), "operations"), o, actor, nil, clock)
			vm.EventsURL, vm.Shell.Refresh = "/none", ""
			return views.OperationPage(vm)
		}
	}
	own, unproven := admin, admin
	own.ID, unproven.Session = o.RequestedByID, "left open since yesterday"
	return map[string]story{"approval": page(admin), "approval-own": page(own), "approval-proof": page(unproven)}
}
