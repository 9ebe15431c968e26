package main

import (
	"fmt"
	"maps"
	"strings"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

type story func(theme string) templ.Component

func shell(theme, title, section string) views.Shell {
	return views.Shell{Title: title, Section: section, User: "amelia.hart@wedsync.example", Theme: theme, Path: "/",
		Version: "0.1.0"}
}

func when(absolute, relative string) ui.When {
	return ui.When{ISO: "2026-11-23T07:05:00Z", Absolute: absolute, Relative: relative}
}

func stories() map[string]story {
	all := weddingStories()
	maps.Copy(all, accessStories())
	maps.Copy(all, auditStories())
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
			return views.ProvePage(views.Prove{Shell: shell(t, "Your password again", ""), Next: "/", Code: true,
				Error: "That is not your password. Nothing was changed."})
		},
		"second-step-off":   func(t string) templ.Component { return views.SecondStepPage(secondStep(t, false)) },
		"second-step-on":    func(t string) templ.Component { return views.SecondStepPage(secondStep(t, true)) },
		"second-step-begin": func(t string) templ.Component { return views.EnrolmentPage(enrolment(t)) },
		"second-step-codes": func(t string) templ.Component { return views.RecoveryCodesPage(recoveryCodes(t)) },
		"second-step-end": func(t string) templ.Component {
			return views.EndSecondStepPage(views.EndSecondStep{Shell: shell(t, "Switch the second step off", ""),
				Error: "That code is not right, or it was used already. Wait for the next one. Nothing was changed."})
		},
		"dashboard":            func(t string) templ.Component { return views.DashboardPage(dashboard(t)) },
		"dashboard-running":    func(t string) templ.Component { return views.DashboardPage(dashboardRunning(t)) },
		"dashboard-live":       func(t string) templ.Component { return views.DashboardPage(dashboardLive(t)) },
		"dashboard-alarm":      func(t string) templ.Component { return views.DashboardPage(dashboardAlarm(t)) },
		"dashboard-empty":      func(t string) templ.Component { return views.DashboardPage(dashboardEmpty(t)) },
		"backup":               func(t string) templ.Component { return views.BackupPage(backup(t)) },
		"backup-refused":       func(t string) templ.Component { return views.BackupPage(backupRefused(t)) },
		"backup-limited":       func(t string) templ.Component { return views.BackupPage(backupLimited(t)) },
		"operation-queued":     func(t string) templ.Component { return views.OperationPage(operationQueued(t)) },
		"operation-running":    func(t string) templ.Component { return views.OperationPage(operationRunning(t)) },
		"operation-live":       func(t string) templ.Component { return views.OperationPage(operationLive(t)) },
		"operation-done":       func(t string) templ.Component { return views.OperationPage(operationDone(t)) },
		"operation-failed":     func(t string) templ.Component { return views.OperationPage(operationFailed(t)) },
		"operation-exceptions": func(t string) templ.Component { return views.OperationPage(operationExceptions(t)) },
		"operation-cancelled":  func(t string) templ.Component { return views.OperationPage(operationCancelled(t)) },
		"operation-verify":     func(t string) templ.Component { return views.OperationPage(operationVerify(t)) },
		"cancel":               func(t string) templ.Component { return views.CancelPage(cancel(t)) },
		"operations":           func(t string) templ.Component { return views.OperationsPage(operations(t, 12)) },
		"operations-empty":     func(t string) templ.Component { return views.OperationsPage(operations(t, 0)) },
		"duties":               func(t string) templ.Component { return views.DutiesPage(duties(t)) },
		"points":               func(t string) templ.Component { return views.PointsPage(points(t, 9)) },
		"points-empty":         func(t string) templ.Component { return views.PointsPage(points(t, 0)) },
		"points-2000":          func(t string) templ.Component { return views.PointsPage(points(t, 2000)) },
		"point":                func(t string) templ.Component { return views.PointPage(point(t)) },
		"restore":              func(t string) templ.Component { return views.RestorePage(restore(t, nil)) },
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
			p := problem(t, "503 · not reachable", "Keepsake cannot reach something it needs",
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

func legs(copies, media, offsite int) []views.Leg {
	leg := func(need string, n, have int, name, state string, pips ...ui.Chip) views.Leg {
		tone := ui.ToneOK
		if have < n {
			tone = ui.ToneBad
		}
		return views.Leg{Need: need, Name: name, State: state, Tone: tone, Pips: pips}
	}
	chip := func(ok bool, text string) ui.Chip {
		if ok {
			return ui.Chip{Tone: ui.ToneOK, Text: text}
		}
		return ui.Chip{Tone: ui.ToneBad, Text: text}
	}
	return []views.Leg{
		leg("3", 3, copies, "copies", fmt.Sprintf("%d of 3 confirmed", copies), chip(true, "local"),
			chip(copies > 1, "supabase"), chip(copies > 2, "offsite")),
		leg("2", 2, media, "kinds of storage", fmt.Sprintf("%d of 2", media), chip(true, "disk"), chip(media > 1, "supabase"),
			chip(copies > 2, "gcs")),
		leg("1", 1, offsite, "away from here", map[bool]string{true: "1 of 1", false: "none"}[offsite > 0],
			chip(offsite > 0, "offsite (europe-west3)")),
	}
}

func dashboard(theme string) views.Dashboard {
	return views.Dashboard{
		Shell: shell(theme, "Overview", "overview"),
		Verdict: views.Verdict{Tone: ui.ToneOK, Icon: "shield-check", Title: "Everything is protected",
			Text: "The newest recovery point is confirmed in 3 places, on 3 kinds of storage, one of them away from here."},
		Legs: legs(3, 3, 1),
		Last: views.LastBackup{When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), Tone: ui.ToneOK,
			Type: "Incremental", Size: "1.6 GiB", URL: "#"},
		Providers: []views.ProviderCard{
			{Name: "local", Medium: "disk", Place: "here", Icon: "folder", State: ui.Chip{Tone: ui.ToneOK, Text: "Works"},
				Lines: []string{"Newest recovery point confirmed 12 min ago", "214 of 214 recovery points"}},
			{Name: "supabase", Medium: "supabase", Place: "eu-west-1", Icon: "database",
				State: ui.Chip{Tone: ui.ToneOK, Text: "Works"}, Lines: []string{"Newest recovery point confirmed 12 min ago"}},
			{Name: "offsite", Medium: "gcs", Place: "europe-west3, away from here", Icon: "cloud",
				State: ui.Chip{Tone: ui.ToneOK, Text: "Works"}, Lines: []string{"Newest recovery point confirmed 11 min ago"}},
		},
		Weddings: []views.Wedding{
			{Couple: "Olivia Bennett & Noah Castellanos", Organization: "Lavender & Lace Events", Date: "Mon 23 Nov 2026",
				Days: "Today", DaysUnit: "", Phase: "Execution", Urgency: ui.Chip{Tone: ui.ToneBad, Text: "Emergency"}},
			{Couple: "Priya Raghunathan & Tom Ashworth", Organization: "The Orchard Barn", Date: "Tue 24 Nov 2026", Days: "1",
				DaysUnit: "day", Phase: "Execution", Urgency: ui.Chip{Tone: ui.ToneBad, Text: "Emergency"}},
			{Couple: "Maximiliane Freifrau von Hohenstein-Wolkenberg & Bartholomew Featherstonehaugh-Cholmondeley",
				Organization: "Schloss Neuenfels Hochzeiten & Bankette GmbH & Co. KG", Date: "Sat 28 Nov 2026", Days: "5",
				DaysUnit: "days", Phase: "Preparation", Urgency: ui.Chip{Tone: ui.ToneWarn, Text: "Urgent"}},
			{Couple: "Grace Okafor & Liam Doyle", Organization: "Harbour Light Weddings", Date: "Sat 12 Dec 2026", Days: "19",
				DaysUnit: "days", Phase: "Preparation", Urgency: ui.Chip{Tone: ui.ToneRun, Text: "Elevated"}},
			{Couple: "Sofia Marín & Jack Whitlock", Organization: "Willow & Wild", Date: "Sat 16 Jan 2027", Days: "54",
				DaysUnit: "days", Phase: "Planning", Urgency: ui.Chip{Tone: ui.ToneMute, Text: "Normal"}},
		},
		Recent: operations(theme, 4).Rows,
	}
}

func dashboardRunning(theme string) views.Dashboard {
	d := dashboard(theme)
	d.Live = true
	d.Running = []views.Strip{{ID: "op1", Title: "Full backup", Stage: "Reading rows", Left: "about 2 min left",
		Percent: "43 %", URL: "#", EventsURL: "/none",
		Bar: ui.Bar{Label: "Full backup", Percent: 43, Known: true, Tone: ui.ToneRun}}}
	return d
}

func dashboardAlarm(theme string) views.Dashboard {
	d := dashboard(theme)
	d.Shell.Banner = "The platform database cannot be reached. Backups wait; recovery points can be restored to " +
		"another server."
	d.Verdict = views.Verdict{Tone: ui.ToneBad, Icon: "shield-x", Title: "Not fully protected",
		Text: "The newest recovery point can be restored, but it would not survive every loss: 1 of 3 copies is missing " +
			"(offsite); no offsite copy."}
	d.Legs = legs(2, 2, 0)
	d.Last.When = when("Fri 20 Nov 2026, 22:00 UTC", "2 days ago")
	d.Last.Tone = ui.ToneBad
	d.Last.Alarm = "The newest recovery point is 2 days 9 h old; changes since then could not be brought back. Make " +
		"a backup now."
	d.Last.Failure = "The platform database refused the connection (connection refused at 10.0.4.12:5432). Check that " +
		"it runs, then try again."
	d.Last.FailURL = "#"
	d.Providers[2].State = ui.Chip{Tone: ui.ToneBad, Text: "Fails"}
	d.Providers[2].Error = "The bucket backups-eu answers 403: the service account lost its right to create objects. " +
		"Give it roles/storage.objectCreator."
	d.Weddings, d.WeddingsNote = nil, "The weddings are read from the platform database, which cannot be reached now."
	return d
}

func dashboardEmpty(theme string) views.Dashboard {
	d := dashboard(theme)
	d.Verdict = views.Verdict{Tone: ui.ToneBad, Icon: "shield-x", Title: "There is no backup yet",
		Text: "If the platform were lost now, nothing could be brought back. The first backup takes a few minutes."}
	d.Legs = legs(0, 0, 0)
	d.Legs[0].Pips, d.Legs[1].Pips, d.Legs[2].Pips = nil, nil, nil
	d.Last = views.LastBackup{Tone: ui.ToneBad}
	d.Weddings, d.WeddingsNote, d.Recent = nil, "No wedding lies ahead.", nil
	return d
}

func problem(theme, status, title, text string) views.Problem {
	return views.Problem{Shell: shell(theme, title, ""), Status: status, Title: title, Text: text,
		Action: "Go to the overview", Href: "/", Request: "01K9Z3M8Q4"}
}

func long(n int) string { return strings.Repeat("a very long name ", n) }
