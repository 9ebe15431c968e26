package address

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestTypedAddressTakesNothingElse: whatever is more than user, password, host, port, database and sslmode is refused
// by name, and no refusal repeats a password.
func TestTypedAddressTakesNothingElse(t *testing.T) {
	t.Parallel()
	const at = "postgres://ada:topsecret@db.example.org:5433/postgres"
	for typed, words := range map[string]string{
		at + "?sslrootcert=/dev/zero":                            "sslrootcert cannot be set",
		at + "?sslmode=require&passfile=/etc/passwd":             "passfile cannot be set",
		at + "?service=x":                                        "service cannot be set",
		at + "?servicefile=/dev/zero":                            "servicefile cannot be set",
		at + "?sslcert=/etc/hostname":                            "sslcert cannot be set",
		at + "?host=/tmp":                                        "host cannot be set",
		at + "?hostaddr=127.0.0.1":                               "hostaddr cannot be set",
		at + "?options=-c%20a=b":                                 "options cannot be set",
		at + "?user=root":                                        "user cannot be set",
		at + "?dbname=postgres":                                  "dbname cannot be set",
		at + "?pool_max_conns=900":                               "pool_max_conns cannot be set",
		at + "?SSLMODE=require":                                  "what follows the question mark cannot be set",
		at + "?topsecret@h":                                      "what follows the question mark cannot be set",
		at + "?sslmode=verify-ca":                                "prefer, require, verify-full, disable",
		at + "?sslmode=":                                         "prefer, require, verify-full, disable",
		at + "?sslmode=disable&sslmode=require":                  "prefer, require, verify-full, disable",
		at + "?sslmode=require;passfile=x":                       "cannot be read",
		at + "#topsecret":                                        "not the address",
		"":                                                       "not the address",
		"host=db.example.org user=ada password=topsecret":        "not the address",
		"service=topsecret":                                      "not the address",
		"mysql://ada:topsecret@db.example.org/x":                 "not the address",
		"postgres:ada:topsecret@h/x":                             "not the address",
		"keepsake-checked://ada:topsecret@127.0.0.1/x?at=::1":    "not the address",
		"postgres://ada:top#secret@db.example.org/x":             "not the address",
		"postgres://ada:topsecret@h1:1,h2:2/x":                   "several hosts",
		"postgres://ada:topsecret@%2Ftmp/x":                      "not the address",
		"postgres://db.example.org/x":                            "no role",
		"postgres://:topsecret@db.example.org/x":                 "no role",
		"postgres://ada:topsecret@/x":                            "The host",
		"postgres://ada:topsecret@:5432/x":                       "The host",
		"postgres://ada:topsecret@h1,h2/x":                       "several hosts",
		"postgres://ada:topsecret@-x/x":                          "The host",
		"postgres://ada:topsecret@dätabase.example/x":            "The host",
		"postgres://ada:topsecret@0x7f.1/x":                      "The host",
		"postgres://ada:topsecret@2130706433/x":                  "The host",
		"postgres://ada:topsecret@0177.0.0.1/x":                  "The host",
		"postgres://ada:topsecret@127.1/x":                       "The host",
		"postgres://ada:topsecret@0x7f000001/x":                  "The host",
		"postgres://ada:topsecret@1.2.3.4./x":                    "The host",
		"postgres://ada:topsecret@[fe80::1%25eth0]/x":            "interface",
		"postgres://ada:topsecret@h:0/x":                         "The port",
		"postgres://ada:topsecret@h:/x":                          "The port",
		"postgres://ada:topsecret@h:65536/x":                     "The port",
		"postgres://ada:topsecret@h/x%00y":                       "character",
		"postgres://ada:topsecret%0Ax@h/x":                       "character",
		"postgres://" + strings.Repeat("a", 64) + ":topsecret@h": "character",
		"postgres://ada:topsecret@" + strings.Repeat("a", 4000):  "not the address",
	} {
		_, err := Read(keepsake.Secret(typed))
		if keepsake.CodeOf(err) != keepsake.CodeInvalid || err == nil || !strings.Contains(err.Error(), words) ||
			strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v, want %q", typed, err, words)
		}
	}
}

