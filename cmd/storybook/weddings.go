package main

import (
	"fmt"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

const longCouple = "Wilhelmina Alexandrina van den Berg-Szczepańska & Maximilian Øvergård de la Cruz"

// weddingStories are the pages about weddings and what comes back into the live platform.
func weddingStories() map[string]story {
	return map[string]story{
		"weddings":          func(t string) templ.Component { return views.WeddingsPage(weddings(t, 12)) },
		"weddings-empty":    func(t string) templ.Component { return views.WeddingsPage(weddings(t, 0)) },
		"weddings-2000":     func(t string) templ.Component { return views.WeddingsPage(weddings(t, 2000)) },
		"wedding":           func(t string) templ.Component { return views.OneWeddingPage(wedding(t)) },
		"wedding-gone":      func(t string) templ.Component { return views.OneWeddingPage(weddingGone(t)) },
		"wedding-changes":   func(t string) templ.Component { return views.WeddingChangesPage(changes(t)) },
		"wedding-then":      func(t string) templ.Component { return views.WeddingThenPage(then(t)) },
		"contacts":          func(t string) templ.Component { return views.ContactsPage(contacts(t, 5)) },
		"contacts-empty":    func(t string) templ.Component { return views.ContactsPage(contacts(t, 0)) },
		"emergency":         func(t string) templ.Component { return views.EmergencyPage(emergency(t, false)) },
		"emergency-standby": func(t string) templ.Component { return views.EmergencyPage(emergency(t, true)) },
		"organizations":     func(t string) templ.Component { return views.OrganizationsPage(organizations(t, 8)) },
		"organizations-empty": func(t string) templ.Component {
			return views.OrganizationsPage(organizations(t, 0))
		},
		"scope":             func(t string) templ.Component { return views.ScopePage(scopeOf(t)) },
		"scope-choice":      func(t string) templ.Component { return views.ScopeChoicePage(scopeChoice(t)) },
		"scope-preview":     func(t string) templ.Component { return views.ScopePreviewPage(scopePreview(t, 3)) },
		"scope-nothing":     func(t string) templ.Component { return views.ScopePreviewPage(scopePreview(t, 0)) },
		"scope-rows":        func(t string) templ.Component { return views.ScopeRowsPage(scopeRows(t)) },
		"cannot-bring-back": func(t string) templ.Component { return views.CannotBringBackPage(cannotBringBack(t)) },
		"nothing-saved": func(t string) templ.Component {
			return views.NothingSavedPage(views.NothingSaved{Shell: shell(t, "Nothing is saved yet", "weddings"),
				BackURL: "/points", BackText: "All recovery points"})
		},
		"undo-ask":       func(t string) templ.Component { return views.UndoAskPage(undoAsk(t)) },
		"scope-restored": func(t string) templ.Component { return views.ScopeRestorePage(scopeRestored(t)) },
	}
}

func couple(i int) views.Wedding {
	w := views.Wedding{URL: fmt.Sprintf("/weddings/%d", i), Couple: fmt.Sprintf("Anaïs & Arjun %d", i),
		Organization: "The Orchard Barn", Date: "Sat 28 Nov 2026", Days: "5", DaysUnit: "days",
		Phase: "Preparation", Urgency: ui.Chip{Tone: ui.ToneWarn, Text: "Urgent", Icon: "clock"}}
	if i == 1 {
		w.Couple, w.Urgency = longCouple, ui.Chip{Tone: ui.ToneBad, Text: "Emergency", Icon: "alert-triangle"}
	}
	return w
}

func weddings(theme string, n int) views.Weddings {
	vm := views.Weddings{Shell: shell(theme, "Weddings", "weddings"),
		Count: fmt.Sprintf("%d of 1,204 weddings on this page", n),
		Days:  []string{"Saturday, 5 December 2026, the day read first"},
		Newest: views.WeddingPoint{URL: "/points/1", When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
			State: ui.Chip{Tone: ui.ToneOK, Text: "Protected"}}}
	for i := range n {
		vm.List = append(vm.List, views.WeddingRow{Wedding: couple(i + 1),
			Matched: []string{"Vendor: Blumen Özdemir, Łódź"}[:i%2]})
	}
	if n == 0 {
		vm.Search, vm.Searching = "nobody of this name", true
	}
	return vm
}

func wedding(theme string) views.WeddingPage {
	vm := views.WeddingPage{Shell: shell(theme, longCouple, "weddings"), Wedding: couple(1),
		Offers: offers("Vendor contacts"), ChangesURL: "/ch", MilestonesURL: "/m", BackupURL: "/b",
		Figures: []ui.Figure{{Label: "Days left", Value: "5", Hint: "Preparation"},
			{Label: "Recovery points", Value: "41", Hint: "40 protected"},
			{Label: "Would lose", Value: "12 min", Hint: "what was written since the newest one"},
			{Label: "Integrity", Value: "98 %"}},
		Milestones: []views.MilestoneRow{{Name: "Contract signed", Value: "contract_signed", Day: "Sat 4 Apr 2026",
			Away: "233 days ago"}, {Name: "Day before wedding", Value: "day_before_wedding", Day: "Fri 27 Nov 2026",
			Away: "in 4 days", Derived: true}},
		Moments: []views.PointOption{{Value: "now", Text: "now, in the live platform"},
			{Value: "1", Text: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)"}}, MorePoints: "38 more on the timeline.",
		Timeline: views.Timeline{Label: "From April to December 2026: 3 recovery points", Height: "150", Now: "0.5",
			Bands: []views.TimelineBand{{X: "0", W: "500", Center: "250", Name: "Planning", Class: "planning"},
				{X: "500", W: "450", Center: "725", Name: "Preparation", Class: "preparation"}},
			Ticks: []views.TimelineTick{{X: "120", Name: "May"}, {X: "240", Name: "Jun"}},
			Flags: []views.TimelineFlag{{X: "500", TextX: "506", TextY: "20", Anchor: "start", Name: "today", Class: "today"},
				{X: "950", TextX: "944", TextY: "36", Anchor: "end", Name: "the wedding", Class: "day"}},
			Marks: []views.TimelineMark{{X: "300", R: "7", Class: "ok", URL: "/points/1", Title: "A recovery point of 4 June"},
				{X: "490", R: "11", Class: "bad", URL: "/points/2", Title: "12 recovery points", Count: "12"}}},
	}
	for i := range 3 {
		vm.Points = append(vm.Points, views.WeddingPoint{URL: "/points/1", Type: "Incremental",
			Note:  []string{"", "before the menu was changed by somebody who wrote a very long note about it", ""}[i],
			When:  when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
			State: ui.Chip{Tone: ui.ToneOK, Text: "Protected"}, Labels: []string{"Contract signed", "app 4.2"}, ThenURL: "/t",
			ChangesURL: "/c", RestoreURL: "/r", NewURL: "/n", DaysBefore: "5 days before the wedding"})
	}
	return vm
}

// weddingGone is one that the platform has lost and recovery points know.
func weddingGone(theme string) views.WeddingPage {
	vm := wedding(theme)
	vm.Wedding.Gone, vm.BackupURL = "Gone from the platform", ""
	vm.Notices = []ui.Notice{{Tone: ui.ToneWarn, Title: "This wedding is not in the platform",
		Text: "This wedding is not in the platform any more. It is shown as the newest recovery point that holds it knows " +
			"it, and can be brought back."}}
	return vm
}

func offers(contacts string) views.WeddingOffers {
	return views.WeddingOffers{ContactsURL: "/c", ContactsText: contacts, RestoreURL: "/r",
		RestoreText: "Bring this wedding back", ThenURL: "/t"}
}

func cannotBringBack(theme string) views.CannotBringBack {
	return views.CannotBringBack{Shell: shell(theme, "Bring back", "weddings"), BackURL: "/weddings/1",
		BackText: "Back to the wedding", Address: "/weddings/1/restore", Name: longCouple,
		Notice: ui.Notice{Tone: ui.ToneBad, Title: "The platform does not answer",
			Text: "db.wedsync.example:5432/wedsync cannot be reached: is the server running and the address right? Nothing " +
				"can be brought back into it now; nothing was changed."},
		Offers: views.WeddingOffers{ContactsURL: "/c", ContactsText: "Vendor contacts now", ThenURL: "/t", ElsewhereURL: "/e",
			ExportURL: "/x"}}
}

func rows(n int) []views.PreviewRow {
	var out []views.PreviewRow
	for i := range n {
		r := views.PreviewRow{Value: fmt.Sprintf("public.guests id %d", i), Key: fmt.Sprintf("id %d", i),
			What: ui.Chip{Tone: ui.ToneOK, Text: "comes back"},
			Cells: []views.PreviewCell{{Column: "id", After: fmt.Sprint(i)},
				{Column: "name", After: "Guest with <markup> & a name that is so long that it has to be broken somewhere, " +
					"whereverthatmaybe"}, {Column: "dietary", After: "—"}}}
		switch i % 3 {
		case 1:
			r.What, r.Newer = ui.Chip{Tone: ui.ToneWarn, Text: "changes back"}, true
			r.Cells = []views.PreviewCell{{Column: "answer", Before: "declined", After: "attending", Changed: true}}
		case 2:
			r.Refused = "another row has the same email, which must be unique (guests_email_key)"
		}
		out = append(out, r)
	}
	return out
}

func table(n int) views.PreviewTable {
	return views.PreviewTable{Name: "guests", Sum: "3 back · 1 changed · 0 removed · 117 unchanged · 1 refused",
		Notes: []string{"the column diet was added since: rows that are brought back get its default"},
		Rows:  rows(n), More: "74 more rows", MoreURL: "/weddings/1/restore/rows?table=public.guests&from=50",
		AllValue: "public.guests *"}
}

func options() []views.PointOption {
	return []views.PointOption{{Value: "1", Text: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)", Selected: true},
		{Value: "2", Text: "Sun 22 Nov 2026, 22:00 UTC (9 h ago), not protected"}}
}

func scopePreview(theme string, n int) views.ScopePreview {
	vm := views.ScopePreview{Shell: shell(theme, "Bring back", "weddings"), BackURL: "/weddings/1",
		BackText: "Back to the wedding", Action: "/weddings/1/restore", Noun: "wedding", Name: longCouple,
		PointURL: "/points/1", Fingerprint: "f00d",
		Address: "/weddings/1/restore?mode=missing&point=1", Shown: "f00d", Button: "Bring back 28 rows",
		NothingText: "Nothing of this wedding is missing.", Missing: true, Nothing: n == 0,
		When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), Points: options(), Read: "Read 7 of 95 chunks in 0.1 s.",
		Notices: []ui.Notice{{Tone: ui.ToneWarn, Title: "This is where rows went missing",
			Text: "Between Mon 23 Nov 2026, 07:05 UTC and now, 28 of 95 rows vanished. The newest safe recovery point before " +
				"that is chosen below."}},
		Figures: []ui.Figure{{Label: "Brought back", Value: "28"}, {Label: "Changed back", Value: "0"},
			{Label: "Removed", Value: "0"}, {Label: "Refused", Value: "1"}},
		Impact: []ui.Figure{{Label: "Weddings touched", Value: "1"}, {Label: "Vendors touched", Value: "2"},
			{Label: "Payments touched", Value: "3"},
			{Label: "Takes", Value: "about 1 s", Hint: "from what the comparison took"}},
		Touched:     []views.TouchedWedding{{Wedding: couple(1), Rows: "28 rows"}, {Wedding: couple(2), Rows: "1 row"}},
		TouchedMore: "and 280 more weddings"}
	if n > 0 {
		vm.Tables = []views.PreviewTable{table(n),
			{Name: "suppliers", Sum: "0 back · 0 changed · 0 removed · 5 unchanged · 0 refused", Shared: true,
				Notes: []string{"2 rows were changed since and stay as they are"}}}
	}
	return vm
}

func scopeRows(theme string) views.ScopeRows {
	return views.ScopeRows{Shell: shell(theme, "Rows of a comparison", "weddings"), Name: longCouple,
		Action: "/weddings/1/restore/review", Table: table(50), Count: "rows 51 to 100 of 124", First: "/f", Next: "/n",
		Elsewhere: []string{"public.guests id 1"}}
}

func scopeRestored(theme string) views.ScopeRestore {
	return views.ScopeRestore{Shell: shell(theme, "Restore into the platform", "weddings"), ID: "1", Name: longCouple,
		Title: "Brought back", BackURL: "/weddings/1", BackText: "To the wedding", UndoURL: "/restores/1/undo",
		UndoText: "Undo this restore…",
		When:     when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Figures: []ui.Figure{{Label: "Inserted", Value: "28"}, {Label: "Updated", Value: "0"},
			{Label: "Deleted", Value: "0"}},
		Facts: []ui.Fact{{Label: "Recovery point", Value: "20261123T070500Z-9f86d081a2b4"},
			{Label: "Mode", Value: "bring back what is missing"}}, Tables: []views.PreviewTable{table(4)},
		LeftAlone: []string{"public.guests id 2: the row was changed since"}}
}

func undoAsk(theme string) views.UndoAsk {
	return views.UndoAsk{Shell: shell(theme, "Undo a restore", "weddings"), Name: longCouple, Title: "Undo this restore?",
		Button: "Undo this restore", Keep: "Keep it as it is",
		When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), BackURL: "/restores/1", Action: "/restores/1/undo",
		Lines: []string{"Guests: 72 rows that came back are deleted again, 1 row that changed gets the values it had " +
			"before the restore.", "Clients: 3 rows that went come again."}}
}

