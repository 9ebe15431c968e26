package main

import (
	"github.com/a-h/templ"

	"github.com/wedsync/keepsake/views"
)

// providerStories show a provider's card in every state that it can be in.
func providerStories() map[string]story {
	return map[string]story{
		"dashboard-providers": func(t string) templ.Component {
			d := overview()
			d.Providers = providersInEachState()
			return views.DashboardPage(dashboard(t, d))
		},
	}
}
