package views

import "github.com/wedsync/keepsake/views/ui"

// Prove asks for the password again.
type Prove struct {
	Shell       Shell
	Next, Error string
}

// Sessions are a person's own sessions.
type Sessions struct {
	Shell Shell
	List  []Session
	Count string
}

// Session is one of them.
type Session struct {
	ID, Device, Agent, Place string
	Started, Seen            ui.When
	Current                  bool
}