func scopeChoice(theme string) views.ScopeChoice {
	return views.ScopeChoice{Shell: shell(theme, "Bring back", "points"), Action: "/platform/restore", Points: options(),
		Tiers: []views.TierOption{{Value: "critical", Name: "Critical tier",
			Text: "Who people are: accounts, suppliers, clients, organizations", Checked: true},
			{Value: "high", Name: "High tier", Text: "What they do"},
			{Value: "standard", Name: "Standard tier", Text: "Everything else"}}}
}

func scopeOf(theme string) views.Scope {
	return views.Scope{Shell: shell(theme, "Scope", "weddings"), Of: "wedding", Root: "public.weddings",
		Groups: []views.ScopeGroup{
			{Name: "Belongs to a wedding", Text: "Restored and rewound with it.",
				Tables: []views.ScopeTable{{Name: "public.weddings", Why: "it is the root of the scope", Key: "id"},
					{Name: "public.guests", Why: "public.guests (wedding_id) references public.weddings (id)", Key: "id"}}},
			{Name: "Not touched", Text: "No reference leads there.",
				Tables: []views.ScopeTable{{Name: "public.a_table_with_a_name_that_is_as_long_as_postgresql_lets_it_be_",
					Why: "no reference leads from it to public.weddings", Key: "id"}}}}}
}

