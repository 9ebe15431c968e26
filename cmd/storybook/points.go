package main

import (
	"fmt"
	"time"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

func restore(theme string, errs map[string]string) views.RestoreForm {
	return views.RestoreForm{
		Shell:   shell(theme, "Restore", "points"),
		PointID: "p",
		Title:   "Restore to a new database",
		Targets: []views.TargetOption{{
			Value:   "platform",
			Name:    "platform",
			Text:    "The server that the platform itself runs on",
			Checked: true,
		},
			{Value: "spare", Name: "spare", Text: "A configured server"}},
		Database: "wedsync_restored_20261123",
		Facts: []ui.Fact{{Label: "Moment", Value: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)"},
			{Label: "Type", Value: "Full"}, {Label: "Tables", Value: "38"}, {Label: "Rows", Value: "6,142,885"},
			{Label: "Size", Value: "1.6 GiB"}, {Label: "Copies", Value: "local, supabase"}},
		Options: []views.ProviderOption{{Name: "local", Text: "local (disk)"}, {Name: "supabase", Text: "supabase"}},
		Tiers: []views.TierOption{{
			Value:   "critical",
			Name:    "Critical",
			Text:    "users, suppliers, clients, organizations",
			Checked: true,
		}, {Value: "high", Name: "High", Text: "forms, journeys, audit logs, files, payments", Checked: true},
			{Value: "standard", Name: "Standard", Text: "everything else", Checked: true}},
		Errors: errs,
	}
}

func restoreConfirm(theme string) views.RestoreConfirm {
	return views.RestoreConfirm{
		Shell:   shell(theme, "Confirm the restore", "points"),
		PointID: "p",
		Title:   "Restore this recovery point?",
		Word:    "wedsync_restored_20261123",
		Fields:  []views.Field{{Name: "target", Value: "platform"}},
		BackURL: "#",
		Facts: []ui.Fact{{Label: "Moment", Value: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)"},
			{Label: "Into", Value: "wedsync_restored_20261123 on db.wedsync.example:5432"}, {Label: "What", Value: "everything"},
			{Label: "Read from", Value: "the best provider"}},
		Lines: []string{"The database is created if it is not there. If it is there and holds anything, the restore stops " +
			"before writing.", "Every table's rows are counted and compared with the recovery point at the end.",
			"The running platform is not touched."},
	}
}

func points(theme string, n int) views.Points {
	var list []console.Point
	for i := range n {
		p := pointAt(i, i%4 != 2)
		if i%4 == 1 {
			p.Type, p.Note = string(keepsake.BackupFull), "before the new invoice module"
		}
		list = append(list, p)
	}
	vm := draw.Points(shell(theme, "Recovery points", "points"), list, clock)
	vm.Next, vm.Count = "?cursor=x", fmt.Sprintf("The newest %d", n)
	return vm
}

func point(theme string) views.Point {
	p := pointAt(0, false)
	p.Type, p.Note = string(keepsake.BackupFull), "before the new invoice module"
	test := console.PointTest{
		Kind:      "deep_verify",
		Operation: operationID,
		At:        now.Add(-2 * time.Hour),
		OK:        true,
		Seconds:   242,
	}
	p.LastTest = &test
	table := func(tier keepsake.Tier, schema, name string) engine.PointTable {
		return engine.PointTable{
			Schema:      schema,
			Name:        name,
			Tier:        string(tier),
			Kind:        "table",
			Rows:        38_058,
			Bytes:       13_631_488,
			BytesStored: 3_250_585,
			Chunks:      12,
			ChunksNew:   1,
			Hash:        "9f3c2a7d11e04b6c8a5d77e2f0c1b394",
		}
	}
	detail := &engine.PointDetail{Point: p.Point, LSN: "0/5A3F2B8", SchemaSize: 86_016, NotCarried: notCarried()}
	for _, name := range []string{"users", "suppliers", "clients", "organizations"} {
		detail.TableList = append(detail.TableList, table(keepsake.TierCritical, "public", name))
	}
	detail.TableList = append(detail.TableList, table(keepsake.TierHigh, "public", "audit_logs"),
		table(keepsake.TierHigh, "public", "files"), table(keepsake.TierStandard, "a_schema_with_a_name", longTable))
	vm := draw.Point(shell(theme, "Recovery point", "points"), console.PointDetail{
		Point:          p,
		Detail:         detail,
		Tests:          []console.PointTest{test},
		RestoreSeconds: 192,
	}, logLines(), clock)
	vm.Live = true
	return vm
}
