package address

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/keepsake"
)

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

// TestToolsGoWhereTheDriverGoes: PostgreSQL's own programs try the same hosts in the same order, name the same
// database, and ask for no less than what a service file asks for.
func TestToolsGoWhereTheDriverGoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "services")
	service := "[strict]\nhost=db.example.org\nport=6000\nuser=u\npassword=p\nsslmode=require\n"
	if err := os.WriteFile(file, []byte(service), 0o600); err != nil {
		t.Fatal(err)
	}
	for conn, want := range map[string][]string{
		"postgres://u:p@one:1,two:2/d?target_session_attrs=read-write": {"PGHOST=one,two", "PGPORT=1,2",
			"PGTARGETSESSIONATTRS=read-write"},
		"host=one,two port=5 user=u dbname=d sslmode=prefer": {"PGHOST=one,two", "PGPORT=5,5", "PGSSLMODE=prefer"},
		"host=one,one port=5,6 user=u dbname=d":              {"PGHOST=one,one", "PGPORT=5,6"},
		"postgres://somebody:p@one/":                         {"PGHOST=one", "PGDATABASE=somebody"},
		"service=strict dbname=d servicefile=" + file:        {"PGHOST=db.example.org", "PGPORT=6000", "PGSSLMODE=require"},
		"host=/run/postgresql user=u dbname=d":               {"PGHOST=/run/postgresql"},
	} {
		env, err := Environment(keepsake.Secret(conn))
		if err != nil {
			t.Errorf("%s: %v", conn, err)
		}
		for _, w := range want {
			if !slices.Contains(env, w) {
				t.Errorf("%s: %q lacks %s", conn, env, w)
			}
		}
	}
	if _, err := Config("host=one hostaddr=192.0.2.1 user=u"); err == nil || !strings.Contains(err.Error(), "hostaddr") {
		t.Errorf("hostaddr: %v", err)
	}
}