func changes(theme string) views.WeddingChanges {
	return views.WeddingChanges{Shell: shell(theme, "What changed", "weddings"), Name: longCouple, BackURL: "/weddings/1",
		Action: "/weddings/1/changes", From: options(), To: options(),
		FromWhen: when("Sun 22 Nov 2026, 22:00 UTC", "9 h ago"), ToWhen: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Figures: []ui.Figure{{Label: "Added", Value: "1"}, {Label: "Changed", Value: "4"}, {Label: "Removed", Value: "28"}},
		Tables:  []views.PreviewTable{table(3)}, Read: "Read 14 of 190 chunks."}
}

func then(theme string) views.WeddingThen {
	return views.WeddingThen{Shell: shell(theme, "A wedding as it was", "weddings"), Name: longCouple,
		PointURL: "/points/1", BackURL: "/weddings/1/restore", CSV: "/csv", JSON: "/json", ContactsURL: "/contacts",
		Read: "Read 7 of 95 chunks.", When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Tables: []views.ThenTable{{Name: "Guests", Count: "120 rows", More: "70 more rows",
			Columns: []string{"id", "name", "answer", "a_column_with_a_long_name"},
			Rows: [][]string{{"1", "Ada <b>Lovelace</b>", "attending", "—"},
				{"2", "Ben", "declined", "a value that goes on and on"}}},
			{Name: "Suppliers", Count: "1 row", Shared: true, Columns: []string{"id", "name"},
				Rows: [][]string{{"1", "Rose & Thistle"}}}}}
}

