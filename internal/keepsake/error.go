package keepsake

import (
	"errors"
	"fmt"
)

// Code classifies an error for programs. The exit codes of the command line and the HTTP statuses are derived from it
// and from nothing else.
type Code string

// The codes. Each maps to one exit code of the command line and one HTTP status.
const (
	CodeInternal  Code = "internal"  // a fault of Keepsake or its surroundings; nobody could have asked better
	CodeInvalid   Code = "invalid"   // bad input or configuration
	CodeNotFound  Code = "not_found" // the thing asked for is not there
	CodeConflict  Code = "conflict"  // the state forbids it now: target not empty, operation already finished
	CodeForbidden Code = "forbidden" // the actor may not
	CodeProof     Code = "proof"     // the actor must give the password again first
	// the actor has done it too often for now; a Quota in the chain says when it may be done again
	CodeLimited     Code = "limited"
	CodeUnavailable Code = "unavailable" // a database or provider cannot be reached
	CodeUnknown     Code = "unknown"     // it may have happened, and nobody can say now: look before doing it again
	CodeWrongKey    Code = "wrong_key"   // the key does not open this repository
	CodeDamaged     Code = "damaged"     // an object is missing or fails its authentication at every provider asked
	CodeUnprotected Code = "unprotected" // done, but the 3-2-1 rule is not met
	CodeCancelled   Code = "cancelled"   // a person stopped it
	CodeUnsupported Code = "unsupported" // the platform holds something Keepsake refuses rather than lose
)

// Error is an error that a person will read. Message says what happened, what it means and what to do.
type Error struct {
	Code    Code
	Message string
	Err     error  // the cause, for the log; may be nil
	Field   string // of what was asked, that is wrong, as the API calls it; may be empty
}

// Error returns the message. Errorf puts the cause's words into the message where they help a person.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error with a formatted message. The operand of a %w verb becomes its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Wrong returns an Error with CodeInvalid about one field of a request.
func Wrong(field, format string, args ...any) *Error {
	e := Errorf(CodeInvalid, format, args...)
	e.Field = field
	return e
}

// CodeOf returns the code of the outermost Error in err's chain, CodeInternal for an error without one, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// MessageOf returns the text that a person should read: the message of the outermost Error, or err's own text.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// CauseOf returns what a log should say of an error: its message and the errors under it.
func CauseOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return err.Error()
}
