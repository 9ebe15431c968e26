package main

import (
	"fmt"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

func points(theme string, n int) views.Points {
	vm := views.Points{Shell: shell(theme, "Recovery points", "points"), Next: "?cursor=x",
		Count: fmt.Sprintf("%d shown", n)}
	for i := range n {
		row := views.PointRow{URL: "#", Type: "Incremental",
			When:  when(fmt.Sprintf("Mon 23 Nov 2026, %02d:05 UTC", (24-i%24)%24), fmt.Sprintf("%d h ago", i+1)),
			State: ui.Chip{Tone: ui.ToneOK, Text: "Protected"}, Tables: "38 tables", Rows: "6,142,885", Size: "402 MiB",
			New: "12.4 MiB"}
		if i%4 == 1 {
			row.Type, row.Note = "Full", "before the new invoice module"
		}
		if i%4 == 2 {
			row.State, row.Lacks = ui.Chip{Tone: ui.ToneWarn, Text: "Not fully protected"}, "no offsite copy"
		}
		vm.Rows = append(vm.Rows, row)
	}
	return vm
}

func point(theme string) views.Point {
	hash := "9f3c2a7d11e04b6c8a5d77e2f0c1b394"
	table := func(name string) views.PointTable {
		return views.PointTable{Name: name, Rows: "38,058", Size: "13 MiB", Stored: "3.1 MiB", Shared: "92 %",
			Chunks: "11 of 12 pieces", Hash: hash, HashShort: hash[:12]}
	}
	return views.Point{
		Shell: shell(theme, "Recovery point", "points"), ID: "20261123T070500Z-abc", Title: "Mon 23 Nov 2026, 07:05 UTC",
		When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Type: "Full", Note: "before the new invoice module", State: ui.Chip{Tone: ui.ToneWarn, Text: "Not fully protected"},
		Figures: []ui.Figure{{Label: "Tables", Value: "38"}, {Label: "Rows", Value: "6,142,885"},
			{Label: "Size", Value: "1.6 GiB", Hint: "before compression"},
			{Label: "Stored", Value: "402 MiB", Hint: "at each provider"},
			{Label: "Already stored", Value: "61 %", Hint: "shared with earlier points"}, {Label: "Added", Value: "12.4 MiB"},
			{Label: "Took", Value: "2 min 51 s"}},
		Copies: copies(true), Lacks: "no offsite copy",
		Tests: []views.PointTest{{Name: "Deep verification", URL: "#", State: ui.Chip{Tone: ui.ToneOK, Text: "Passed"},
			When: when("", "2 h ago"), Text: " · took 4 min"}},
		Tiers: []views.PointTier{
			{ID: "pt-critical", Name: "Critical", Open: true, Sum: "4 tables · 58,214 rows · 21.4 MiB",
				Tables: []views.PointTable{table("users"), table("suppliers"), table("clients"), table("organizations")}},
			{ID: "pt-high", Name: "High", Sum: "5 tables · 1,204,551 rows · 612 MiB",
				Tables: []views.PointTable{table("audit_logs"), table("files")}},
			{ID: "pt-standard", Name: "Standard", Sum: "29 tables · 4,880,120 rows · 980 MiB",
				Tables: []views.PointTable{table("a_schema_with_a_name.a_table_with_quite_a_long_name_that_somebody_generated")}},
		},
		Facts: []ui.Fact{{Label: "Database", Value: "wedsync"}, {Label: "Server", Value: "PostgreSQL 15.4"},
			{Label: "Schema", Value: "84 KiB, kept as a pg_dump archive"},
			{Label: "Log position", Value: "0/5A3F2B8", Mono: true},
			{Label: "Number", Value: "20261123T070500Z-4f1c9b2e77aa", Mono: true}},
		NotCarried: []views.NotCarried{{Kind: "foreign table", Name: "analytics.clicks",
			Reason: "Its rows live on another server; only its definition is kept."}},
		Log: operationBase(theme).Log,
	}
}

func restore(theme string, errs map[string]string) views.RestoreForm {
	return views.RestoreForm{
		Shell: shell(theme, "Restore", "points"), PointID: "p", Title: "Restore to a new database",
		Targets: []views.TargetOption{{Value: "platform", Name: "platform",
			Text: "The server that the platform itself runs on", Checked: true},
			{Value: "spare", Name: "spare", Text: "A configured server"}}, Database: "wedsync_restored_20261123",
		Facts: []ui.Fact{{Label: "Moment", Value: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)"},
			{Label: "Type", Value: "Full"}, {Label: "Tables", Value: "38"}, {Label: "Rows", Value: "6,142,885"},
			{Label: "Size", Value: "1.6 GiB"}, {Label: "Copies", Value: "local, supabase"}},
		Options: []views.ProviderOption{{Name: "local", Text: "local (disk)"}, {Name: "supabase", Text: "supabase"}},
		Tiers: []views.TierOption{{Value: "critical", Name: "Critical", Text: "users, suppliers, clients, organizations",
			Checked: true}, {Value: "high", Name: "High", Text: "forms, journeys, audit logs, files, payments", Checked: true},
			{Value: "standard", Name: "Standard", Text: "everything else", Checked: true}},
		Errors: errs,
	}
}

func restoreConfirm(theme string) views.RestoreConfirm {
	return views.RestoreConfirm{
		Shell: shell(theme, "Confirm the restore", "points"), PointID: "p", Title: "Restore this recovery point?",
		Word: "wedsync_restored_20261123", Fields: []views.Field{{Name: "target", Value: "platform"}}, BackURL: "#",
		Facts: []ui.Fact{{Label: "Moment", Value: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)"},
			{Label: "Into", Value: "wedsync_restored_20261123 on db.wedsync.example:5432"}, {Label: "What", Value: "everything"},
			{Label: "Read from", Value: "the best provider"}},
		Lines: []string{"The database is created if it is not there. If it is there and holds anything, the restore stops " +
			"before writing.", "Every table's rows are counted and compared with the recovery point at the end.",
			"The running platform is not touched."},
	}
}