func contacts(theme string, n int) views.Contacts {
	vm := views.Contacts{Shell: shell(theme, "Vendors", "emergency"), Name: longCouple, PointURL: "/points/1",
		When: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), CSV: "/csv", VCard: "/vcf", RestoreURL: "/weddings/1/restore"}
	for i := range n {
		c := views.Contact{Kind: "florist", Name: fmt.Sprintf("Rose & Thistle %d", i+1), Who: "Ada O'Brien", Place: "Bath",
			Phone: "+44 1632 960001", Tel: "tel:+441632960001", Email: "hello@a-very-long-domain-name-of-a-florist.example",
			Mail: "mailto:hello@example.org"}
		if i == 1 {
			c.Phone, c.Email = "", ""
		}
		vm.List = append(vm.List, c)
	}
	return vm
}

func emergency(theme string, standby bool) views.Emergency {
	vm := views.Emergency{Shell: shell(theme, "Emergency", "emergency"),
		Newest: when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"), NewestURL: "/points/1", WholeURL: "/points/1/restore",
		CriticalURL: "/platform/restore?tier=critical"}
	row := func(i int) views.EmergencyWedding {
		return views.EmergencyWedding{Wedding: couple(i), Offers: offers("Vendor contacts now")}
	}
	vm.Groups = []views.EmergencyGroup{{ID: "now", Title: "Today: 1 wedding", Urgent: true,
		First: []views.EmergencyWedding{row(1)}}, {ID: "tomorrow", Title: "Tomorrow", Urgent: true},
		{ID: "later", Title: "The next ones", First: []views.EmergencyWedding{row(2), row(3)},
			Rest: []views.EmergencyWedding{row(4)}, RestTitle: "1 more wedding"}}
	vm.More = "120 more weddings within a year."
	if standby {
		vm.Shell.Standby, vm.Shell.Banner = true,
			"Keepsake's own database does not answer. Weddings and recovery points can be read straight from the providers; "+
				"nothing can be started here until it is back."
		vm.Groups[0].First = nil
		vm.Notices = []ui.Notice{{Tone: ui.ToneBad, Title: "The platform does not answer",
			Text: "What you see is from the recovery point of Mon 23 Nov 2026, 07:05 UTC (12 min ago)."}}
		return vm
	}
	vm.Running = []views.OperationRow{{URL: "/operations/1", Title: "Bring back " + longCouple,
		By: "amelia@wedsync.example", State: ui.Chip{Tone: ui.ToneRun, Text: "Running"},
		When: when("Mon 23 Nov 2026, 07:05 UTC", "just now")}}
	return vm
}

func organizations(theme string, n int) views.Organizations {
	vm := views.Organizations{Shell: shell(theme, "Organizations", "weddings"),
		Count: fmt.Sprintf("%d organizations on this page", n), Next: "/organizations?from=50"}
	for i := range n {
		vm.List = append(vm.List, views.Organization{Name: fmt.Sprintf("Blue Heron Celebrations Porto %d", i), Weddings: "38",
			RestoreURL: "/r", NewURL: "/n", WeddingsURL: "/w", CSV: "/csv", JSON: "/json"})
	}
	if n == 0 {
		vm.Search = "nobody"
	}
	return vm
}
