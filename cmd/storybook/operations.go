package main

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

func backup(theme string) views.BackupForm {
	covered := ui.Chip{Tone: ui.ToneOK, Text: "Covered"}
	return views.BackupForm{
		Shell: shell(theme, "Back up now", "backup"),
		Types: []views.BackupChoice{
			{Value: "incremental", Name: "Incremental",
				Text: "Everything, but reads only what has changed since the last recovery point. The right one on most days.",
				Hint: "Usually the fastest complete backup.", Checked: true},
			{Value: "full", Name: "Full", Text: "Reads every row again and checks every stored copy. Use it weekly, and " +
				"before something risky."},
			{Value: "critical", Name: "Critical only",
				Text: "Only the tables that weddings cannot do without: users, suppliers, clients, organizations. Use it when " +
					"seconds count."},
		},
		Plan: views.BackupPlan{
			Type: "Incremental", Value: "incremental", Known: true,
			Figures: []ui.Figure{{Label: "Time", Value: "about 40 s", Hint: "from the last backups' speed"},
				{Label: "Tables", Value: "38"}, {Label: "Data", Value: "1.6 GiB"}},
			Tiers: []views.PlanTier{
				{Name: "Critical", Goal: "Back within 15 min", Tables: "4 tables", Rows: "58,214 rows", Size: "21.4 MiB",
					Covered: covered, Names: "clients, suppliers, users, organizations"},
				{Name: "High", Goal: "Back within 1 h", Tables: "5 tables", Rows: "1,204,551 rows", Size: "612 MiB",
					Covered: covered, Names: "audit_logs, files, payments, forms, journey_instances"},
				{Name: "Standard", Goal: "Back within 4 h", Tables: "29 tables", Rows: "4,880,120 rows", Size: "980 MiB",
					Covered: covered, Names: "event_logs, guests, communications and 26 more"},
			},
			Notes: []string{"Contracts and photos in file storage are not covered yet; the table that lists them is."},
		},
	}
}

func backupRefused(theme string) views.BackupForm {
	f := backup(theme)
	f.Notices = []ui.Notice{
		{Tone: ui.ToneBad, Title: "A backup is already running",
			Text: "Two at once would only slow each other down. Follow the running one, or cancel it first."},
		{Tone: ui.ToneWarn, Title: "One provider does not answer",
			Text: "The backup will run, but it will not be fully protected until “offsite” is back.",
			List: []string{"offsite: 403 from the bucket backups-eu"}},
	}
	f.NoteError = "The note is 612 characters long; 500 fit."
	f.Plan = views.BackupPlan{Type: "Incremental", Value: "incremental",
		Missing: "The platform database cannot be reached, so nothing can be said about size and time."}
	return f
}

func backupLimited(theme string) views.BackupForm {
	f := backup(theme)
	f.Notices = []ui.Notice{{Tone: ui.ToneBad, Title: "The backup was not started",
		Text: "You have started as many full backups as one person may within an hour: 2. The next one can start in 42 " +
			"minutes. An incremental one holds every row as well, and can start now."}}
	f.Start = views.BackupStart{Disabled: true, Why: "The next one can start in 42 min, at 14:32 UTC."}
	f.Types[1].Limit = f.Start.Why
	f.Plan.Left = "You have started as many of these as one person may within an hour: 2. The next one can " +
		"start in 42 min."
	return f
}

func operationBase(theme string) views.Operation {
	return views.Operation{
		Shell: shell(theme, "Full backup", "operations"), ID: "01K9Z3M8Q4", Title: "Full backup",
		Note: "before the new invoice module",
		Facts: []ui.Fact{{Label: "Started by", Value: "amelia.hart@wedsync.example"},
			{Label: "Started", Value: "Mon 23 Nov 2026, 07:05 UTC"}, {Label: "Number", Value: "01K9Z3M8Q4W1", Mono: true}},
		Log: views.Log{Lines: []views.LogLine{
			{ID: "1", Time: "07:05:02", Level: "info", Class: "lv-info", Text: "Checked platform, providers and key: ready"},
			{ID: "2", Time: "07:05:03", Level: "info", Class: "lv-info", Text: "Snapshot taken at 0/5A3F2B8, 38 tables"},
			{ID: "3", Time: "07:05:40", Level: "warn", Class: "lv-warn",
				Text: "supabase answers slowly; its copy will be completed after reading"},
			{ID: "4", Time: "07:05:44", Level: "error", Class: "lv-error",
				Text: "offsite: 403 Forbidden for chunks/ab/abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"},
		}},
		EventsURL: "/none",
	}
}

