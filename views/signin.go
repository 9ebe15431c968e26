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

// SignInStep asks for the second step of signing in.
type SignInStep struct {
	Shell    Shell
	Email    string // whose password was right
	Next     string
	Error    string
	Recovery bool   // a recovery code is asked for, not the authenticator's
	Other    string // the page that asks for the other kind; "" where there is no other
}

// codeField is a field for a code.
type codeField struct {
	name, errorID    string
	recovery, either bool // for a recovery code, or for both kinds; otherwise for an authenticator's
	wrong            bool
	required, focus  bool
}
