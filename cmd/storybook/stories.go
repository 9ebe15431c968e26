package main

import (
	"maps"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type story func(theme string) templ.Component

func shell(theme, title, section string) views.Shell {
	return views.Shell{
		Title:   title,
		Section: section,
		User:    "amelia.hart@wedsync.example",
		Theme:   theme,
		Path:    "/",
		Version: "0.1.0",
	}
}

func when(absolute, relative string) ui.When {
	return ui.When{ISO: "2026-11-23T07:05:00Z", Absolute: absolute, Relative: relative}
}

func stories() map[string]story {
	all := weddingStories()
	maps.Copy(all, accessStories())
	maps.Copy(all, auditStories())
	maps.Copy(all, operationStories())
	maps.Copy(all, approvalStories())
	maps.Copy(all, providerStories())
	maps.Copy(all, map[string]story{
		"signin":         func(t string) templ.Component { return views.SignInPage(signIn(t, "", "")) },
		"signin-refused": func(t string) templ.Component { return views.SignInPage(signIn(t, "amelia@wedsync.example", "")) },
		"signin-locked": func(t string) templ.Component {
			vm := signIn(t, "amelia@wedsync.example", "")
			vm.Error = "Too many wrong tries. Try again in 12 min; nobody can sign in to this account, or from here, until then."
			return views.SignInPage(vm)
		},
		"signin-ended": func(t string) templ.Component {
			return views.SignInPage(signIn(t, "",
				"You were signed out after 30 minutes without activity. Sign in to go on where you were."))
		},
		"signin-code": func(t string) templ.Component { return views.SignInStepPage(signInStep(t, false, "")) },
		"signin-code-wrong": func(t string) templ.Component {
			return views.SignInStepPage(signInStep(t, false,
				"That code is not right, or it was used already. Wait for the next one. After five wrong tries the account "+
					"rests for a while."))
		},
		"signin-recovery": func(t string) templ.Component { return views.SignInStepPage(signInStep(t, true, "")) },
		"sessions":        func(t string) templ.Component { return views.SessionsPage(sessions(t)) },
		"prove-code": func(t string) templ.Component {
			return views.ProvePage(views.Prove{
				Shell: shell(t, "Your password again", ""),
				Next:  "/",
				Code:  true,
				Error: "That is not your password. Nothing was changed.",
			})
		},
		"second-step-off":   func(t string) templ.Component { return views.SecondStepPage(secondStep(t, false)) },
		"second-step-on":    func(t string) templ.Component { return views.SecondStepPage(secondStep(t, true)) },
		"second-step-begin": func(t string) templ.Component { return views.EnrolmentPage(enrolment(t)) },
		"second-step-codes": func(t string) templ.Component { return views.RecoveryCodesPage(recoveryCodes(t)) },
		"second-step-end": func(t string) templ.Component {
			return views.EndSecondStepPage(views.EndSecondStep{
				Shell: shell(t, "Switch the second step off", ""),
				Error: "That code is not right, or it was used already. Wait for the next one. Nothing was changed.",
			})
		},
		"dashboard":         func(t string) templ.Component { return views.DashboardPage(dashboard(t, overview())) },
		"dashboard-running": func(t string) templ.Component { return views.DashboardPage(dashboardRunning(t)) },
		"dashboard-live":    func(t string) templ.Component { return views.DashboardPage(dashboardLive(t)) },
		"dashboard-alarm":   func(t string) templ.Component { return views.DashboardPage(dashboard(t, overviewAlarm())) },
		"dashboard-empty":   func(t string) templ.Component { return views.DashboardPage(dashboard(t, overviewEmpty())) },
		"backup":            func(t string) templ.Component { return views.BackupPage(backup(t, estimate())) },
		"backup-refused":    func(t string) templ.Component { return views.BackupPage(backupRefused(t)) },
		"backup-limited":    func(t string) templ.Component { return views.BackupPage(backupLimited(t)) },
		"points":            func(t string) templ.Component { return views.PointsPage(points(t, 9)) },
		"points-empty":      func(t string) templ.Component { return views.PointsPage(points(t, 0)) },
		"points-2000":       func(t string) templ.Component { return views.PointsPage(points(t, 2000)) },
		"point":             func(t string) templ.Component { return views.PointPage(point(t)) },
		"restore":           func(t string) templ.Component { return views.RestorePage(restore(t, nil)) },
		"restore-errors": func(t string) templ.Component {
			return views.RestorePage(
				restore(t, map[string]string{"database": "A database named “wedsync” is there already, and it is the platform " +
					"itself. Choose another name."}))
		},
		"restore-confirm": func(t string) templ.Component { return views.RestoreConfirmPage(restoreConfirm(t)) },
		"error-404": func(t string) templ.Component {
			return views.ProblemPage(problem(t, "404 · not found", "There is nothing at this address",
				"The link may be old, or the recovery point was removed by its retention rule."))
		},
		"error-403": func(t string) templ.Component {
			return views.ProblemPage(problem(t, "403 · not allowed", "You may not do this",
				"Your account may look at backups but not restore them. Ask a super admin."))
		},
		"error-500": func(t string) templ.Component {
			return views.ProblemPage(problem(t, "500 · our fault", "Something went wrong inside Keepsake",
				"Nothing was changed by this request. Your backups are not affected."))
		},
		"error-429": func(t string) templ.Component {
			return views.ProblemPage(problem(t, "429 · too often", "That was done too often for now",
				"You have started as many incremental backups as one person may within an hour: 12. The next one can start "+
					"in 42 minutes."))
		},
		"error-503": func(t string) templ.Component {
			p := problem(t, "503 · unavailable", "Keepsake cannot reach something it needs",
				"Keepsake's own database does not answer, so nothing can be started or changed here now. Weddings and their "+
					"contacts can be read under Emergency; the command line restores with the key alone: keepsake restore --help.")
			p.Action, p.Shell.Standby = "Try again", true
			return views.ProblemPage(p)
		},
		"error-signed-out": func(t string) templ.Component {
			p := problem(t, "404 · not found", "There is nothing at this address", "Check the address, or go to the overview.")
			p.Shell.User = ""
			return views.ProblemPage(p)
		},
	})
	return all
}

func signIn(theme, email, ended string) views.SignIn {
	s := views.SignIn{Shell: shell(theme, "Sign in", ""), Email: email, Next: "/", Ended: ended}
	if email != "" {
		s.Error = "E-mail and password do not match an account. After five wrong tries the account rests for a while."
	}
	return s
}

// dashboard draws an overview that stands still.
func dashboard(theme string, d console.Dashboard) views.Dashboard {
	vm := draw.Dashboard(shell(theme, "Overview", "overview"), d, clock)
	vm.Shell.Refresh = ""
	for i := range vm.Running {
		vm.Running[i].EventsURL = "/none"
	}
	return vm
}

func dashboardRunning(theme string) views.Dashboard {
	d := overview()
	d.Running = history(1)
	return dashboard(theme, d)
}

func overviewEmpty() console.Dashboard {
	d := overview()
	d.Newest, d.Recent, d.Weddings, d.WeddingsAhead, d.Alarm = nil, nil, nil, 0, console.AlarmNever
	d.Protection = keepsake.JudgeProtection(nil)
	return d
}

func problem(theme, status, title, text string) views.Problem {
	return views.Problem{
		Shell:   shell(theme, title, ""),
		Status:  status,
		Title:   title,
		Text:    text,
		Action:  "Go to the overview",
		Href:    "/",
		Request: "01K9Z3M8Q4",
	}
}
