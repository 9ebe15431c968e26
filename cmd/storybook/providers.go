package main

import (
	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// providerStories show a provider's card in every state that it can be in.
func providerStories() map[string]story {
	return map[string]story{
		"dashboard-providers":   func(t string) templ.Component { return views.DashboardPage(dashboardProviders(t)) },
		"operation-repair-left": func(t string) templ.Component { return views.OperationPage(operationRepairLeft(t)) },
	}
}

func dashboardProviders(theme string) views.Dashboard {
	chip := func(tone ui.Tone, text string) ui.Chip { return ui.Chip{Tone: tone, Text: text} }
	fails := chip(ui.ToneBad, "Fails")
	d := dashboardAlarm(theme)
	d.Shell.Banner = ""
	d.Providers = []views.ProviderCard{
		{Name: "works", Medium: "disk", Place: "here", Icon: "folder", State: chip(ui.ToneOK, "Works"),
			Lines: []string{"214 recovery points, the newest confirmed 12 min ago", "Checked 40 s ago",
				"Written to, and read back, 3 min ago"}},
		{Name: "behind", Medium: "supabase", Place: "eu-west-1", Icon: "database",
			State: chip(ui.ToneWarn, "Works, lacks the newest"), Repair: true,
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago",
				"Written to, and read back, 40 s ago"}},
		{Name: "fails", Medium: "gcs", Place: "europe-west3, away from here", Icon: "cloud", State: fails,
			Error: "In the backup of 23 Nov 07:05 UTC it got no copy. The store refused access, so copies there cannot be " +
				"relied on. The credentials are wrong, or lack the right to read, list or write in this bucket. Correct them, or " +
				"give them that right.",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago"}},
		{Name: "away", Medium: "s3", Place: "eu-central-1", Icon: "cloud", State: fails,
			Error: "It did not answer for 8 s while it was asked for keepsake.json, so it was given up for now. It hangs or " +
				"is overloaded, or the network to it is down. See to that, then run keepsake repair.",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago",
				"Written to, and read back, 2 h ago"}},
		{Name: "unmounted-disk-with-a-name-that-is-rather-long", Medium: "disk", Place: "here", Icon: "folder", State: fails,
			Error: "Its directory is not there, so it takes no copies and gives none. Mount its disk, or bring the " +
				"directory back.",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago"}},
		{Name: "somebody-elses", Medium: "s3", Place: "eu-west-1", Icon: "cloud", State: fails,
			Error: "Its identity is of repository 5f0c1e3b9d7a42c68e1f0a2b4c6d8e90, and not of " +
				"c25a11b4019ead37eeda380106b6fd0d. Give it an empty place of its own.",
			Lines: []string{"No recovery point confirmed yet", "Checked 40 s ago"}},
		{Name: "new", Medium: "gcs", Place: "europe-west1, away from here", Icon: "cloud",
			State: chip(ui.ToneMute, "Not checked yet"), Lines: []string{"No recovery point confirmed yet"}},
	}
	return d
}

// operationRepairLeft is a repair that mended one provider and could not mend another.
func operationRepairLeft(theme string) views.Operation {
	o := operationBase(theme)
	o.Title, o.State, o.Live = "Repair", ui.Chip{Tone: ui.ToneWarn, Text: "Done, not everything"}, live(ui.ToneOK, 100)
	left := ui.Chip{Tone: ui.ToneWarn, Text: "Remains"}
	o.Result = &views.Result{
		Tone: ui.ToneWarn, Title: "Not everything could be repaired",
		Text: "What could be copied was. Provider offsite still lacks 2 objects. The recovery point could not be completed " +
			"there. The disk is full, so it takes no new copies. " +
			"Free some space or enlarge it, then run keepsake repair.",
		Figures: []ui.Figure{{Label: "Took", Value: "12 s"}, {Label: "Recovery points", Value: "3"},
			{Label: "Objects copied", Value: "41"}, {Label: "Copied", Value: "96 MiB"}},
		Findings: []views.Finding{
			{Kind: left, Provider: "offsite", Object: "manifests/20261123T070500Z-4f2a9c1e7b3d",
				Problem: "The recovery point could not be completed there. The disk is full, so it takes no new copies."},
			{Kind: left, Provider: "offsite", Object: "notes/audit/20261123T070500Z-4f2a9c1e7b3d",
				Problem: "What it lacks there could not be copied. The disk is full, so it takes no new copies."},
			{Kind: ui.Chip{Tone: ui.ToneOK, Text: "Repaired"}, Provider: "supabase",
				Object: "chunks/4f/4f2a9c1e7b3d5f60718293a4b5c6d7e8", Problem: "The object was missing."},
		},
		Next: []views.NextStep{{Text: "See the providers", URL: "/#providers"}},
	}
	return o
}
