package main

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/handlers/draw"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine/search"
	"github.com/wedsync/keepsake/internal/keepsake"
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
			return views.NothingSavedPage(views.NothingSaved{
				Shell:    shell(t, "Nothing is saved yet", "weddings"),
				BackURL:  "/points",
				BackText: "All recovery points",
			})
		},
		"undo-ask":       func(t string) templ.Component { return views.UndoAskPage(undoAsk(t)) },
		"scope-restored": func(t string) templ.Component { return views.ScopeRestorePage(scopeRestored(t)) },
	}
}

func couple(i int) views.Wedding {
	w := views.Wedding{
		URL:          fmt.Sprintf("/weddings/%d", i),
		Couple:       fmt.Sprintf("Anaïs & Arjun %d", i),
		Organization: "The Orchard Barn",
		Date:         "Sat 28 Nov 2026",
		Days:         "5",
		DaysUnit:     "days",
		Phase:        "Preparation",
		Urgency:      ui.Chip{Tone: ui.ToneWarn, Text: "Urgent", Icon: "clock"},
	}
	if i == 1 {
		w.Couple, w.Urgency = longCouple, ui.Chip{Tone: ui.ToneBad, Text: "Emergency", Icon: "alert-triangle"}
	}
	return w
}

func cannotBringBack(theme string) views.CannotBringBack {
	return views.CannotBringBack{
		Shell:    shell(theme, "Bring back", "weddings"),
		BackURL:  "/weddings/1",
		BackText: "Back to the wedding",
		Address:  "/weddings/1/restore",
		Name:     longCouple,
		Notice: ui.Notice{
			Tone:  ui.ToneBad,
			Title: "The platform does not answer",
			Text: "db.wedsync.example:5432/wedsync cannot be reached: is the server running and the address right? Nothing " +
				"can be brought back into it now; nothing was changed.",
		},
		Offers: views.WeddingOffers{
			ContactsURL:  "/c",
			ContactsText: "Vendor contacts now",
			ThenURL:      "/t",
			ElsewhereURL: "/e",
			ExportURL:    "/x",
		},
	}
}

