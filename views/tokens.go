package views

import "github.com/wedsync/keepsake/views/ui"

// Tokens are a person's own tokens of the JSON API.
type Tokens struct {
	Shell     Shell
	List      []Token
	Notices   []ui.Notice
	ID        string // that a new token will have: a form that is sent twice makes one
	Made      string // the new token, shown once
	Name      string // as typed, when refused
	Error     string
	Lifetimes []PointOption
	// What the form has ticked: reading at first, and what was chosen when it comes back.
	Read, Backup, Restore bool
}

// Token is one of them.
type Token struct {
	ID, Name, Scopes, From     string
	Created, Expires, LastUsed ui.When // LastUsed is empty for never
	State                      ui.Chip
	Valid                      bool
}
