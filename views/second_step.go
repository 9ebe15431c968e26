package views

import "github.com/wedsync/keepsake/views/ui"

// SecondStep says whether a code is asked for at sign-in.
type SecondStep struct {
	Shell     Shell
	Notices   []ui.Notice
	Local     bool // the account is kept here
	On        bool
	Since     ui.When
	CodesLeft string
	CodesMade string // which codes the form replaces
}

// Enrolment shows the secret for an authenticator.
type Enrolment struct {
	Shell        Shell
	QR           QR
	Secret, Link string // to type, and to follow on the phone itself
	Error        string
}

// QR is a QR code: the dark modules as a path in a square of Size.
type QR struct{ Size, Path string }

// RecoveryCodes shows new recovery codes, once.
type RecoveryCodes struct {
	Shell Shell
	Codes []string
	File  string // the same, as an address that is downloaded
	Fresh bool   // the second step was switched on just now
}

// EndSecondStep asks for password and code before the second step is switched off.
type EndSecondStep struct {
	Shell Shell
	Error string
}