func rows(n int) []views.PreviewRow {
	var out []views.PreviewRow
	for i := range n {
		r := views.PreviewRow{
			Value: fmt.Sprintf("public.guests id %d", i),
			Key:   fmt.Sprintf("id %d", i),
			What:  ui.Chip{Tone: ui.ToneOK, Text: "comes back"},
			Cells: []views.PreviewCell{{Column: "id", After: fmt.Sprint(i)},
				{Column: "name", After: "Guest with <markup> & a name that is so long that it has to be broken somewhere, " +
					"whereverthatmaybe"}, {Column: "dietary", After: "—"}},
		}
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
	return views.PreviewTable{
		Name:     "guests",
		Sum:      "3 back · 1 changed · 0 removed · 117 unchanged · 1 refused",
		Notes:    []string{"the column diet was added since: rows that are brought back get its default"},
		Rows:     rows(n),
		More:     "74 more rows",
		MoreURL:  "/weddings/1/restore/rows?table=public.guests&from=50",
		AllValue: "public.guests *",
	}
}

func options() []views.PointOption {
	return []views.PointOption{{Value: "1", Text: "Mon 23 Nov 2026, 07:05 UTC (12 min ago)", Selected: true},
		{Value: "2", Text: "Sun 22 Nov 2026, 22:00 UTC (9 h ago), not protected"}}
}

func scopePreview(theme string, n int) views.ScopePreview {
	vm := views.ScopePreview{
		Shell:       shell(theme, "Bring back", "weddings"),
		BackURL:     "/weddings/1",
		BackText:    "Back to the wedding",
		Action:      "/weddings/1/restore",
		Noun:        "wedding",
		Name:        longCouple,
		What:        longCouple,
		PointURL:    "/points/1",
		Fingerprint: "f00d",
		Address:     "/weddings/1/restore?mode=missing&point=1",
		Shown:       "f00d",
		Button:      "Bring back 28 rows",
		NothingText: "Nothing that this recovery point holds of this wedding is missing.",
		Missing:     true,
		Nothing:     n == 0,
		When:        when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Points:      options(),
		Read:        "Read 7 of 95 chunks in 0.1 s.",
		Notices: []ui.Notice{{
			Tone:  ui.ToneWarn,
			Title: "This is where rows went missing",
			Text: "Between Mon 23 Nov 2026, 07:05 UTC and now, 28 of 95 rows vanished. The newest safe recovery point before " +
				"that is chosen below.",
		}},
		Figures: []ui.Figure{{Label: "Brought back", Value: "28"}, {Label: "Changed back", Value: "0"},
			{Label: "Removed", Value: "0"}, {Label: "Refused", Value: "1"}},
		Impact: []ui.Figure{{Label: "Weddings touched", Value: "1"}, {Label: "Vendors touched", Value: "2"},
			{Label: "Payments touched", Value: "3"},
			{Label: "Takes", Value: "about 1 s", Hint: "from what the comparison took"}},
		Touched:     []views.TouchedWedding{{Wedding: couple(1), Rows: "28 rows"}, {Wedding: couple(2), Rows: "1 row"}},
		TouchedMore: "and 280 more weddings",
	}
	if n > 0 {
		vm.Tables = []views.PreviewTable{table(n),
			{
				Name:   "suppliers",
				Sum:    "0 back · 0 changed · 0 removed · 5 unchanged · 0 refused",
				Shared: true,
				Notes:  []string{"2 rows were changed since and stay as they are"},
			}}
	}
	return vm
}

func scopeRows(theme string) views.ScopeRows {
	return views.ScopeRows{
		Shell:     shell(theme, "Rows of a comparison", "weddings"),
		Name:      longCouple,
		Action:    "/weddings/1/restore/review",
		Table:     table(50),
		Count:     "rows 51 to 100 of 124",
		First:     "/f",
		Next:      "/n",
		Elsewhere: []string{"public.guests id 1"},
	}
}

func scopeRestored(theme string) views.ScopeRestore {
	return views.ScopeRestore{
		Shell:    shell(theme, "Restore into the platform", "weddings"),
		ID:       "1",
		Name:     longCouple,
		Title:    "Brought back",
		BackURL:  "/weddings/1",
		BackText: "To the wedding",
		UndoURL:  "/restores/1/undo",
		UndoText: "Undo this restore…",
		When:     when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Figures: []ui.Figure{{Label: "Inserted", Value: "28"}, {Label: "Updated", Value: "0"},
			{Label: "Deleted", Value: "0"}},
		Facts: []ui.Fact{{Label: "Recovery point", Value: "20261123T070500Z-9f86d081a2b4"},
			{Label: "Mode", Value: "bring back what is missing"}},
		Tables:    []views.PreviewTable{table(4)},
		LeftAlone: []string{"public.guests id 2: the row was changed since"},
	}
}

func undoAsk(theme string) views.UndoAsk {
	return views.UndoAsk{
		Shell:   shell(theme, "Undo a restore", "weddings"),
		Name:    longCouple,
		Title:   "Undo this restore?",
		Button:  "Undo this restore",
		Keep:    "Keep it as it is",
		When:    when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		BackURL: "/restores/1",
		Action:  "/restores/1/undo",
		Lines: []string{"Guests: 72 rows that came back are deleted again, 1 row that changed gets the values it had " +
			"before the restore.", "Clients: 3 rows that went come again."},
	}
}

func scopeChoice(theme string) views.ScopeChoice {
	return views.ScopeChoice{
		Shell:  shell(theme, "Bring back", "points"),
		Action: "/platform/restore",
		Points: options(),
		Tiers: []views.TierOption{{
			Value:   "critical",
			Name:    "Critical tier",
			Text:    "Who people are: accounts, suppliers, clients, organizations",
			Checked: true,
		},
			{Value: "high", Name: "High tier", Text: "What they do"},
			{Value: "standard", Name: "Standard tier", Text: "Everything else"}},
	}
}

func scopeOf(theme string) views.Scope {
	return views.Scope{
		Shell: shell(theme, "Scope", "weddings"),
		Of:    "wedding",
		Root:  "public.weddings",
		Groups: []views.ScopeGroup{
			{
				Name: "Belongs to a wedding",
				Text: "Restored and rewound with it.",
				Tables: []views.ScopeTable{{Name: "public.weddings", Why: "it is the root of the scope", Key: "id"},
					{Name: "public.guests", Why: "public.guests (wedding_id) references public.weddings (id)", Key: "id"}},
			},
			{
				Name: "Not touched",
				Text: "No reference leads there.",
				Tables: []views.ScopeTable{{
					Name: "public.a_table_with_a_name_that_is_as_long_as_postgresql_lets_it_be_",
					Why:  "no reference leads from it to public.weddings",
					Key:  "id",
				}},
			}},
	}
}

func changes(theme string) views.WeddingChanges {
	return views.WeddingChanges{
		Shell:    shell(theme, "What changed", "weddings"),
		Name:     longCouple,
		BackURL:  "/weddings/1",
		Action:   "/weddings/1/changes",
		From:     options(),
		To:       options(),
		FromWhen: when("Sun 22 Nov 2026, 22:00 UTC", "9 h ago"),
		ToWhen:   when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Figures:  []ui.Figure{{Label: "Added", Value: "1"}, {Label: "Changed", Value: "4"}, {Label: "Removed", Value: "28"}},
		Tables:   []views.PreviewTable{table(3)},
		Read:     "Read 14 of 190 chunks.",
	}
}

func then(theme string) views.WeddingThen {
	return views.WeddingThen{
		Shell:       shell(theme, "A wedding as it was", "weddings"),
		Name:        longCouple,
		PointURL:    "/points/1",
		BackURL:     "/weddings/1/restore",
		CSV:         "/csv",
		JSON:        "/json",
		ContactsURL: "/contacts",
		Read:        "Read 7 of 95 chunks.",
		When:        when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		Tables: []views.ThenTable{{
			Name:    "Guests",
			Count:   "120 rows",
			More:    "70 more rows",
			Columns: []string{"id", "name", "answer", "a_column_with_a_long_name"},
			Rows: [][]string{{"1", "Ada <b>Lovelace</b>", "attending", "—"},
				{"2", "Ben", "declined", "a value that goes on and on"}},
		},
			{
				Name:    "Suppliers",
				Count:   "1 row",
				Shared:  true,
				Columns: []string{"id", "name"},
				Rows:    [][]string{{"1", "Rose & Thistle"}},
			}},
	}
}

func contacts(theme string, n int) views.Contacts {
	vm := views.Contacts{
		Shell:      shell(theme, "Vendors", "emergency"),
		Name:       longCouple,
		PointURL:   "/points/1",
		When:       when("Mon 23 Nov 2026, 07:05 UTC", "12 min ago"),
		CSV:        "/csv",
		VCard:      "/vcf",
		RestoreURL: "/weddings/1/restore",
	}
	for i := range n {
		c := views.Contact{
			Kind:  "florist",
			Name:  fmt.Sprintf("Rose & Thistle %d", i+1),
			Who:   "Ada O'Brien",
			Place: "Bath",
			Phone: "+44 1632 960001",
			Tel:   "tel:+441632960001",
			Email: "hello@a-very-long-domain-name-of-a-florist.example",
			Mail:  "mailto:hello@example.org",
		}
		if i == 1 {
			c.Phone, c.Email = "", ""
		}
		vm.List = append(vm.List, c)
	}
	return vm
}

func organizations(theme string, n int) views.Organizations {
	vm := views.Organizations{
		Shell: shell(theme, "Organizations", "weddings"),
		Count: fmt.Sprintf("%d organizations on this page", n),
		Next:  "/organizations?from=50",
	}
	for i := range n {
		vm.List = append(vm.List, views.Organization{
			Name:        fmt.Sprintf("Blue Heron Celebrations Porto %d", i),
			Weddings:    "38",
			RestoreURL:  "/r",
			NewURL:      "/n",
			WeddingsURL: "/w",
			CSV:         "/csv",
			JSON:        "/json",
		})
	}
	if n == 0 {
		vm.Search = "nobody"
	}
	return vm
}

func weddings(theme string, n int) views.Weddings {
	newest := pointAt(0, true)
	page := console.WeddingPage{
		FoundWeddings: console.FoundWeddings{
			Total: 1_204,
			Days:  []string{"Saturday, 5 December 2026, the day read first"},
		},
		Newest: &newest,
	}
	sought := ""
	for i := range n {
		w := weddingOn(i+1, fmt.Sprintf("Anaïs & Arjun %d", i+1), "The Orchard Barn", 5)
		if i == 0 {
			w = weddingOn(1, longCouple, "The Orchard Barn", 0)
		}
		if i%2 == 1 {
			w.Matched = []search.Match{{Kind: search.Vendor, Text: "Blumen Özdemir, Łódź"}}
		}
		page.Weddings = append(page.Weddings, w)
	}
	if n == 0 {
		page.Total, sought = 0, "nobody of this name"
	}
	vm := draw.Weddings(shell(theme, "Weddings", "weddings"), page, sought, clock)
	vm.Explained = true
	return vm
}

// weddingTimeline is a wedding in five days with recovery points of seven months.
func weddingTimeline() console.WeddingTimeline {
	t := console.WeddingTimeline{
		Wedding: weddingOn(1, longCouple, "The Orchard Barn", 5),
		Now:     now,
		Newest:  pointID,
		Milestones: []console.Milestone{
			{Name: "contract_signed", Day: now.Truncate(24*time.Hour).AddDate(0, 0, -233)},
			{Name: "day_before_wedding", Day: now.Truncate(24*time.Hour).AddDate(0, 0, 4), Derived: true}},
	}
	for i := range 41 {
		p := pointAt(i*i*3, i != 7)
		if i == 1 {
			p.Note = "before the menu was changed by somebody who wrote a very long note about it"
			p.Labels, p.Weddings = map[string]string{"app": "4.2"}, []keepsake.WeddingMark{{
				WeddingID: t.ID,
				Milestone: "contract_signed",
			}}
		}
		t.Points = append(t.Points, p)
	}
	return t
}

func wedding(theme string) views.WeddingPage {
	return draw.OneWedding(shell(theme, longCouple, "weddings"), weddingTimeline(), clock)
}

// weddingGone is one that the platform has lost and recovery points know.
func weddingGone(theme string) views.WeddingPage {
	t := weddingTimeline()
	t.Gone, t.From = true, began
	t.Missing = "This wedding is not in the platform any more. It is shown as the newest recovery point that holds it " +
		"knows it, and can be brought back."
	return draw.OneWedding(shell(theme, longCouple, "weddings"), t, clock)
}

func emergency(theme string, standby bool) views.Emergency {
	d := overview()
	d.Weddings[0].Couple = longCouple
	s := shell(theme, "Emergency", "emergency")
	if standby {
		s.Standby, s.Banner = true,
			"Keepsake's own database does not answer. Weddings and recovery points can be read straight from the providers; "+
				"nothing can be started here until it is back."
		d.Weddings, d.WeddingsFrom = d.Weddings[1:], began
		d.Platform = overviewAlarm().Platform
		d.WeddingsMissing = d.Platform.Words
		return draw.Emergency(s, d, clock)
	}
	o := restoreOf(console.StateRunning)
	o.Kind, o.Asked = console.KindScoped, &console.RestoreAsked{Name: longCouple}
	d.Running = []console.Operation{o}
	return draw.Emergency(s, d, clock)
}