// TestTypedAddressIsReadBack: what was read is the same after it was written for sealing, and after it was checked.
func TestTypedAddressIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 :/?#[]@!$&'()*+,;=%<>\"\\ä€")), 1, 15, 60)
		host := rapid.SampledFrom([]string{"db.example.org", "DB-1.example.org.",
			"localhost", "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"}).Draw(t, "host")
		want := Server{
			User:     text.Draw(t, "user"),
			Password: keepsake.Secret(text.Draw(t, "password")),
			Host:     host,
			Port:     rapid.Uint16Min(1).Draw(t, "port"),
			Database: text.Draw(t, "database"),
			SSLMode:  rapid.SampledFrom(sslModes).Draw(t, "sslmode"),
		}
		got, err := Read(want.Typed())
		if err != nil {
			t.Fatal(err)
		}
		want.Host = got.Host // the same host in its usual form
		again, err := Read(got.Typed())
		if err != nil || again.Typed() != want.Typed() || got.User != want.User || got.Password != want.Password ||
			got.Database != want.Database || got.Port != want.Port {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		got.at = []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1")}
		config, err := Config(got.Checked(want.User))
		if err != nil || config.Database != want.User || config.User != want.User ||
			config.Password != want.Password.Reveal() || config.Host != want.Host {
			t.Fatalf("%v", err)
		}
		if at, err := config.LookupFunc(context.Background(), config.Host); err != nil || len(at) != 2 ||
			at[0] != "192.0.2.7" {
			t.Fatalf("it leads to %v, %v", at, err)
		}
	})
}

// TestCheckedIsNoConnectionString to any other parser, so that a checked address never goes round the check.
func TestCheckedIsNoConnectionString(t *testing.T) {
	t.Parallel()
	s, err := Read("postgres://ada:topsecret@db.example.org/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ParseConfig(s.Checked("x").Reveal()); err == nil {
		t.Error("pgx takes it")
	}
	if _, err := Config(s.Checked("x")); keepsake.CodeOf(err) != keepsake.CodeInvalid {
		t.Errorf("an address that was never checked can be used: %v", err)
	}
}

