package main

import (
	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// providerStories show a provider's card in every state that it can be in.
func providerStories() map[string]story {
	return map[string]story{
		"dashboard-providers": func(t string) templ.Component { return views.DashboardPage(dashboardProviders(t)) },
	}
}

func dashboardProviders(theme string) views.Dashboard {
	chip := func(tone ui.Tone, text string) ui.Chip { return ui.Chip{Tone: tone, Text: text} }
	fails := chip(ui.ToneBad, "Fails")
	d := dashboardAlarm(theme)
	d.Shell.Banner = ""
	d.Providers = []views.ProviderCard{
		{Name: "works", Medium: "disk", Place: "here", Icon: "folder", State: chip(ui.ToneOK, "Works"),
			Lines: []string{"214 recovery points, the newest confirmed 12 min ago", "Checked 40 s ago", "Written to, and read back, 3 min ago"}},
		{Name: "behind", Medium: "supabase", Place: "eu-west-1", Icon: "database", State: chip(ui.ToneWarn, "Works, lacks the newest"), Repair: true,
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago", "Written to, and read back, 40 s ago"}},
		{Name: "fails", Medium: "gcs", Place: "europe-west3, away from here", Icon: "cloud", State: fails,
			Error: "In the backup of 23 Nov 07:05 UTC it got no copy: the bucket backups-eu answers 403: the service account lost its right to create objects. Give it roles/storage.objectCreator.",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago"}},
		{Name: "away", Medium: "s3", Place: "eu-central-1", Icon: "cloud", State: fails, Error: "it did not answer for 8 s while it was asked for keepsake.json",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago", "Written to, and read back, 2 h ago"}},
		{Name: "unmounted-disk-with-a-name-that-is-rather-long", Medium: "disk", Place: "here", Icon: "folder", State: fails,
			Error: "its directory /mnt/keepsake-second-copy-of-everything/repository is not there: its disk is not mounted, or it was moved away",
			Lines: []string{"213 recovery points, the newest confirmed 1 h ago", "Checked 40 s ago"}},
		{Name: "somebody-elses", Medium: "s3", Place: "eu-west-1", Icon: "cloud", State: fails,
			Error: "its identity is of repository 5f0c1e3b9d7a42c68e1f0a2b4c6d8e90, and not of c25a11b4019ead37eeda380106b6fd0d: give it an empty place of its own",
			Lines: []string{"No recovery point confirmed yet", "Checked 40 s ago"}},
		{Name: "new", Medium: "gcs", Place: "europe-west1, away from here", Icon: "cloud", State: chip(ui.ToneMute, "Not checked yet"), Lines: []string{"No recovery point confirmed yet"}},
	}
	return d
}
