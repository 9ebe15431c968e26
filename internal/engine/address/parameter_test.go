package address

import "testing"

func TestParameter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ conn, name, want string }{
		{"postgres://u:p@h/d?sslmode=require&channel_binding=require", "sslmode", "require"},
		{"postgresql://u:p@h/d?sslrootcert=%2Fa%20b%2Fc.pem", "sslrootcert", "/a b/c.pem"},
		{"postgres://u:sslmode=disable@h/d", "sslmode", ""},
		{"host=h sslmode = 'verify-full' user=u", "sslmode", "verify-full"},
		{"host=h xsslmode=disable", "sslmode", ""},
		{"sslrootcert='/a b/c.pem' host=h", "sslrootcert", "/a b/c.pem"},
		{"", "sslmode", ""},
	} {
		if got := parameter(c.conn, c.name); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.name, c.conn, got, c.want)
		}
	}
}