// TestWhereTypedAddressesLead: this machine, the link, clouds' metadata and disguises of them are refused, private
// networks as the policy says, and the operator's own servers are allowed wherever they are.
func TestWhereTypedAddressesLead(t *testing.T) {
	t.Parallel()
	names := map[string][]string{
		"inside.example": {"10.1.2.3"}, "outside.example": {"203.0.113.9"}, "rebind.example": {"127.0.0.1"},
		"both.example":   {"127.0.0.1", "203.0.113.9"},
		"mapped.example": {"::ffff:127.0.0.1"}, "platform.example": {"10.9.9.9"}, "localhost": {"127.0.0.1", "::1"},
		"itself.example": {"10.7.7.7", "2001:db8:7::7"},
	}
	lookup := func(_ context.Context, _, host string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range names[host] {
			out = append(out, netip.MustParseAddr(a))
		}
		if out == nil {
			return nil, errors.New("no such host")
		}
		return out, nil
	}
	own := func() (out []net.Addr, err error) {
		for _, s := range []string{"127.0.0.1", "198.51.100.7", "10.7.7.7", "2001:db8:7::7"} {
			out = append(out, &net.IPNet{IP: net.ParseIP(s)})
		}
		return out, nil
	}
	known := []keepsake.Secret{"postgres://x:y@127.0.0.1:5999/x", "postgres://x:y@platform.example/x", "host=/tmp port=7"}
	for _, x := range []struct {
		allow string
		host  string
		leads string // "" where it is refused
	}{
		{"public private", "203.0.113.9", "203.0.113.9"}, {"public private", "10.0.0.1", "10.0.0.1"},
		{"public private", "inside.example", "10.1.2.3"},
		{"public private", "fd12::1", "fd12::1"}, {"public private", "2001:db8::1", "2001:db8::1"},
		{"public private", "100.64.0.1", "100.64.0.1"},
		{"public", "10.0.0.1", ""}, {"public", "172.31.255.255", ""}, {"public", "192.168.1.1", ""},
		{"public", "100.64.0.1", ""}, {"public", "fd12::1", ""},
		{"public", "inside.example", ""}, {"public", "::ffff:10.0.0.1", ""}, {"public", "64:ff9b::a00:1", ""},
		{"public", "2002:a00:1::", ""}, {"public", "64:ff9b:1::808:808", ""},
		{"private", "203.0.113.9", ""}, {"private", "10.0.0.1", "10.0.0.1"},
		{"public private", "127.0.0.1", ""}, {"public private", "127.9.9.9", ""}, {"public private", "::1", ""},
		{"public private", "localhost", ""},
		{"public private", "0.0.0.0", ""}, {"public private", "::", ""}, {"public private", "::ffff:127.0.0.1", ""},
		{"public private", "::127.0.0.1", ""},
		{"public private", "64:ff9b::7f00:1", ""}, {"public private", "2002:7f00:1::", ""},
		{"public private", "::ffff:0:7f00:1", ""}, {"public", "::ffff:0:a00:1", ""},
		{"public private", "2001:db8::5efe:7f00:1", ""}, {"public private", "2001:db8::200:5efe:7f00:1", ""},
		// This machine by the addresses of its interfaces, as such and in disguise; a network that holds one is no leave to
		// come here.
		{"public private", "198.51.100.7", ""}, {"public private", "10.7.7.7", ""}, {"public private", "2001:db8:7::7", ""},
		{"public private", "64:ff9b::c633:6407", ""},
		{"public private", "itself.example", ""}, {"10.7.0.0/16", "10.7.7.7", ""}, {"10.7.0.0/16", "10.7.7.8", "10.7.7.8"},
		{"10.7.7.7", "10.7.7.7", "10.7.7.7"},
		{"public private", "169.254.169.254", ""}, {"public private", "fe80::1", ""}, {"public private", "fd00:ec2::254", ""},
		{"public private", "100.100.100.200", ""},
		{"public private", "168.63.129.16", ""}, {"public private", "224.0.0.1", ""},
		{"public private", "255.255.255.255", ""}, {"public private", "ff02::1", ""},
		{"public private", "rebind.example", ""}, {"public private", "mapped.example", ""},
		{"public private", "both.example", "203.0.113.9"},
		{"public private", "nowhere.example", ""},
		{"", "203.0.113.9", ""}, {"", "10.0.0.1", ""}, {"10.20.0.0/16", "10.20.3.4", "10.20.3.4"},
		{"10.20.0.0/16", "10.21.0.1", ""},
		{"127.0.0.0/8", "127.0.0.1", "127.0.0.1"}, {"192.0.2.7", "192.0.2.7", "192.0.2.7"},
		{"", "127.0.0.1:5999", "127.0.0.1"}, {"", "localhost:5999", "127.0.0.1"}, {"", "platform.example:5432", "10.9.9.9"},
		{"", "10.9.9.9:5432", "10.9.9.9"},
		{"", "10.9.9.9:5433", ""}, {"", "127.0.0.1:7", ""},
	} {
		host, port, has := strings.Cut(x.host, ":")
		if strings.Count(x.host, ":") > 1 {
			host, port, has = "["+x.host+"]", "", false
		}
		if !has {
			port = "5432"
		}
		s,
			err := Read(
			keepsake.Secret((&url.URL{
				Scheme: "postgres",
				User:   url.UserPassword("a", "b"),
				Host:   host + ":" + port,
				Path:   "/x",
			}).String()))
		if err != nil {
			t.Errorf("%s: %v", x.host, err)
			continue
		}
		s, err = Policy{Allow: strings.Fields(x.allow), Known: known, lookup: lookup, own: own}.Check(t.Context(), s)
		switch {
		case x.leads == "" && keepsake.CodeOf(err) != keepsake.CodeInvalid:
			t.Errorf("%s with %q leads to %v", x.host, x.allow, s.at)
		case x.leads == "":
			if told := strings.Join(names[host], " "); told != "" && strings.Contains(err.Error(), told) {
				t.Errorf("%s: the refusal tells where the name leads: %v", x.host, err)
			}
		case err != nil || len(s.at) != 1 || s.at[0].String() != x.leads:
			t.Errorf("%s with %q leads to %v, %v, want %s", x.host, x.allow, s.at, err, x.leads)
		}
	}
}
