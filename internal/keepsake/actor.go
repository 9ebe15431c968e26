package keepsake

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Role says what kind of actor somebody is. Permissions narrow what an actor of a role may do.
type Role string

// The roles.
const (
	RoleSuperAdmin Role = "super_admin"
	RoleSystem     Role = "system" // workers and schedules; never a person
)

// Permission is one kind of thing that an actor may be allowed to do. Each is given by itself: an actor that may read
// need not be allowed to restore.
type Permission string

// The permissions.
const (
	MayRead    Permission = "read"    // look at everything, couples' data included
	MayBackup  Permission = "backup"  // take, verify, mark and cancel
	MayRestore Permission = "restore" // restore and undo
	MayExport  Permission = "export"  // take couples' data out; no token has it
	MayDelete  Permission = "delete"  // take recovery points away for good; no token has it
)

// Actor is who does something. One place sets it for each request, and every query and audit row gets it from there.
type Actor struct {
	ID           string // account id, or "system"
	Name         string // e-mail, or the name of the worker
	Role         Role
	Organization string // when set, all the actor sees and does ends at this organization
	Platform     string // whose the organization is; set with it, and never alone
	Session      string // id of the session or token, for the audit trail
	Address      string // remote address, for the audit trail
	UserAgent    string
	RequestID    string // of the HTTP request, for logs and the audit trail

	// Permissions are what a token may do. A session has none (nil) and may do everything that its role may.
	Permissions []Permission
	// ProvenAt is when the person last gave a password or a code; zero for tokens and the system.
	ProvenAt time.Time
}

// May reports whether the actor has the permission. An actor without a list of permissions has them all.
func (a Actor) May(p Permission) bool {
	return a.Permissions == nil || slices.Contains(a.Permissions, p)
}

// StepUp is how long a proof of identity (a password or a code) is valid for actions that ask for one. Signing in is
// a proof, so that nobody in a hurry is asked twice.
const StepUp = 5 * time.Minute

// ClockSlack is how far ahead of this clock another process's may be. A moment further ahead was written by a clock
// that was wrong, and nobody can say how long ago that was.
const ClockSlack = time.Minute

// Proven reports whether the actor may do now what asks for a proof of identity. A session needs a proof that is no
// older than StepUp, and not from a time to come. A token needs none, because what it may do was decided when it was
// made.
func (a Actor) Proven(now time.Time) bool {
	age := now.Sub(a.ProvenAt)
	return a.Session == "" || a.Permissions != nil || age <= StepUp && age >= -ClockSlack
}

// System returns the actor of work that no person asked for. name says which work, for the audit trail.
func System(name string) Actor { return Actor{ID: "system", Name: name, Role: RoleSystem} }

// Secret is a string that no format verb, log or encoder prints.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// Format hides the secret from every verb. With a wrong verb, such as %d, fmt would not call String. It cannot hide
// it from %p, which vet refuses.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText hides the secret from JSON, YAML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Reveal returns the secret itself. Reviewers look at every call of it.
func (s Secret) Reveal() string { return string(s) }