func live(tone ui.Tone, percent int) views.Live {
	state := func(p int) ui.Chip {
		switch {
		case p >= 100:
			return ui.Chip{Tone: ui.ToneOK, Text: "Done"}
		case p > 0:
			return ui.Chip{Tone: ui.ToneRun, Text: "Running"}
		default:
			return ui.Chip{Tone: ui.ToneMute, Text: "Waiting"}
		}
	}
	bar := func(name string, p int) ui.Bar {
		t := ui.ToneRun
		if p >= 100 {
			t = ui.ToneOK
		}
		return ui.Bar{Label: name, Percent: p, Known: true, Tone: t, Size: "thin"}
	}
	table := func(name string, p int, rows, bytes, rate, left string) views.LiveTable {
		t := views.LiveTable{Name: name, State: state(p), Rate: rate, Left: left, Bar: bar(name, p)}
		var found bool
		if t.Rows, t.RowsOf, found = strings.Cut(rows, " of "); found {
			t.RowsOf = "of about " + t.RowsOf
		}
		if t.Bytes, t.BytesOf, found = strings.Cut(bytes, " of "); found {
			t.BytesOf = "of " + t.BytesOf
		}
		return t
	}
	return views.Live{
		Tone: tone, Known: true, ProvidersTitle: "Copies", Moved: "Sent",
		ProvidersText: "Each provider confirms every piece by size and checksum", Headline: "Reading rows",
		Sub: "about 2 min left", Percent: fmt.Sprintf("%d %%", percent),
		Bar:    ui.Bar{Label: "Whole operation", Percent: percent, Known: true, Tone: tone, Size: "big"},
		Status: "Reading rows, 43 % done, about 2 minutes left",
		Figures: []ui.Figure{
			{Label: "Running for", Value: "1 min 12 s"}, {Label: "Time left", Value: "about 2 min"},
			{Label: "Rows", Value: "2,640,112", Hint: "of about 6,142,885"},
			{Label: "Read", Value: "704 MiB", Hint: "of 1.6 GiB"}, {Label: "Speed", Value: "9.8 MiB/s", Hint: "36,700 rows/s"},
			{Label: "Uploaded", Value: "121 MiB", Hint: "to all providers; 118 of 402 pieces new"},
		},
		Steps: []views.Step{{Name: "Checking", State: "done"}, {Name: "Snapshot", State: "done"},
			{Name: "Reading", State: "now"}, {Name: "Catching up"}, {Name: "Publishing"}},
		Tiers: []views.LiveTier{
			{ID: "tier-critical", Name: "Critical", Goal: "", Open: true, Bar: bar("Critical", 100),
				Sum: "4 of 4 tables · 58,214 rows · 21.4 MiB", Tables: []views.LiveTable{
					table("users", 100, "12,004", "4.2 MiB", "", ""), table("suppliers", 100, "8,112", "3.9 MiB", "", ""),
					table("clients", 100, "38,058", "13 MiB", "", ""), table("organizations", 100, "40", "48 KiB", "", ""),
				}},
			{ID: "tier-high", Name: "High", Open: true, Bar: bar("High", 61),
				Sum: "2 of 5 tables · 734,776 of 1,204,551 rows · 14.2 MiB/s · 24 s left", Tables: []views.LiveTable{
					table("audit_logs", 64, "601,220 of 940,000", "301 of 470 MiB", "9.9 MiB/s", "17 s"),
					table("files", 100, "88,120", "41 MiB", "", ""),
					table("payments", 12, "4,400 of 36,000", "2 of 17 MiB", "4.3 MiB/s", "4 s"),
					table("journey_instances", 0, "0 of 91,000", "0 of 62 MiB", "", ""),
				}},
			{ID: "tier-standard", Name: "Standard", Bar: bar("Standard", 0), Sum: "0 of 29 tables · waiting",
				More: "and 26 more tables",
				Tables: []views.LiveTable{table(
					"a_schema_with_a_name.a_table_with_quite_a_long_name_that_somebody_generated_from_code", 0, "0 of 1,900,000",
					"0 of 402 MiB", "", "")}},
		},
		Providers: []views.LiveProvider{
			{Name: "local", State: ui.Chip{Tone: ui.ToneRun, Text: "Keeping up"}, Confirmed: "402", Lag: "0", Bytes: "121 MiB"},
			{Name: "supabase", State: ui.Chip{Tone: ui.ToneWarn, Text: "Lagging"}, Confirmed: "311", Lag: "91", Bytes: "88 MiB"},
			{Name: "offsite", State: ui.Chip{Tone: ui.ToneBad, Text: "Failed"}, Confirmed: "120", Lag: "282", Bytes: "31 MiB",
				Error: "403 Forbidden from the bucket backups-eu: the service account may not create objects"},
		},
	}
}

