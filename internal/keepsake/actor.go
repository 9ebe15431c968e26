package keepsake

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Role is what an actor may do. Viewing, backing up and restoring are checked against it in the console's use cases.
type Role string

// The roles.
const (
	RoleSuperAdmin Role = "super_admin"
	RoleSystem     Role = "system" // workers and schedules; never a person
)

// Permission is one thing that an actor may be allowed to do. They are separate: who may look may not restore.
type Permission string

// The permissions.
const (
	MayRead    Permission = "read"    // look at everything, couples' data included
	MayBackup  Permission = "backup"  // take, verify, mark and cancel
	MayRestore Permission = "restore" // restore and undo
	MayExport  Permission = "export"  // take couples' data out; no token has it
)

// Actor is who does something. It is set in one place per request and carried to every query and audit row.
type Actor struct {
	ID           string // account id, or "system"
	Name         string // e-mail, or the name of the worker
	Role         Role
	Organization string // when set, all the actor sees and does ends at this organization
	Session      string // id of the session or token, for the audit trail
	Address      string // remote address, for the audit trail
	UserAgent    string
	RequestID    string // of the HTTP request, for logs and the audit trail

	// Permissions ends what a token may do; nil, which a session has, is everything that the role may.
	Permissions []Permission
	// ProvenAt is when the person last gave a password or a code; zero for tokens and the system.
	ProvenAt time.Time
}

// May reports whether the actor was given the permission.
func (a Actor) May(p Permission) bool {
	return a.Permissions == nil || slices.Contains(a.Permissions, p)
}

// StepUp is how long ago a person may have given a password or a code and do what asks for one again. Signing in
// counts, so that nobody in a hurry is asked twice.
const StepUp = 5 * time.Minute

// Proven reports whether the actor need not prove again now who they are. Tokens have nothing to give: what they may do
// was decided when they were made.
func (a Actor) Proven(now time.Time) bool {
	return a.Session == "" || a.Permissions != nil || now.Sub(a.ProvenAt) <= StepUp
}

// System is the actor of work that no person asked for.
func System(name string) Actor { return Actor{ID: "system", Name: name, Role: RoleSystem} }

// Secret is a string that no format verb, log or encoder prints.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// Format hides the secret from every verb but %p, which vet refuses: under a wrong one, such as %d, fmt would not ask
// String.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText hides the secret from JSON, YAML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Reveal returns the secret itself; every call site is a place to review.
func (s Secret) Reveal() string { return string(s) }
