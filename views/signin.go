package views

// SignIn is the sign-in page.
type SignIn struct {
	Shell Shell
	Email string
	Next  string // where to go afterwards
	Error string // why the last attempt was refused
	// Ended says why the person is here again: the session expired, or they signed out.
	Ended string
}