func operationQueued(theme string) views.Operation {
	o := operationBase(theme)
	o.State, o.Running, o.CanCancel = ui.Chip{Tone: ui.ToneMute, Text: "Waiting"}, true, true
	o.Log.Lines = nil
	o.Live = views.Live{Tone: ui.ToneRun, Headline: "Waiting for a worker",
		Sub: "It starts by itself, usually within a few seconds.",
		Bar: ui.Bar{Label: "Not started yet", Tone: ui.ToneRun, Size: "big"}}
	return o
}

func operationRunning(theme string) views.Operation {
	o := operationBase(theme)
	o.State, o.Running, o.CanCancel, o.Live = ui.Chip{Tone: ui.ToneRun, Text: "Running"}, true, true, live(ui.ToneRun, 43)
	return o
}

func copies(bad bool) []views.Copy {
	ok := ui.Chip{Tone: ui.ToneOK, Text: "Confirmed"}
	list := []views.Copy{{Provider: "local", Medium: "disk", Place: "here", State: ok},
		{Provider: "supabase", Medium: "supabase", Place: "eu-west-1", State: ok},
		{Provider: "offsite", Medium: "gcs", Place: "europe-west3, away from here", State: ok}}
	if bad {
		list[2].State, list[2].Error = ui.Chip{Tone: ui.ToneBad, Text: "Missing"},
			"403 Forbidden: the service account may not create objects"
	}
	return list
}

func operationDone(theme string) views.Operation {
	o := operationBase(theme)
	o.State = ui.Chip{Tone: ui.ToneWarn, Text: "Done, not fully protected"}
	o.Live = live(ui.ToneOK, 100)
	o.Result = &views.Result{
		Tone: ui.ToneWarn, Title: "Saved, but not fully protected",
		Text: "The recovery point can be restored, but it would not survive every loss: 1 of 3 copies is missing " +
			"(offsite); no offsite copy. Once offsite works, repair: that copies there what it lacks.",
		Figures: []ui.Figure{{Label: "Took", Value: "2 min 51 s"}, {Label: "Tables", Value: "38"},
			{Label: "Rows", Value: "6,142,885"}, {Label: "Read", Value: "1.6 GiB"},
			{Label: "New", Value: "241 MiB", Hint: "that no provider held"},
			{Label: "Uploaded", Value: "723 MiB", Hint: "to all providers together"}, {Label: "Already stored", Value: "61 %"},
			{Label: "Memory", Value: "142 MiB", Hint: "at most"}},
		Copies: copies(true), Lacks: "no offsite copy",
		NotCarried: []views.NotCarried{{Kind: "foreign table", Name: "analytics.clicks",
			Reason: "Its rows live on another server; only its definition is kept."},
			{Kind: "unlogged table", Name: "public.session_cache",
				Reason: "Unlogged tables are lost at a crash by design; only the definition is kept."}},
		Next: []views.NextStep{{Text: "Open the recovery point", URL: "#"}},
	}
	return o
}

