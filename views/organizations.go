package views

import "github.com/wedsync/keepsake/views/ui"

// Organizations is the list of organizations with its search.
type Organizations struct {
	Shell       Shell
	Search      string
	Notices     []ui.Notice
	List        []Organization
	First, Next string
	Count       string
}

// Organization is one organization and what can be done with it.
type Organization struct {
	Name, Weddings                  string
	RestoreURL, NewURL, WeddingsURL string
	CSV, JSON                       string
}
