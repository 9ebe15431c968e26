package views

import "github.com/wedsync/keepsake/views/ui"

// Prove asks for the password again, or for a code of the authenticator.
type Prove struct {
	Shell       Shell
	Next, Error string
	Code        bool   // there is an authenticator
	CodeError   string // why its code was refused
}

// Sessions are a person's own sessions.
type Sessions struct {
	Shell Shell
	List  []Session
	Count string
	// Notices suggest what makes the account safer.
	Notices []ui.Notice
}

// Session is one of them.
type Session struct {
	ID, Device, Agent, Place string
	Started, Seen            ui.When
	Current                  bool
}
