package main

import (
	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
	"github.com/wedsync/keepsake/views/ui"
)

// accessStories are the pages about who may come in: a person's tokens and sessions, the password again, and the API's
// reference.
func accessStories() map[string]story {
	return map[string]story{
		"tokens":       func(t string) templ.Component { return views.TokensPage(tokens(t, 4)) },
		"tokens-empty": func(t string) templ.Component { return views.TokensPage(tokens(t, 0)) },
		"tokens-made": func(t string) templ.Component {
			vm := tokens(t, 4)
			vm.Made = "ks_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST"
			return views.TokensPage(vm)
		},
		"tokens-refused": func(t string) templ.Component {
			vm := tokens(t, 1)
			vm.Name, vm.Error, vm.Read = "nightly deploy", "Choose at least one thing that the token may do.", false
			return views.TokensPage(vm)
		},
		"sessions-many": func(t string) templ.Component { return views.SessionsPage(manySessions(t)) },
		"prove": func(t string) templ.Component {
			return views.ProvePage(views.Prove{Shell: shell(t, "Your password again", ""), Next: "/weddings/3/restore"})
		},
		"prove-refused": func(t string) templ.Component {
			return views.ProvePage(views.Prove{
				Shell: shell(t, "Your password again", ""),
				Next:  "/weddings/3/restore",
				Error: "This is not your password. After five wrong tries the account rests for a while.",
			})
		},
		"api-docs": func(t string) templ.Component { return views.ReferencePage(reference(t)) },
		"api-docs-signed-out": func(t string) templ.Component {
			vm := reference(t)
			vm.Shell.User = ""
			return views.ReferencePage(vm)
		},
	}
}

func tokens(theme string, n int) views.Tokens {
	list := []views.Token{
		{
			ID:       "1",
			Name:     "nightly deploy",
			Scopes:   "read, back up",
			From:     "192.0.2.7",
			Created:  when("Mon 2 Nov 2026, 09:00 UTC", "3 weeks ago"),
			Expires:  when("Tue 2 Nov 2027, 09:00 UTC", "in 11 months"),
			LastUsed: when("Mon 23 Nov 2026, 02:00 UTC", "5 h ago"),
			State:    ui.Chip{Tone: ui.ToneOK, Text: "Valid"},
			Valid:    true,
		},
		{
			ID:       "2",
			Name:     "grafana-panel-for-the-office-wall-that-shows-the-age-of-the-newest-recovery-point",
			Scopes:   "read",
			From:     "2001:db8:85a3:8d3:1319:8a2e:370:7348",
			Expires:  when("Mon 30 Nov 2026, 09:00 UTC", "in 7 days"),
			LastUsed: when("Mon 23 Nov 2026, 07:16 UTC", "1 min ago"),
			State:    ui.Chip{Tone: ui.ToneWarn, Text: "Ends soon"},
			Valid:    true,
		},
		{
			ID:      "3",
			Name:    "restore rehearsal",
			Scopes:  "read, back up, restore",
			Expires: when("Sun 1 Nov 2026, 09:00 UTC", "3 weeks ago"),
			State:   ui.Chip{Tone: ui.ToneMute, Text: "Ended"},
		},
		{
			ID:       "4",
			Name:     "old laptop",
			Scopes:   "read",
			From:     "198.51.100.20",
			Expires:  when("Fri 2 Oct 2026, 09:00 UTC", "8 weeks ago"),
			LastUsed: when("Thu 1 Oct 2026, 09:00 UTC", "8 weeks ago"),
			State:    ui.Chip{Tone: ui.ToneMute, Text: "Revoked"},
		},
	}
	return views.Tokens{
		Read:  true,
		Shell: shell(theme, "Tokens", ""),
		List:  list[:n],
		Lifetimes: []views.PointOption{{Value: "30", Text: "30 days"}, {Value: "90", Text: "90 days", Selected: true},
			{Value: "365", Text: "One year"}},
	}
}

func manySessions(theme string) views.Sessions {
	started, seen := when("Mon 23 Nov 2026, 06:58 UTC", "19 min ago"), when("Mon 23 Nov 2026, 07:16 UTC", "1 min ago")
	list := []views.Session{
		{
			ID:      "1",
			Device:  "Firefox on Linux",
			Agent:   "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
			Place:   "192.0.2.7",
			Started: started,
			Seen:    seen,
			Current: true,
		},
		{
			ID:      "2",
			Device:  "Safari on iPhone",
			Agent:   "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)",
			Place:   "2001:db8:85a3:8d3:1319:8a2e:370:7348",
			Started: started,
			Seen:    seen,
		},
		{
			ID:      "3",
			Device:  "Chrome on Windows",
			Agent:   "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
			Place:   "198.51.100.20",
			Started: started,
			Seen:    seen,
		},
		{
			ID:      "4",
			Device:  "something that names itself an-unusually-long-browser-without-a-space-in-its-name/1.0",
			Agent:   "an-unusually-long-browser",
			Place:   "203.0.113.9",
			Started: started,
			Seen:    seen,
		},
	}
	return views.Sessions{Shell: shell(theme, "Sessions", ""), List: list, Count: "4 sessions"}
}

func reference(theme string) views.Reference {
	fields := []views.ReferenceField{
		{
			Name:     "type",
			Type:     "full | incremental | critical",
			Text:     "full reads everything; incremental what has changed; critical the critical tier alone",
			Required: true,
		},
		{Name: "note", Type: "string"}, {
			Name: "labels",
			Type: "object",
			Text: "Such as app version and deploy tag; at most 20",
		},
		{
			Name: "restore_bytes_per_second",
			Type: "number, double",
			Text: "Of the newest restore that covered everything and compared it all",
		},
	}
	action := func(id, method, path, summary string) views.ReferenceAction {
		return views.ReferenceAction{
			ID:      id,
			Method:  method,
			Path:    path,
			Summary: summary,
			Text: "One runs at a time; a second one is refused with 409. Each type has its own limit an hour: 429 says when " +
				"the next may start.",
			Parameters: []views.ReferenceField{{
				Name:  "Idempotency-Key",
				Where: "header",
				Type:  "string",
				Text:  "The request is carried out once, however often it is sent with this key within a day",
			}},
			Body: fields,
			Answers: []views.ReferenceAnswer{{Status: "202", Text: "Accepted", Fields: fields},
				{Status: "429", Text: "Too Many Requests"}},
		}
	}
	return views.Reference{
		Shell:    shell(theme, "JSON API", ""),
		Document: "#",
		Text:     "The backup console of a wedding platform. Times are RFC 3339 in UTC, sizes bytes, durations seconds.",
		Groups: []views.ReferenceGroup{
			{Name: "Backups", Actions: []views.ReferenceAction{
				action("createBackup", "POST", "/api/backups/create", "Take a backup"),
				action("getStatus", "GET", "/api/backups/status", "How things stand")}},
			{Name: "Recovery points", Actions: []views.ReferenceAction{action("savePoint", "PATCH",
				"/api/backups/recovery-points/{id}", "Label a recovery point")}},
		},
	}
}