func operationExceptions(theme string) views.Operation {
	o := operationBase(theme)
	o.Title, o.State, o.Live = "Restore to wedsync_restored", ui.Chip{Tone: ui.ToneBad, Text: "Restored with exceptions"},
		live(ui.ToneOK, 100)
	grant := views.Exception{Kind: ui.Chip{Tone: ui.ToneWarn, Text: "grant"}, Object: "TABLE guests in schema public",
		Error: "Role \"app\" does not exist.", Code: "SQLSTATE 42704",
		Means: "Nobody has this right. Create the role and run the statement.",
		SQL:   "GRANT SELECT ON TABLE public.guests TO app"}
	policy := views.Exception{Kind: ui.Chip{Tone: ui.ToneWarn, Text: "comment"},
		Object: "POLICY own ON guests in schema public", Error: "Policy \"own\" for table \"guests\" does not exist.",
		Code: "SQLSTATE 42704", Because: "policy public.guests own", Means: "No row and no rule is missing.",
		SQL: "COMMENT ON POLICY own ON public.guests IS '…'",
		Note: "Texts in quotes and what is very long are not shown; keepsake schema 20261129-080000 --entry 3365 " +
			"prints it whole."}
	lost := views.Exception{Kind: ui.Chip{Tone: ui.ToneBad, Text: "table rows"}, Object: "public.venues",
		Error:   "The table could not be made; its 1412 rows are not in the new database.",
		Because: "table public.venues", Means: "The rows of this table are in the recovery point and not in the new " +
			"database. Remove the cause and restore again, into another database."}
	o.Result = &views.Result{Tone: ui.ToneBad, Title: "Restored with exceptions",
		Text: "The rows of 1 table could not be restored, and 42 things could not be made. Do not take this " +
			"database for whole.",
		Figures: []ui.Figure{{Label: "Took", Value: "41 s"}, {Label: "Tables", Value: "37"},
			{Label: "Rows", Value: "6,141,473"}},
		Exceptions: &views.Exceptions{Count: "43 things", First: []views.Exception{lost, grant, policy},
			More: []views.Exception{grant, policy, grant}, Fold: "The other 40"},
		Next: []views.NextStep{{Text: "Open the recovery point", URL: "#"}}}
	return o
}

func operationFailed(theme string) views.Operation {
	o := operationBase(theme)
	o.State, o.Live = ui.Chip{Tone: ui.ToneBad, Text: "Failed"}, live(ui.ToneBad, 43)
	o.Live.Steps[2].State = "failed"
	o.Result = &views.Result{Tone: ui.ToneBad, Title: "The backup failed",
		Text: "The platform closed the connection while audit_logs was being read. No recovery point was made; earlier " +
			"ones are untouched. What was uploaded is used by the next attempt.",
		Next: []views.NextStep{{Text: "Try again", URL: "#"}}}
	return o
}

func operationCancelled(theme string) views.Operation {
	o := operationBase(theme)
	o.State, o.Live = ui.Chip{Tone: ui.ToneMute, Text: "Cancelled"}, live(ui.ToneMute, 43)
	o.Result = &views.Result{Tone: ui.ToneMute, Title: "The backup was cancelled",
		Text: "amelia.hart@wedsync.example stopped it. No recovery point was made; earlier ones are untouched."}
	return o
}

func operationVerify(theme string) views.Operation {
	o := operationBase(theme)
	o.Title, o.State, o.Live = "Deep verification", ui.Chip{Tone: ui.ToneBad, Text: "Damage found"}, views.Live{}
	o.Result = &views.Result{Tone: ui.ToneBad, Title: "Damage found",
		Text: "One object is damaged at one provider. Another provider still has a good copy, so nothing is lost.",
		Figures: []ui.Figure{{Label: "Objects checked", Value: "12,204"}, {Label: "Read", Value: "3.1 GiB"},
			{Label: "Took", Value: "4 min 2 s"}},
		Findings: []views.Finding{{Kind: ui.Chip{Tone: ui.ToneBad, Text: "Damage"}, Provider: "local",
			Object:  "chunks/ab/abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
			Problem: "The checksum differs: a bit flipped on this disk. Copy it again from another provider."},
			{Kind: ui.Chip{Tone: ui.ToneWarn, Text: "Not reachable"}, Provider: "offsite", Object: "",
				Problem: "The provider could not be asked: 403 Forbidden."}}}
	return o
}

