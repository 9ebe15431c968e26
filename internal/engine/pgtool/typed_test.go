package pgtool

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wedsync/keepsake/internal/engine/address"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// collector is a server that asks whoever connects for the password in clear and keeps all it is sent.
type collector struct {
	net.Listener
	mu   sync.Mutex
	sent bytes.Buffer
	met  int
	wg   sync.WaitGroup
}

func collect(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{Listener: l}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); c.wg.Wait() })
	return c
}

func (c *collector) serve(conn net.Conn) {
	defer conn.Close()
	for {
		packet, err := startup(conn)
		if err != nil {
			return
		}
		c.keep(packet)
		const startTLS, startGSS = 80877103, 80877104
		if code := binary.BigEndian.Uint32(packet); code == startTLS || code == startGSS {
			_, _ = conn.Write([]byte("N"))
			continue
		}
		break
	}
	_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}) // AuthenticationCleartextPassword
	kind := make([]byte, 1)
	if _, err := io.ReadFull(conn, kind); err != nil {
		return
	}
	if packet, err := startup(conn); err == nil {
		c.keep(packet)
	}
}

func startup(r io.Reader) ([]byte, error) {
	var size uint32
	if err := binary.Read(r, binary.BigEndian, &size); err != nil || size < 4 || size > 10_000 {
		return nil, io.ErrUnexpectedEOF
	}
	packet := make([]byte, size-4)
	_, err := io.ReadFull(r, packet)
	return packet, err
}

func (c *collector) keep(packet []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met++
	c.sent.Write(append(packet, '\n'))
}

// TestATypedServerIsSentNothingOfOurs: with every variable of libpq set, and password and service files at home, a
// server that somebody typed is sent what was typed with its address and nothing else, by Keepsake itself and by the
// tools that it starts.
func TestATypedServerIsSentNothingOfOurs(t *testing.T) {
	c := collect(t)
	home := t.TempDir()
	service, pass := filepath.Join(home, ".pg_service.conf"), filepath.Join(home, ".pgpass")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(pass, "*:*:*:*:ours-by-file\n")
	write(service, "[ours]\nuser=ours-by-service\npassword=ours-by-service\nhost=127.0.0.1\nport=1\noptions=-c "+
		"a.b=ours-by-service\n")
	for name, value := range map[string]string{
		"HOME": home, "PGHOST": "127.0.0.1", "PGHOSTADDR": "127.0.0.2", "PGPORT": "1", "PGDATABASE": "ours-db",
		"PGUSER": "ours-user", "PGPASSWORD": "ours-password", "PGPASSFILE": pass,
		"PGSERVICE": "ours", "PGSERVICEFILE": service, "PGOPTIONS": "-c a.b=ours-options", "PGAPPNAME": "ours-app",
		"PGTZ": "ours-zone", "PGDATESTYLE": "ours-style", "PGGEQO": "ours-geqo",
		"PGSSLROOTCERT": "/dev/zero", "PGSSLCERT": service, "PGSSLKEY": service, "PGSSLMODE": "verify-full",
		"PGSSLPASSWORD": "ours-ssl", "PGSSLNEGOTIATION": "direct", "PGSSLSNI": "1",
		"PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none", "PGTARGETSESSIONATTRS": "standby", "PGCONNECT_TIMEOUT": "1",
		"PGKRBSRVNAME": "ours-krb", "PGGSSENCMODE": "prefer",
		"PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "3.2", "PGCLIENTENCODING": "LATIN1", "PGSYSCONFDIR": home,
		"PGSSLCERTMODE": "require", "PGREQUIREPEER": "ours-peer",
	} {
		t.Setenv(name, value)
	}
	tools, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"", ":typed-password"} {
		c.sent.Reset()
		c.met = 0
		s, err := address.Read(keepsake.Secret("postgres://typed-user" + password + "@" + c.Addr().String() + "/typed_db"))
		if err == nil {
			s, err = address.Policy{Allow: []string{"127.0.0.1"}}.Check(t.Context(), s)
		}
		if err != nil {
			t.Fatal(err)
		}
		config, err := address.Config(s.Checked("typed_db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
			t.Fatal("the collector let Keepsake in")
		}
		if err := tools.Dump(t.Context(), s.Checked("typed_db"), "1", io.Discard); err == nil {
			t.Fatal("the collector let pg_dump in")
		}
		c.mu.Lock()
		sent, met := c.sent.String(), c.met
		c.mu.Unlock()
		if strings.Contains(sent, "ours") || strings.Contains(sent, "LATIN1") {
			t.Errorf("what was sent: %q", sent)
		}
		if met < 4 || strings.Count(sent, "typed-user") < 2 || strings.Count(sent, "typed_db") < 2 {
			t.Errorf("the test does not see what was sent in %d messages: %q", met, sent)
		}
		if password != "" && strings.Count(sent, "typed-password") < 1 {
			t.Errorf("the typed password was not sent: %q", sent)
		}
	}
}

// TestToolsTryEachAddressOfATypedServer as Keepsake itself does: a name that leads to an address where nothing listens,
// and to one where the server does, is no server that pg_restore alone cannot reach.
func TestToolsTryEachAddressOfATypedServer(t *testing.T) {
	t.Parallel()
	c := collect(t)
	_, port, err := net.SplitHostPort(c.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	checked := keepsake.Secret("keepsake-checked:" + base64.RawURLEncoding.EncodeToString([]byte(
		"postgres://ada:secret@db.example.org:"+port+"/wedsync?sslmode=disable&at=127.0.0.2&at=127.0.0.1")))
	tools, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	_ = tools.Dump(t.Context(), checked, "1", io.Discard) // the collector lets nobody in
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.Contains(c.sent.String(), "wedsync") {
		t.Errorf("the second address was sent %q", c.sent.String())
	}
}
