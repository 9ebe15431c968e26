package testenv

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooler starts PgBouncer in front of a database, with one session of the server for all who come, each for a
// transaction at a time, as hosting services run it. It returns the database's URL through it, and ends with the test.
func Pooler(t testing.TB, database string) string {
	t.Helper()
	behind, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatalf("read the database's URL: %v", err)
	}
	cred, err := unprivileged("") // it refuses to run as root
	if err != nil {
		t.Fatal(err)
	}
	dir, err := tempDir("", "pooler")
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pgbouncer.ini")
	settings := fmt.Sprintf("[databases]\n%s = host=%s port=%d user=%s password=%s pool_size=1\n"+
		"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\npool_mode = "+
		"transaction\nmax_client_conn = 50\n",
		behind.Database, behind.Host, behind.Port, behind.User, behind.Password, port)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if cred != nil {
		for _, name := range []string{dir, file} {
			if err := os.Chown(name, int(cred.Uid), int(cred.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command("/usr/sbin/pgbouncer", "-q", file) // where Debian has it, which is no folder of everybody's PATH
	cmd.Dir = "/"
	cmd.SysProcAttr = asAccount(cred, dir)
	pooler, err := startChild(cmd, syscall.SIGKILL, nil)
	if err != nil {
		t.Fatalf("start PgBouncer; scripts/setup.sh installs it: %v", err)
	}
	t.Cleanup(func() {
		pooler.stop(5*time.Second, syscall.SIGTERM)
		_ = os.RemoveAll(dir)
	})
	through := url.URL{
		Scheme:   "postgres",
		User:     url.User(behind.User),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/" + behind.Database,
		RawQuery: "sslmode=disable",
	}
	err = pooler.untilReady(t.Context(), readyTimeout, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, through.String())
		if err == nil {
			err = conn.Close(ctx)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return through.String()
}