func duties(theme string) views.Duties {
	ago, soon := when("Mon 23 Nov 2026, 07:05 UTC", "3 min ago"), when("Mon 23 Nov 2026, 07:15 UTC", "in 7 min")
	ok := ui.Chip{Tone: ui.ToneOK, Text: "Done"}
	return views.Duties{Shell: shell(theme, "Duties", "operations"), Rows: []views.DutyRow{
		{Does: "Check the providers", Every: "every 30 s", State: ok, Last: ago,
			NextText: "Each worker does it by itself, every 30 s"},
		{Does: "Back up for weddings that reach a milestone", Every: "every 10 min", State: ok, Last: ago, Next: soon},
		{Does: "Seal the audit trail into the repository", Every: "every 30 s",
			State: ui.Chip{Tone: ui.ToneBad, Text: "Failed"}, Last: ago, Next: soon, Message: long(3)},
		{Does: "Store in the repository who may sign in without the console database", Every: "every 10 min",
			State: ui.Chip{Tone: ui.ToneRun, Text: "Running"}, Last: ago, NextText: "Now"},
		{Does: "End restores that nobody approved in time", Every: "every 1 min", State: ok, Last: ago, Next: ago,
			Late: true},
		{Does: "Remove ended sessions", Every: "every 1 h", State: ui.Chip{Tone: ui.ToneMute, Text: "Not yet"},
			NextText: "When a worker runs"},
	}}
}

func cancel(theme string) views.Cancel {
	return views.Cancel{Shell: shell(theme, "Cancel", "operations"), ID: "x", Title: "Cancel this full backup?",
		BackURL: "#",
		Text: []string{"It is 43 % done. No recovery point will be made. Earlier recovery points stay as they are.",
			"What was uploaded already is used by the next backup, so little is lost."}}
}

func operations(theme string, n int) views.Operations {
	vm := views.Operations{Shell: shell(theme, "Operations", "operations"), Next: "?cursor=x", Count: "The 12 newest"}
	states := []ui.Chip{{Tone: ui.ToneRun, Text: "Running"}, {Tone: ui.ToneOK, Text: "Done"},
		{Tone: ui.ToneWarn, Text: "Not fully protected"}, {Tone: ui.ToneBad, Text: "Failed"},
		{Tone: ui.ToneMute, Text: "Cancelled"}}
	titles := []string{"Full backup", "Incremental backup", "Deep verification", "Restore to wedsync_restored"}
	for i := range n {
		row := views.OperationRow{URL: "#", Title: titles[i%len(titles)], By: "amelia.hart@wedsync.example",
			State: states[i%len(states)], When: when("Mon 23 Nov 2026, 07:05 UTC", fmt.Sprintf("%d h ago", i+1)),
			Took: "2 min 51 s", Size: "1.6 GiB"}
		if i == 1 {
			row.Note = long(6)
		}
		vm.Rows = append(vm.Rows, row)
	}
	return vm
}

// approvalStories are a restore of everything that waits for a second person, as each of them sees it.
func approvalStories() map[string]story {
	page := func(change func(*views.Approval)) story {
		return func(theme string) templ.Component {
			o := operationQueued(theme)
			o.Title, o.State = "Restore to wedsync_restored", ui.Chip{Tone: ui.ToneWarn, Text: "Waits for approval"}
			o.Live.Headline, o.Live.Sub, o.Live.Tone = "Waits for approval",
				"Another super admin must approve it before it starts.", ui.ToneWarn
			o.Approval = &views.Approval{ID: o.ID,
				By: "an-extraordinarily-long-address-of-somebody@subsidiary.of.a.large.hotel-group.example", May: true,
				Until: when("Tue 24 Nov 2026, 07:05 UTC", "in 23 h"),
				Text:  "It fills a new database with everything the recovery point holds. The running platform is not touched."}
			change(o.Approval)
			return views.OperationPage(o)
		}
	}
	return map[string]story{
		"approval":       page(func(*views.Approval) {}),
		"approval-own":   page(func(a *views.Approval) { a.Own = true }),
		"approval-proof": page(func(a *views.Approval) { a.Proof = true }),
	}
}
