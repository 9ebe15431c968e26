// Package views draws Keepsake's pages with templ. View-models hold plain, already formatted values; nothing here
// imports the domain, reads a database or decides anything. A page embeds the very partials that htmx and SSE swap.
package views

import "github.com/wedsync/keepsake/views/ui"

// Shell is what every page needs around its content.
type Shell struct {
	Title   string
	Section string // of the navigation: "overview", "backup", "operations", "points", "weddings", "emergency", "audit"
	User    string // e-mail of who is signed in; "" for nobody
	Theme   string // "auto", "light" or "dark"
	Path    string // this page, for forms that come back to it
	Banner  string // one sentence for every page: the platform is down
	Flash   *ui.Notice
	// Refresh reloads the page every so many seconds where there is no script; 0: never.
	Refresh string
	Version string
	Standby bool // the console database is away: only what can be read is offered
	Bound   bool // who is signed in may act on the weddings of one organization only
}

// Whole reports whether what concerns the whole platform is offered.
func (s Shell) Whole() bool { return !s.Standby && !s.Bound }

type navItem struct{ section, href, icon, text string }

// wide reports whether a phone's bar has no room for it: there it is an icon at the top.
func (i navItem) wide() bool { return i.section == "audit" }

func navItems(s Shell) []navItem {
	all := []navItem{
		{"overview", "/", "home-2", "Overview"},
		{"backup", "/backups/new", "archive", "Back up"},
		{"operations", "/operations", "history", "Operations"},
		{"points", "/points", "stack-2", "Recovery points"},
		{"weddings", "/weddings", "calendar-heart", "Weddings"},
		{"emergency", "/emergency", "alert-triangle", "Emergency"},
	}
	if s.Standby {
		return all[3:]
	}
	if s.Bound { // a backup is made from a wedding's page
		all = append(all[:1:1], all[2:]...)
	}
	return append(all, navItem{"audit", "/audit", "file-text", "Audit"})
}

func theme(s Shell) string {
	if s.Theme == "" {
		return "auto"
	}
	return s.Theme
}

func nextTheme(current string) string {
	switch current {
	case "light":
		return "dark"
	case "dark":
		return "auto"
	default:
		return "light"
	}
}

func themeLabel(next string) string {
	switch next {
	case "light":
		return "Switch to light colours"
	case "dark":
		return "Switch to dark colours"
	default:
		return "Follow this device's colours"
	}
}

// ByItself marks requests that a page makes by itself, with nobody there: they keep no session from ending.
const ByItself = `{"Keepsake-By-Itself":"1"}`

const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,` +
	`"selfRequestsOnly":true,` +
	`` +
	`"historyCacheSize":0,"refreshOnHistoryMiss":true,"responseHandling":[{"code":"204","swap":false},` +
	`{"code":"[23]..","swap":true},{"code":"(409|422|403|429|503)","swap":true},{"code":"[45]..","swap":false,` +
	`"error":true}]}`
